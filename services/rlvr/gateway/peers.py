"""The other rooms, as the gateway sees them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from rlvr.core.errors import Unavailable
from rlvr.core.rpc_client import channel
from rlvr.gateway.settings import GatewayRoomSettings
from rlvr.gateway.verifiers import VerifierRoom, Verifiers
from rlvr.v1 import coordinator_pb2_grpc

_HEALTH_TIMEOUT_S = 1.0


@dataclass
class Peers:
    """Channels to verifiers and coordinator."""

    verifiers: Verifiers
    channels: dict[str, grpc.aio.Channel]
    """Part as `/readyz` names it -> channel."""
    _coordinator: Any

    @property
    def coordinator(self) -> Any:
        """The coordinator's stub.

        Raises:
            Unavailable: this platform has none.
        """
        if self._coordinator is None:
            raise Unavailable("this platform has no coordinator: RLVR_PEERS__COORDINATOR is empty")
        return self._coordinator

    async def problems(self) -> dict[str, str]:
        """Part -> why it is not ready; empty when it is."""
        answers = await asyncio.gather(*(_problem(rpc_channel) for rpc_channel in self.channels.values()))
        return dict(zip(self.channels, answers, strict=True))


@asynccontextmanager
async def connect(settings: GatewayRoomSettings) -> AsyncIterator[Peers]:
    """Open the channels; connecting itself goes on in the background."""
    parts = {"verifier": settings.peers.verifier} if settings.peers.verifier else {}
    for kind, address in settings.peers.verifier_kinds.items():
        if address not in parts.values():
            parts[f"verifier/{kind}"] = address
    channels = {part: channel(address, settings.grpc) for part, address in parts.items()}
    rooms = {
        address: VerifierRoom(address, channels[part], reconnect_s=settings.gateway.reconnect_s)
        for part, address in parts.items()
    }
    coordinator = None
    if settings.peers.coordinator:
        channels["coordinator"] = channel(settings.peers.coordinator, settings.grpc)
        coordinator = coordinator_pb2_grpc.CoordinatorServiceStub(channels["coordinator"])
    try:
        yield Peers(Verifiers(rooms, settings.peers), channels, coordinator)
    finally:
        await asyncio.gather(*(rpc_channel.close(None) for rpc_channel in channels.values()))


async def _problem(rpc_channel: grpc.aio.Channel) -> str:
    stub: Any = health_pb2_grpc.HealthStub(rpc_channel)
    try:
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_HEALTH_TIMEOUT_S)
    except grpc.aio.AioRpcError as failure:
        return f"cannot be reached: {failure.code().name}"
    serving = answer.status == health_pb2.HealthCheckResponse.SERVING
    return "" if serving else "says that it is not ready; its log says why"
