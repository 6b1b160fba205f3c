"""The verifier room as a process: gRPC and streams, under fire."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import psutil
import pytest
from redis.asyncio import Redis

from rlvr.core.rpc_client import channel
from rlvr.core.settings import GrpcSettings
from rlvr.core.streams import GROUP, Consumer, add, keys
from rlvr.v1 import trace_pb2, verifier_pb2_grpc
from rlvr.v1 import verifier_pb2 as pb
from rooms import RoomProcess

FORMAT_SPEC = json.dumps({"style": "think_answer"})
RIGHT = "<think>one and one</think><answer>2</answer>"
SLOW_SPEC = json.dumps({"pattern": "(a+)+$"})
SLOW = "a" * 40 + "b"
"""A regular expression that backtracks for longer than anybody waits."""


StartRoom = Callable[..., RoomProcess]


SETTINGS = {
    "RLVR_VERIFIER__KINDS": '["format"]',
    "RLVR_VERIFIER__CACHE_SIZE": "0",
    "RLVR_STREAMS__MIN_IDLE_S": "2",
    "RLVR_STREAMS__HEARTBEAT_S": "0.3",
}


@pytest.fixture
def room(start_room: StartRoom) -> RoomProcess:
    return start_room("verifier", **SETTINGS)


@pytest.fixture
async def stub(room: RoomProcess) -> AsyncIterator[verifier_pb2_grpc.VerifierServiceStub]:
    async with channel(room.address, GrpcSettings()) as connection:
        yield verifier_pb2_grpc.VerifierServiceStub(connection)


def item(completion: str = RIGHT, spec: str = FORMAT_SPEC, verifier: str = "format") -> pb.VerifyItem:
    return pb.VerifyItem(completion=completion, spec_json=spec, verifier=verifier)


def graders(room: RoomProcess) -> list[psutil.Process]:
    """The worker processes: the nursery's children."""
    assert room.process is not None
    return [grader for nursery in psutil.Process(room.process.pid).children() for grader in nursery.children()]


async def test_a_batch_gives_one_verdict_per_item_with_its_index(stub: verifier_pb2_grpc.VerifierServiceStub) -> None:
    items = [
        item(),
        item("nothing"),
        item(spec="{"),
        item(verifier="no such"),
        item("x" * ((1 << 20) + 1)),
        item(SLOW, SLOW_SPEC),
    ]
    expected = [
        (pb.OUTCOME_CORRECT, pb.REASON_PASSED),
        (pb.OUTCOME_INCORRECT, pb.REASON_FORMAT_MISMATCH),
        (pb.OUTCOME_INVALID, pb.REASON_BAD_SPEC),
        (pb.OUTCOME_INVALID, pb.REASON_UNKNOWN_VERIFIER),
        (pb.OUTCOME_INCORRECT, pb.REASON_TOO_LARGE),
        (pb.OUTCOME_INCORRECT, pb.REASON_TIME_LIMIT),
    ]
    indexed = [pb.IndexedItem(index=i, item=items[i % len(items)]) for i in range(600) if i < 6 or i % len(items) < 4]
    requests = [pb.VerifyBatchRequest(items=indexed[i : i + 50]) for i in range(0, len(indexed), 50)]
    seen: dict[int, tuple[int, int]] = {}
    async for response in stub.VerifyBatch(iter(requests), timeout=60):
        for verdict in response.verdicts:
            assert verdict.index not in seen
            seen[verdict.index] = (verdict.verdict.outcome, verdict.verdict.reason)
    assert seen == {entry.index: expected[entry.index % len(items)] for entry in indexed}


async def test_equal_requests_have_equal_digests(stub: verifier_pb2_grpc.VerifierServiceStub) -> None:
    one, two, other = [
        (await stub.Verify(pb.VerifyRequest(item=it), timeout=10)).verdict
        for it in (item(), item(), item("something else"))
    ]
    assert one.digest == two.digest != other.digest
    assert one.trace_id != two.trace_id


async def test_a_killed_grader_is_an_error_after_one_retry_and_the_next_trace_is_graded(
    start_room: StartRoom,
) -> None:
    # No grader comes to a deadline before it is killed.
    room = start_room("verifier", RLVR_VERIFIER__DEADLINE_S="100", **SETTINGS)
    async with channel(room.address, GrpcSettings()) as connection:
        stub = verifier_pb2_grpc.VerifierServiceStub(connection)
        hanging = asyncio.create_task(_verify(stub, item(SLOW, SLOW_SPEC)))
        killed: set[int] = set()
        while not hanging.done():
            for process in graders(room):
                if _is_grading(process):
                    process.kill()
                    killed.add(process.pid)
            await asyncio.sleep(0.01)
        verdict = await hanging
        assert (verdict.outcome, verdict.reason) == (pb.OUTCOME_ERROR, pb.REASON_GRADER_CRASHED)
        assert not verdict.HasField("reward")
        assert len(killed) == 2
        assert (await _verify(stub, item())).outcome == pb.OUTCOME_CORRECT


def _is_grading(process: psutil.Process) -> bool:
    """Told from a worker that has only been forked, which runs too, by the time that it has had."""
    try:
        return sum(process.cpu_times()[:2]) >= 0.2
    except psutil.NoSuchProcess:
        return False


async def _verify(stub: verifier_pb2_grpc.VerifierServiceStub, it: pb.VerifyItem) -> pb.Verdict:
    return (await stub.Verify(pb.VerifyRequest(item=it), timeout=100)).verdict


async def test_sigterm_ends_it_cleanly_and_leaves_no_process(room: RoomProcess) -> None:
    assert room.process is not None
    family = psutil.Process(room.process.pid).children(recursive=True)
    assert room.stop() == 0
    deadline = time.monotonic() + 60
    while any(process.is_running() for process in family):
        assert time.monotonic() < deadline, "a process outlived the room"
        await asyncio.sleep(0.01)


async def _run_is_on(redis: Redis, version: int = 0) -> None:
    await redis.hset(keys.run("r"), "state", "running")
    await redis.hset(keys.policy("p"), "version", version)


def _trace(n: int, completion: str = RIGHT, **more: object) -> trace_pb2.TraceEntry:
    return trace_pb2.TraceEntry(
        run_id="r", group_id="r-0", trace_id=f"r-0/{n}", policy="p", verifier="format", spec_json=FORMAT_SPEC,
        completion=completion, max_staleness=1, **more,
    )  # fmt: skip


async def _verdicts(redis: Redis, count: int) -> dict[str, trace_pb2.VerdictEntry]:
    """The first `count` verdicts that come, by trace id (drops by position)."""
    deadline = time.monotonic() + 60
    while await redis.xlen(keys.VERDICTS) < count:
        assert time.monotonic() < deadline, f"{await redis.xlen(keys.VERDICTS)} of {count} verdicts came"
        await asyncio.sleep(0.01)
    entries = [trace_pb2.VerdictEntry.FromString(f[b"p"]) for _, f in await redis.xrange(keys.VERDICTS)]
    return {entry.scored.verdict.trace_id or f"drop {i}": entry for i, entry in enumerate(entries)}


async def test_traces_become_verdicts(room: RoomProcess, redis: Redis) -> None:
    await _run_is_on(redis)
    for n in range(50):
        await add(redis, keys.traces("format"), _trace(n, RIGHT if n % 2 else "wrong"))
    verdicts = await _verdicts(redis, 50)
    rewards = {trace_id: entry.scored.verdict.reward for trace_id, entry in verdicts.items()}
    assert rewards == {f"r-0/{n}": float(n % 2) for n in range(50)}
    assert await redis.xlen(keys.traces("format")) == 0


async def test_a_trace_too_stale_to_train_on_is_not_graded(room: RoomProcess, redis: Redis) -> None:
    await _run_is_on(redis, version=5)
    await add(redis, keys.traces("format"), _trace(0, span={"min": 3, "max": 5}))
    await add(redis, keys.traces("format"), _trace(1, span={"min": 4, "max": 5}))
    verdicts = await _verdicts(redis, 2)
    drops = [entry.drop.reason for entry in verdicts.values() if entry.HasField("drop")]
    assert drops == [trace_pb2.DROP_REASON_STALE]
    assert verdicts["r-0/1"].scored.verdict.outcome == pb.OUTCOME_CORRECT


async def test_traces_outlast_a_verifier_that_is_full(start_room: StartRoom, redis: Redis, interpreter: str) -> None:
    room = start_room(
        "verifier",
        RLVR_VERIFIER__KINDS='["code"]',
        RLVR_VERIFIER__CODE__CONCURRENCY="1",
        RLVR_VERIFIER__CODE__MAX_QUEUE="1",
        RLVR_VERIFIER__CODE__PYTHON=interpreter,
        RLVR_STREAMS__MAX_DELIVERIES="1",
    )
    await _run_is_on(redis)
    spec = json.dumps({"tests": [{"type": "stdio", "stdout": "1"}], "time_limit_s": 60})
    for n in range(30):
        trace = _trace(n, f"print({n % 2})")
        trace.verifier, trace.spec_json = "code", spec
        await add(redis, keys.traces("code"), trace)
    refused = 0
    async with channel(room.address, GrpcSettings()) as connection:
        stub = verifier_pb2_grpc.VerifierServiceStub(connection)
        while await redis.xlen(keys.VERDICTS) < 30:
            calls = (_verify(stub, item("print(1)", spec, "code")) for _ in range(5))
            answers = await asyncio.gather(*calls, return_exceptions=True)
            refusals = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
            assert {refusal.code() for refusal in refusals} <= {grpc.StatusCode.RESOURCE_EXHAUSTED}
            assert {answer.outcome for answer in answers if isinstance(answer, pb.Verdict)} <= {pb.OUTCOME_CORRECT}
            refused += len(refusals)
    verdicts = await _verdicts(redis, 30)
    assert {name: entry.scored.verdict.reward for name, entry in verdicts.items()} == {
        f"r-0/{n}": float(n % 2) for n in range(30)
    }
    assert refused and not await redis.xlen(keys.DEAD)


async def test_traces_of_a_run_that_stopped_are_let_go(room: RoomProcess, redis: Redis) -> None:
    await redis.hset(keys.run("r"), "state", "stopped")
    await add(redis, keys.traces("format"), _trace(0))
    deadline = time.monotonic() + 60
    while await redis.xlen(keys.traces("format")):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert await redis.xlen(keys.VERDICTS) == 0


async def test_a_room_killed_in_the_middle_loses_and_doubles_nothing(room: RoomProcess, redis: Redis) -> None:
    await _run_is_on(redis)
    total = 3_000
    for n in range(total):
        await add(redis, keys.traces("format"), _trace(n))
    for share in (0.1, 0.4, 0.7):
        deadline = time.monotonic() + 60
        while await redis.xlen(keys.VERDICTS) < share * total:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.001)
        room.kill()
        room.start()
    verdicts = await _verdicts(redis, total)
    assert len(verdicts) == total
    assert await redis.xlen(keys.VERDICTS) == total
    assert await redis.xlen(keys.DEAD) == 0


async def test_another_worker_takes_over_when_a_room_stays_dead(room: RoomProcess, redis: Redis) -> None:
    await _run_is_on(redis)
    stream = keys.traces("format")
    await add(redis, stream, _trace(0))
    # A worker that took the trace and was never heard of again.
    await redis.xgroup_create(stream, GROUP, id="0", mkstream=True) if not await redis.exists(stream) else None
    deadline = time.monotonic() + 60
    held = await Consumer(redis, stream, "dead").read(1, 0)
    while not held and await redis.xlen(keys.VERDICTS) == 0:
        assert time.monotonic() < deadline
    assert "r-0/0" in await _verdicts(redis, 1)


async def test_a_verifier_that_cannot_isolate_says_so_and_the_others_serve(start_room: StartRoom) -> None:
    # An interpreter that is not there stands for a host on which no sandbox can be made.
    broken = {"RLVR_VERIFIER__CODE__PYTHON": "/nowhere/python"}
    room = start_room("verifier", RLVR_VERIFIER__KINDS='["format", "code"]', **broken)
    async with channel(room.address, GrpcSettings()) as connection:
        stub = verifier_pb2_grpc.VerifierServiceStub(connection)
        spec = '{"tests": [{"type": "stdio", "stdout": "1"}]}'
        code = await _verify(stub, item("```python\nprint(1)\n```", spec, "code"))
        assert (code.outcome, code.reason) == (pb.OUTCOME_ERROR, pb.REASON_SANDBOX_UNAVAILABLE)
        assert (await _verify(stub, item())).outcome == pb.OUTCOME_CORRECT
        listed = (await stub.ListVerifiers(pb.ListVerifiersRequest(), timeout=10)).verifiers
        assert "problem" in {v.name: json.loads(v.available_json) for v in listed}["code"]


def test_a_room_that_can_run_no_verifier_refuses_to_start(redis_url: str, tmp_path: Path) -> None:
    room = RoomProcess("verifier", redis_url, tmp_path, {"RLVR_VERIFIER__KINDS": '["code"]'})
    room.env["RLVR_VERIFIER__CODE__PYTHON"] = "/nowhere/python"
    room.spawn()
    assert room.process is not None
    assert room.process.wait(110) == 1
    assert "cannot start" in room.log.read_text()
    assert "Traceback" not in room.log.read_text()
