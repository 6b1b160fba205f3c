"""A real gateway on a real socket, before a gRPC verifier whose behaviour a test chooses by an item's `verifier`."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import grpc
import httpx
import pytest
import uvicorn

from rlvr.core.rpc_server import Health, RpcServer
from rlvr.core.settings import GrpcSettings, PeerSettings
from rlvr.gateway.app import create_app
from rlvr.gateway.peers import connect
from rlvr.gateway.settings import GatewayRoomSettings, GatewaySettings
from rlvr.v1 import verifier_pb2, verifier_pb2_grpc


class ScriptedVerifier(verifier_pb2_grpc.VerifierServiceServicer):
    """`right` is right; `hang` waits for `release`; `lost-once` and `lost` break the stream the first time or always;
    `lying` gives a reward with an error; `forgets` ends the stream without an answer."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.asked: Counter[str] = Counter()
        """Trace id -> how often it was sent."""
        self.calls = 0
        self.in_hand = 0
        self.most_in_hand = 0
        self.cancelled = 0

    async def Verify(self, request: verifier_pb2.VerifyRequest, context: object) -> verifier_pb2.VerifyResponse:
        verdict = await self._verdict(request.item, context)
        assert verdict is not None
        return verifier_pb2.VerifyResponse(verdict=verdict)

    async def VerifyBatch(
        self, request_iterator: AsyncIterator[verifier_pb2.VerifyBatchRequest], context: object
    ) -> AsyncIterator[verifier_pb2.VerifyBatchResponse]:
        self.calls += 1
        async for request in request_iterator:
            self.in_hand += len(request.items)
            self.most_in_hand = max(self.most_in_hand, self.in_hand)
            left = len(request.items)
            try:
                for entry in request.items:
                    verdict = await self._verdict(entry.item, context)
                    self.in_hand -= 1
                    left -= 1
                    if verdict is not None:
                        answer = verifier_pb2.IndexedVerdict(index=entry.index, verdict=verdict)
                        yield verifier_pb2.VerifyBatchResponse(verdicts=[answer])
            finally:
                self.in_hand -= left

    async def _verdict(self, item: verifier_pb2.VerifyItem, context: object) -> verifier_pb2.Verdict | None:
        assert isinstance(context, grpc.aio.ServicerContext) or hasattr(context, "abort")
        self.asked[item.trace_id] += 1
        if item.verifier == "hang":
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if item.verifier == "lost" or (item.verifier == "lost-once" and self.asked[item.trace_id] == 1):
            await context.abort(grpc.StatusCode.INTERNAL, "the process died")
        if item.verifier == "full":
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue is full")
        if item.verifier == "forgets":
            return None
        lying = item.verifier == "lying"
        return verifier_pb2.Verdict(
            trace_id=item.trace_id,
            outcome=verifier_pb2.OUTCOME_ERROR if lying else verifier_pb2.OUTCOME_CORRECT,
            reward=0.0 if lying else 1.0,
            reason=verifier_pb2.REASON_EQUIVALENT,
            extracted=item.spec_json,
            verifier=item.verifier,
            verifier_version="1.0.0",
        )

    async def ListVerifiers(
        self, request: verifier_pb2.ListVerifiersRequest, context: object
    ) -> verifier_pb2.ListVerifiersResponse:
        info = verifier_pb2.VerifierInfo(
            name="right", version="1.0.0", spec_schema_json="{}", available_json='{"workers": 2}'
        )
        return verifier_pb2.ListVerifiersResponse(verifiers=[info])


@pytest.fixture
async def verifier() -> ScriptedVerifier:
    return ScriptedVerifier()


@pytest.fixture
async def verifier_address(verifier: ScriptedVerifier) -> AsyncIterator[str]:
    server = RpcServer(GrpcSettings(reflection=False), Health())
    server.add(verifier, verifier_pb2_grpc.add_VerifierServiceServicer_to_server, verifier_pb2.DESCRIPTOR)
    port = await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


@dataclass
class Serving:
    """Starts gateways; they end with the test."""

    address: str
    stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    url: str = ""

    async def __call__(self, peers: PeerSettings | None = None, **gateway: object) -> httpx.AsyncClient:
        """A client of a gateway with these settings."""
        settings = GatewayRoomSettings(
            peers=peers or PeerSettings(verifier=self.address, coordinator=""),
            gateway=GatewaySettings(**{"reconnect_s": 0.2, **gateway}),  # type: ignore[arg-type]
        )
        connected = await self.stack.enter_async_context(connect(settings))
        listener = socket.create_server(("127.0.0.1", 0))
        server = _Server(uvicorn.Config(create_app(settings.gateway, connected), lifespan="off", log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listener]))

        async def stop() -> None:
            server.should_exit = True
            server.force_exit = True
            await serving

        self.stack.push_async_callback(stop)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return await self.stack.enter_async_context(httpx.AsyncClient(base_url=self.url, timeout=90, trust_env=False))


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest.fixture
async def serve(verifier_address: str) -> AsyncIterator[Serving]:
    serving = Serving(verifier_address)
    async with serving.stack:
        yield serving
