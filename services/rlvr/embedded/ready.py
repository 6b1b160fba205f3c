"""When the platform is ready: every room serves gRPC, and the gateway says that it can do its work."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from rlvr.core.rpc_client import channel
from rlvr.core.rpc_server import LIVENESS
from rlvr.core.settings import GrpcSettings

_POLL_S = 0.1


async def room_is_up(address: str) -> None:
    """Wait until the room at `host:port` serves gRPC. A sampler without weights and a trainer without a run are
    up: what they wait for comes with a run."""
    async with channel(address, GrpcSettings()) as connection:
        health = health_pb2_grpc.HealthStub(connection)
        while True:
            try:
                answer = await health.Check(health_pb2.HealthCheckRequest(service=LIVENESS), timeout=2)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            except grpc.aio.AioRpcError:
                pass  # Not yet; it is still importing.
            await asyncio.sleep(_POLL_S)


async def gateway_is_ready(url: str) -> None:
    """Wait until the gateway reaches what it needs."""
    while True:
        if await asyncio.to_thread(_answers_ok, f"{url}/readyz"):
            return
        await asyncio.sleep(_POLL_S)


def _answers_ok(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
