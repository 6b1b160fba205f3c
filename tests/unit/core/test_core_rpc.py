"""gRPC plumbing between a real server and a real channel."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from rlvr.core.errors import Conflict, FieldViolation, InvalidRequest, NotFound, Overloaded, RlvrError
from rlvr.core.rpc_client import channel, rlvr_errors
from rlvr.core.rpc_server import LIVENESS, Health, RpcServer
from rlvr.core.settings import GrpcSettings
from rlvr.v1 import verifier_pb2, verifier_pb2_grpc


class Failing(verifier_pb2_grpc.VerifierServiceServicer):
    """Raises what a test asks for."""

    def __init__(self) -> None:
        self.failure: Exception = RuntimeError("unset")

    async def Verify(self, request: object, context: grpc.aio.ServicerContext) -> verifier_pb2.VerifyResponse:
        raise self.failure

    async def VerifyBatch(
        self, request_iterator: AsyncIterator[verifier_pb2.VerifyBatchRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[verifier_pb2.VerifyBatchResponse]:
        async for request in request_iterator:
            yield verifier_pb2.VerifyBatchResponse(
                verdicts=[verifier_pb2.IndexedVerdict(index=i.index) for i in request.items]
            )
        raise self.failure


class Rig:
    def __init__(self, servicer: Failing, health: Health, connection: grpc.aio.Channel) -> None:
        self.servicer = servicer
        self.health = health
        self.channel = connection
        self.stub = verifier_pb2_grpc.VerifierServiceStub(connection)

    async def status(self, service: str) -> int:
        stub = health_pb2_grpc.HealthStub(self.channel)
        return (await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=60)).status


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    settings, health, servicer = GrpcSettings(), Health(), Failing()
    server = RpcServer(settings, health)
    server.add(servicer, verifier_pb2_grpc.add_VerifierServiceServicer_to_server, verifier_pb2.DESCRIPTOR)
    port = await server.start()
    connection = channel(f"127.0.0.1:{port}", settings)
    yield Rig(servicer, health, connection)
    await connection.close()
    await server.stop(0)


@pytest.mark.parametrize(
    "failure",
    [
        InvalidRequest("bad", violations=[FieldViolation("training.steps", "must be at least 1")]),
        NotFound("no run x"),
        Conflict("is stopped"),
        Overloaded("later", retry_after_seconds=2.5),
    ],
)
async def test_an_error_arrives_as_it_was_raised(rig: Rig, failure: RlvrError) -> None:
    rig.servicer.failure = failure
    with pytest.raises(type(failure)) as caught, rlvr_errors():
        await rig.stub.Verify(verifier_pb2.VerifyRequest(), timeout=60)
    assert caught.value.detail == failure.detail
    assert caught.value.violations == failure.violations
    assert caught.value.retry_after_seconds == failure.retry_after_seconds
    assert caught.value.problem()["status"] == failure.http_status


async def test_a_bug_is_internal_and_keeps_its_details_in_the_log(rig: Rig) -> None:
    rig.servicer.failure = KeyError("secret")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rig.stub.Verify(verifier_pb2.VerifyRequest(), timeout=60)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in (caught.value.details() or "")


async def test_a_stream_delivers_what_it_had_before_its_error(rig: Rig) -> None:
    rig.servicer.failure = Conflict("half way")
    requests = [verifier_pb2.VerifyBatchRequest(items=[verifier_pb2.IndexedItem(index=i)]) for i in range(3)]
    seen = []
    with pytest.raises(Conflict), rlvr_errors():
        async for response in rig.stub.VerifyBatch(iter(requests), timeout=60):
            seen += [verdict.index for verdict in response.verdicts]
    assert seen == [0, 1, 2]


async def test_health_tells_the_truth_and_draining_is_alive_but_not_ready(rig: Rig) -> None:
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    assert await rig.status("") == serving
    await rig.health.set_part("redis", "cannot be reached")
    assert await rig.status("") == not_serving
    assert await rig.status("rlvr.v1.VerifierService") == not_serving
    await rig.health.set_part("redis", "")
    assert await rig.status("") == serving
    await rig.health.drain()
    assert await rig.status("") == not_serving
    assert await rig.status(LIVENESS) == serving


async def test_two_rooms_cannot_share_an_address(rig: Rig) -> None:
    first = RpcServer(GrpcSettings(), Health())
    port = await first.start()
    with pytest.raises(OSError, match="cannot listen"):
        await RpcServer(GrpcSettings(listen=f"127.0.0.1:{port}"), Health()).start()
    await first.stop(0)
