"""The sampler room with an engine of one's choice, over a real Redis and real gRPC; the coordinator is a register."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from rlvr.core import rpc_client
from rlvr.core.rpc_server import Health, RpcServer
from rlvr.core.settings import GrpcSettings, StreamSettings
from rlvr.core.streams import add, keys
from rlvr.sampler.follower import PolicyFollower
from rlvr.sampler.service import SamplerService
from rlvr.sampler.versions import PolicyVersion
from rlvr.sampler.worker import PromptWorker
from rlvr.v1 import common_pb2, coordinator_pb2, coordinator_pb2_grpc, sampler_pb2, sampler_pb2_grpc, trace_pb2
from rooms import free_port

GRPC = GrpcSettings()
STREAMS = StreamSettings(heartbeat_s=0.2)
RUN = "run-1"


class RegisterServicer(coordinator_pb2_grpc.CoordinatorServiceServicer):
    """WatchPolicy alone: says what it is told to say, now and at every change."""

    def __init__(self) -> None:
        self.response = coordinator_pb2.WatchPolicyResponse()
        self._changed = asyncio.Condition()

    async def say(self, version: PolicyVersion | None, run_id: str = RUN) -> None:
        self.response = coordinator_pb2.WatchPolicyResponse()
        if version is not None:
            self.response.run_id = run_id
            self.response.policy.policy, self.response.policy.version = version.policy, version.version
            self.response.policy.uri = version.uri
        async with self._changed:
            self._changed.notify_all()

    async def WatchPolicy(self, request: Any, context: Any) -> AsyncIterator[coordinator_pb2.WatchPolicyResponse]:
        while True:
            said = self.response
            yield said
            async with self._changed:
                await self._changed.wait_for(lambda: self.response is not said)  # noqa: B023


@dataclass
class RoomUnderTest:
    engine: Any
    follower: PolicyFollower
    register: RegisterServicer
    health: Health
    redis: Redis
    stub: sampler_pb2_grpc.SamplerServiceStub
    stopping: asyncio.Event
    workers: list[asyncio.Task[None]]
    restart_coordinator: Callable[[], Any]

    async def admit(
        self,
        group_id: str,
        *,
        policy: str = "tiny",
        run_id: str = RUN,
        sampling: common_pb2.SamplingParams | None = None,
        **changes: Any,
    ) -> None:
        entry = trace_pb2.PromptEntry(
            run_id=run_id,
            group_id=group_id,
            policy=policy,
            max_staleness=1,
            problem=common_pb2.Problem(
                prompt=[common_pb2.ChatMessage(role="user", content="1+2=")], verifier="math", spec_json='{"a": 3}'
            ),
            group_size=3,
            sampling=sampling or common_pb2.SamplingParams(temperature=1.0, max_tokens=50, seed=4),
        )
        for name, value in changes.items():
            setattr(entry, name, value)
        await self.redis.hset(keys.group(group_id), "state", "open")
        await add(self.redis, keys.prompts(policy), entry)

    async def traces(self) -> list[trace_pb2.TraceEntry]:
        rows: Any = await self.redis.xrange(keys.traces("math"))
        return [trace_pb2.TraceEntry.FromString(fields[b"p"]) for _, fields in rows]

    async def verdicts(self) -> list[trace_pb2.VerdictEntry]:
        rows: Any = await self.redis.xrange(keys.VERDICTS)
        return [trace_pb2.VerdictEntry.FromString(fields[b"p"]) for _, fields in rows]

    async def backlog(self, policy: str = "tiny") -> int:
        return int(await self.redis.xlen(keys.prompts(policy)))


@asynccontextmanager
async def serve(servicer: Any, register: Any, file: Any, listen: str = "127.0.0.1:0") -> AsyncIterator[int]:
    server = RpcServer(GrpcSettings(listen=listen), Health())
    server.add(servicer, register, file)
    try:
        yield await server.start()
    finally:
        await server.stop(0)


@asynccontextmanager
async def running_room(engine: Any, redis: Redis, cache: Path) -> AsyncIterator[RoomUnderTest]:
    """A room that follows a register which says nothing yet. The engine is not closed."""
    register = RegisterServicer()

    def coordinator(listen: str) -> Any:
        add_servicer = coordinator_pb2_grpc.add_CoordinatorServiceServicer_to_server
        return serve(register, add_servicer, coordinator_pb2.DESCRIPTOR, listen)

    # Not one that the kernel gives away while the coordinator is restarted.
    serving = coordinator(f"127.0.0.1:{free_port()}")
    port = await serving.__aenter__()

    async def restart() -> None:
        nonlocal serving
        await serving.__aexit__(None, None, None)
        serving = coordinator(f"127.0.0.1:{port}")
        await serving.__aenter__()

    health, stopping = Health(), asyncio.Event()
    upstream = rpc_client.channel(f"127.0.0.1:{port}", GRPC)
    follower = PolicyFollower(
        engine,
        coordinator_pb2_grpc.CoordinatorServiceStub(upstream),
        policy="",
        cache=cache,
        health=health,
    )
    prompts = PromptWorker(engine, follower, redis, "sampler-1", streams=STREAMS, capacity=8)
    workers = [asyncio.create_task(worker.run(stopping)) for worker in (follower, prompts)]
    await redis.hset(keys.run(RUN), "state", "running")
    service = SamplerService(engine, follower, GRPC)
    try:
        async with serve(
            service, sampler_pb2_grpc.add_SamplerServiceServicer_to_server, sampler_pb2.DESCRIPTOR
        ) as own_port:
            channel = rpc_client.channel(f"127.0.0.1:{own_port}", GRPC)
            stub = sampler_pb2_grpc.SamplerServiceStub(channel)
            yield RoomUnderTest(engine, follower, register, health, redis, stub, stopping, workers, restart)
            await channel.close(grace=None)
    finally:
        stopping.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*workers, return_exceptions=True)
        await upstream.close(grace=None)
        await serving.__aexit__(None, None, None)
