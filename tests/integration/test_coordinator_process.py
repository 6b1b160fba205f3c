"""The coordinator as a real process, under load from a scripted sampler, verifier and trainer, and under fire."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from redis.asyncio import Redis

from rlvr.core.errors import Conflict, InvalidRequest, NotFound, RlvrError
from rlvr.core.policy import PolicySpan, group_is_stale, lag, max_groups_in_flight
from rlvr.core.rpc_client import channel, rlvr_errors
from rlvr.core.settings import GrpcSettings, RedisSettings, StreamSettings
from rlvr.core.streams import LOST, Consumer, Entry, Finished, Outgoing, StreamWorker, add, connect, keys
from rlvr.v1 import common_pb2, coordinator_pb2, coordinator_pb2_grpc, trace_pb2, verifier_pb2
from rooms import free_port

STREAMS = StreamSettings(min_idle_s=1.0, heartbeat_s=0.25)
DRAIN_S = 50.0
K, P = 4, 8


class CoordinatorProcess:
    """`python -m rlvr.coordinator`, always on the same port."""

    def __init__(self, redis_url: str, log: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("RLVR_")},
            "RLVR_REDIS__URL": redis_url,
            "RLVR_GRPC__LISTEN": self.address,
            "RLVR_METRICS__LISTEN": "",
            "RLVR_STREAMS__MIN_IDLE_S": str(STREAMS.min_idle_s),
            "RLVR_COORDINATOR__POLL_S": "0.2",
            "RLVR_GRPC__DRAIN_S": str(DRAIN_S),
        }
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rlvr.coordinator"], env=self._environment, stderr=log
            )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def terminate(self, deadline_s: float) -> int:
        """End it with SIGTERM; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(deadline_s):
            while (code := self._process.poll()) is None:
                await asyncio.sleep(0.01)
        return code


@dataclass
class World:
    """Everything around the coordinator. Verdicts are a function of the trace id; some are told twice."""

    redis: Redis
    stub: coordinator_pb2_grpc.CoordinatorServiceStub
    process: CoordinatorProcess
    reward: Callable[[str], float | None]
    trainer_id: str = "trainer"
    held: common_pb2.PolicyVersion | None = None
    trained: list[str] = field(default_factory=list)
    lags: Counter[int] = field(default_factory=Counter)
    over_bound: list[tuple[int, int]] = field(default_factory=list)
    most_in_flight: int = 0
    parts: list[asyncio.Task[None]] = field(default_factory=list)
    """The sampler, the verifier and the trainer."""

    def check(self) -> None:
        """Raise what a part of this world died of."""
        for part in self.parts:
            if part.done():
                part.result()
                raise AssertionError("a part of the test's world has ended")

    async def insist(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Make a call until the coordinator and Redis are there to answer it."""
        while True:
            try:
                with rlvr_errors():
                    return await call()
            except (InvalidRequest, Conflict, NotFound):
                raise
            except (RlvrError, *LOST):
                await asyncio.sleep(0.02)

    async def create(self, path: Path, **recipe: Any) -> str:
        path.write_text('{"prompt": "1 + 1?", "verifier": "math", "spec": {"answer": "2"}}\n')
        spec = coordinator_pb2.RunSpec(
            name="test",
            policy="pol",
            policy_path="/initial",
            problems=coordinator_pb2.ProblemSource(kind="jsonl", path=str(path)),
            group_size=K,
            training=coordinator_pb2.Recipe(**{"groups_per_step": P, **recipe}),
        )
        # So that one that is sent again is the same.
        request = coordinator_pb2.CreateRunRequest(spec=spec, request_id=secrets.token_hex(16))
        reply = await self.insist(lambda: self.stub.CreateRun(request, timeout=10, wait_for_ready=True))
        return reply.run.run_id

    async def status(self, run_id: str) -> coordinator_pb2.RunStatus:
        self.check()
        request = coordinator_pb2.GetRunRequest(run_id=run_id)
        return (await self.insist(lambda: self.stub.GetRun(request, timeout=5))).run

    async def until(self, run_id: str, holds: Callable[[coordinator_pb2.RunStatus], bool]) -> Any:
        async with asyncio.timeout(100):
            while not holds(status := await self.status(run_id)):
                await asyncio.sleep(0.02)
        return status

    # The sampler

    async def watch(self) -> None:
        while True:
            try:
                request = coordinator_pb2.WatchPolicyRequest(policy="pol")
                async for reply in self.stub.WatchPolicy(request):
                    self.held = reply.policy if reply.HasField("policy") else None
            except grpc.aio.AioRpcError:
                pass
            await asyncio.sleep(0.05)

    async def sample(self, entry: Entry) -> Finished | None:
        prompt = trace_pb2.PromptEntry.FromString(entry.payload)
        while self.held is None or self.held.version < prompt.min_version:
            if await self.redis.hget(keys.run(prompt.run_id), "state") != b"running":
                return None
            await asyncio.sleep(0.01)
        span = common_pb2.PolicySpan(min=self.held.version, max=self.held.version)
        traces = [
            trace_pb2.TraceEntry(
                run_id=prompt.run_id,
                group_id=prompt.group_id,
                trace_id=f"{prompt.group_id}/{i}",
                span=span,
                verifier=prompt.problem.verifier,
            )
            for i in range(prompt.group_size)
        ]
        outgoing = [Outgoing.of(keys.traces("math"), trace, entry.traceparent) for trace in traces]
        return Finished(keys.sampled(prompt.group_id), b"bulk", outgoing)

    # The verifier

    async def grade(self, entry: Entry) -> Finished:
        trace = trace_pb2.TraceEntry.FromString(entry.payload)
        verdict = verifier_pb2.Verdict(trace_id=trace.trace_id, verifier="math")
        reward = self.reward(trace.trace_id)
        if reward is None:
            verdict.outcome, verdict.detail = verifier_pb2.OUTCOME_INVALID, "the gold answer is no number"
        else:
            verdict.outcome = verifier_pb2.OUTCOME_CORRECT if reward else verifier_pb2.OUTCOME_INCORRECT
            verdict.reward = reward
        told = trace_pb2.VerdictEntry(
            run_id=trace.run_id,
            group_id=trace.group_id,
            scored=trace_pb2.ScoredTrace(span=trace.span, verdict=verdict),
        )
        times = 2 if hash_of(trace.trace_id) % 7 == 0 else 1
        outgoing = [Outgoing.of(keys.VERDICTS, told, entry.traceparent)] * times
        return Finished(keys.verdict(trace.trace_id), b"verdict", outgoing)

    # The trainer

    async def train(self) -> None:
        """Trains whatever run it can get, for ever."""
        while True:
            request = coordinator_pb2.AcquireRunRequest(trainer_id=self.trainer_id)
            reply = await self.insist(lambda request=request: self.stub.AcquireRun(request, timeout=5))
            if reply.HasField("run"):
                await self.train_run(reply.run)
            await asyncio.sleep(0.02)

    async def train_run(self, run: coordinator_pb2.RunStatus) -> None:
        consumer = Consumer(self.redis, keys.groups(run.run_id), self.trainer_id)
        in_hand: dict[str, tuple[Entry, trace_pb2.GroupEntry]] = {}
        step = run.step
        while True:
            renew = coordinator_pb2.AcquireRunRequest(trainer_id=self.trainer_id, run_id=run.run_id)
            if not (await self.insist(lambda: self.stub.AcquireRun(renew, timeout=5))).HasField("run"):  # noqa: B023
                return
            entries = await self.insist(lambda: consumer.claim(100, 0)) if not in_hand else []
            entries += await self.insist(lambda: consumer.claim(100, 500))
            entries += await self.insist(lambda: consumer.read(100, 20))
            for entry in entries:
                group = trace_pb2.GroupEntry.FromString(entry.payload)
                in_hand.setdefault(group.group_id, (entry, group))
            stale = [g for g, (_, group) in in_hand.items() if self.is_stale(run, step, group)]
            if stale:
                drop = coordinator_pb2.DropGroupsRequest(
                    run_id=run.run_id,
                    trainer_id=self.trainer_id,
                    group_ids=stale,
                    reason=trace_pb2.DROP_REASON_STALE,
                )
                await self.insist(lambda: self.stub.DropGroups(drop, timeout=5))  # noqa: B023
                await self.insist(lambda: consumer.discard([in_hand.pop(g)[0] for g in list(stale)]))  # noqa: B023
            batch = sorted(in_hand, key=lambda g: int(g.rpartition("-")[2]))[:P]
            if len(batch) == P:
                await self.complete(run, step, [in_hand[g][1] for g in batch])
                done = [in_hand.pop(g)[0] for g in batch]
                await self.insist(lambda: consumer.discard(done))  # noqa: B023
                step += 1

    def is_stale(self, run: coordinator_pb2.RunStatus, step: int, group: trace_pb2.GroupEntry) -> bool:
        spans = [PolicySpan(m.span.min, m.span.max) for m in group.members]
        return group_is_stale(step, spans, run.spec.training.max_staleness)

    async def complete(self, run: coordinator_pb2.RunStatus, step: int, groups: list[trace_pb2.GroupEntry]) -> None:
        ids = [group.group_id for group in groups]
        record = coordinator_pb2.StepRecord(step=step, version=step + 1, group_ids=ids, mean_reward=0.5)
        version = common_pb2.PolicyVersion(policy="pol", version=step + 1, uri=f"/v{step + 1}")
        request = coordinator_pb2.CompleteStepRequest(
            run_id=run.run_id, trainer_id=self.trainer_id, record=record, policy=version
        )
        await self.insist(lambda: self.stub.CompleteStep(request, timeout=5))
        self.trained += ids
        for member in (member for group in groups for member in group.members):
            self.lags[lag(step, PolicySpan(member.span.min, member.span.max))] += 1

    # The observer

    async def observe(self, run_id: str, steps: int, staleness: int) -> None:
        """Compare what is in flight with the bound at that very step, as often as possible."""
        while True:
            try:
                pipe = self.redis.pipeline(transaction=True)
                pipe.hget(keys.run(run_id), "step")
                pipe.zcard(keys.in_flight(run_id))
                step, in_flight = await pipe.execute()
                self.most_in_flight = max(self.most_in_flight, in_flight)
                if in_flight > max_groups_in_flight(staleness, P, steps - int(step)):
                    self.over_bound.append((int(step), in_flight))
            except LOST:
                pass
            await asyncio.sleep(0.003)


async def end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended: a cancellation that meets a reply of Redis can be lost in the client."""
    late = set(tasks)
    while late:
        for task in late:
            task.cancel()
        _, late = await asyncio.wait(late, timeout=0.5)


def hash_of(trace_id: str) -> int:
    return random.Random(trace_id).getrandbits(32)


def mixed_reward(trace_id: str) -> float | None:
    """Right or wrong by chance; one trace in twenty cannot be scored; one group in five is degenerate."""
    group_id, _, index = trace_id.rpartition("/")
    if hash_of(group_id) % 5 == 0:
        return 0.0
    return None if hash_of(trace_id) % 20 == 0 else float((hash_of(group_id) >> 8 >> int(index)) & 1)


@pytest.fixture
def process(redis_url: str, tmp_path: Path) -> Iterator[CoordinatorProcess]:
    process = CoordinatorProcess(redis_url, tmp_path / "coordinator.log")
    process.start()
    yield process
    process.kill()


@pytest.fixture
async def make_world(redis_url: str, process: CoordinatorProcess) -> AsyncIterator[Callable[..., Any]]:
    """A factory: `async with make_world(reward) as world`."""

    @asynccontextmanager
    async def make(reward: Callable[[str], float | None] = mixed_reward) -> AsyncIterator[World]:
        redis = connect(RedisSettings(url=redis_url))
        wire = channel(process.address, GrpcSettings())
        world = World(redis, coordinator_pb2_grpc.CoordinatorServiceStub(wire), process, reward)
        stopping = asyncio.Event()  # is never set: the world ends by being cancelled
        workers = [
            StreamWorker(
                Consumer(redis, stream, "worker"),
                STREAMS,
                handler=handler,
                bury=lambda entry, error: [],
                capacity=64,
                name=stream,
            )
            for stream, handler in ((keys.prompts("pol"), world.sample), (keys.traces("math"), world.grade))
        ]
        work = (world.watch(), world.train(), *(worker.run(stopping) for worker in workers))
        world.parts = [asyncio.create_task(part) for part in work]
        try:
            yield world
            world.check()
        finally:
            await end(world.parts)
            await wire.close()
            await redis.aclose()

    yield make


def ended(status: coordinator_pb2.RunStatus) -> bool:
    return status.state in (coordinator_pb2.RUN_STATE_SUCCEEDED, coordinator_pb2.RUN_STATE_FAILED)


def accounts_for_all(status: coordinator_pb2.RunStatus) -> bool:
    """Every group that was ever admitted was trained on, dropped, or is in flight."""
    gone = status.groups_trained + sum(status.groups_dropped.values())
    return status.groups_admitted == gone + status.groups_in_flight


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("staleness", [0, 2])
async def test_killed_again_and_again_it_loses_nothing_and_doubles_nothing(
    make_world: Callable[..., Any], tmp_path: Path, staleness: int
) -> None:
    steps, dice = 60, random.Random(staleness)
    async with make_world() as world:
        run_id = await world.create(tmp_path / "p.jsonl", steps=steps, max_staleness=staleness)
        observer = asyncio.create_task(world.observe(run_id, steps, staleness))
        attacks = ["coordinator", "connections", "coordinator"] * 4
        async with asyncio.timeout(360):
            for nth, attack in enumerate(attacks):
                mark = nth * steps // len(attacks)
                await world.until(run_id, lambda s, mark=mark: s.step >= mark)
                await asyncio.sleep(dice.uniform(0.0, 0.1))
                if attack == "connections":
                    await world.redis.execute_command("CLIENT", "KILL", "TYPE", "normal")
                else:
                    world.process.kill()
                    world.process.start()
            await world.until(run_id, ended)
            while await world.redis.xlen(keys.VERDICTS):
                await asyncio.sleep(0.02)
        observer.cancel()
        status = await world.status(run_id)
        records = (
            await world.insist(lambda: world.stub.ListSteps(coordinator_pb2.ListStepsRequest(run_id=run_id), timeout=5))
        ).steps
    assert status.state == coordinator_pb2.RUN_STATE_SUCCEEDED
    kept = [group for record in records for group in record.group_ids]
    assert [record.step for record in records] == list(range(steps))
    assert kept == world.trained
    assert len(set(kept)) == len(kept) == steps * P == status.groups_trained
    assert status.groups_in_flight == 0
    assert accounts_for_all(status)
    assert set(status.groups_dropped) <= {"degenerate", "stale", "unscored"}
    assert world.over_bound == []
    assert world.most_in_flight <= (staleness + 1) * P
    assert min(world.lags) >= 0
    assert max(world.lags) <= staleness
    assert status.policy.version == steps


async def test_stopped_and_resumed_it_goes_on_where_it_was(make_world: Callable[..., Any], tmp_path: Path) -> None:
    async with make_world() as world:
        run_id = await world.create(tmp_path / "p.jsonl", steps=30, max_staleness=1)
        for target in (3, 9):
            await world.until(run_id, lambda s, target=target: s.step >= target)
            stop = coordinator_pb2.StopRunRequest(run_id=run_id)
            stopped = (await world.insist(lambda stop=stop: world.stub.StopRun(stop, timeout=5))).run
            assert stopped.state == coordinator_pb2.RUN_STATE_STOPPED
            assert accounts_for_all(stopped)
            admitted = stopped.groups_admitted
            world.process.kill()
            world.process.start()
            assert (await world.status(run_id)).groups_admitted == admitted
            resume = coordinator_pb2.ResumeRunRequest(run_id=run_id)
            await world.insist(lambda resume=resume: world.stub.ResumeRun(resume, timeout=5))
        status = await world.until(run_id, ended)
    assert status.state == coordinator_pb2.RUN_STATE_SUCCEEDED
    assert len(set(world.trained)) == len(world.trained) == 30 * P
    assert accounts_for_all(status)
    assert status.groups_dropped["stopped"] >= 0


async def test_a_run_that_nothing_can_be_scored_of_fails_and_says_why(
    make_world: Callable[..., Any], tmp_path: Path
) -> None:
    async with make_world(lambda trace_id: None) as world:
        run_id = await world.create(tmp_path / "p.jsonl", steps=5, max_staleness=1)
        status = await world.until(run_id, ended)
    assert status.state == coordinator_pb2.RUN_STATE_FAILED
    assert "the gold answer is no number" in status.error
    assert status.groups_dropped["unscored"] > 4 * P
    assert accounts_for_all(status)
    assert status.groups_in_flight == 0


async def test_a_policy_that_is_always_right_still_finishes_within_the_replacement_bound(
    make_world: Callable[..., Any], tmp_path: Path
) -> None:
    async with make_world(lambda trace_id: 1.0) as world:
        run_id = await world.create(tmp_path / "p.jsonl", steps=4, max_staleness=0, max_replacements=2)
        status = await world.until(run_id, ended)
    assert status.state == coordinator_pb2.RUN_STATE_SUCCEEDED
    assert status.groups_dropped["degenerate"] == 4 * 2 * P
    assert set(world.lags) == {0}


async def test_the_api_says_what_is_wrong(make_world: Callable[..., Any], tmp_path: Path) -> None:
    async with make_world() as world:
        run_id = await world.create(tmp_path / "p.jsonl", steps=1000)
        stub = world.stub
        calls: list[tuple[type[RlvrError], str, Any]] = [
            (NotFound, "nope", lambda: stub.GetRun(coordinator_pb2.GetRunRequest(run_id="nope"), timeout=30)),
            (InvalidRequest, "trainer_id", lambda: stub.AcquireRun(coordinator_pb2.AcquireRunRequest(), timeout=30)),
            (InvalidRequest, "policy_path", lambda: stub.CreateRun(coordinator_pb2.CreateRunRequest(), timeout=30)),
            (
                InvalidRequest,
                "reason",
                lambda: stub.DropGroups(coordinator_pb2.DropGroupsRequest(run_id=run_id, trainer_id="t"), timeout=30),
            ),
        ]
        for kind, says, call in calls:
            with pytest.raises(kind, match=says), rlvr_errors():
                await call()
        with pytest.raises(Conflict, match=run_id):
            await world.create(tmp_path / "p.jsonl", steps=1)
        spec = coordinator_pb2.RunSpec(name="x", policy_path="/m", group_size=2)
        spec.problems.kind, spec.problems.path = "jsonl", str(tmp_path / "absent.jsonl")
        with pytest.raises(InvalidRequest, match="absent") as failure, rlvr_errors():
            await stub.CreateRun(coordinator_pb2.CreateRunRequest(spec=spec), timeout=30)
        assert failure.value.violations[0].field == "problems.path"


async def test_sigterm_ends_it_before_its_drain_runs_out_with_watchers_and_a_run_going_on(
    make_world: Callable[..., Any], tmp_path: Path
) -> None:
    async with make_world() as world:
        run_id = await world.create(tmp_path / "p.jsonl", steps=1000)
        await world.until(run_id, lambda status: status.step >= 2)
        assert await world.process.terminate(deadline_s=DRAIN_S - 5) == 0
        late = trace_pb2.VerdictEntry(
            run_id=run_id, group_id=f"{run_id}-0", drop=trace_pb2.GroupDrop(reason="DROP_REASON_STALE")
        )
        await add(world.redis, keys.VERDICTS, late)
        world.process.start()
        before = (await world.status(run_id)).step
        status = await world.until(run_id, lambda status: status.step > before)
        assert accounts_for_all(status)
