"""The room's two sides, over a real Redis and real gRPC; the engine is the fake one, the coordinator a register."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from redis.asyncio import Redis

from rlvr.core.errors import Conflict, DeadlineExceeded, InvalidRequest
from rlvr.core.rpc_client import rlvr_errors
from rlvr.core.streams import GROUP, Consumer, NotNow, keys
from rlvr.sampler.engine import EngineFailed, EngineState, EngineStatus
from rlvr.sampler.engines.fake import FakeEngine
from rlvr.sampler.versions import PolicyVersion
from rlvr.sampler.worker import PromptWorker
from rlvr.v1 import (
    common_pb2,
    sampler_pb2,
    trace_pb2,
)
from sampler_rooms import RUN, STREAMS, RoomUnderTest, running_room


@pytest.fixture
async def room(redis: Redis, tmp_path: Path) -> AsyncIterator[RoomUnderTest]:
    engine = FakeEngine()
    async with running_room(engine, redis, tmp_path / "cache") as room:
        try:
            yield room
        finally:
            engine.may_finish.set()


@pytest.fixture
def v0(tmp_path: Path) -> PolicyVersion:
    (tmp_path / "v0").mkdir()
    return PolicyVersion("tiny", 0, str(tmp_path / "v0"))


@pytest.fixture
def v1(tmp_path: Path) -> PolicyVersion:
    (tmp_path / "v1").mkdir()
    return PolicyVersion("tiny", 1, str(tmp_path / "v1"))


async def until(condition: Callable[[], Any]) -> None:
    """Poll a plain or an awaitable condition."""
    async with asyncio.timeout(60):
        while True:
            value = condition()
            if (await value) if asyncio.iscoroutine(value) else value:
                return
            await asyncio.sleep(0.005)


async def test_a_prompt_becomes_a_claim_check_and_k_traces(room: RoomUnderTest, v0: PolicyVersion) -> None:
    await room.register.say(v0)
    await room.admit("run-1-0")
    await until(lambda: _async_len(room.traces, 3))
    traces = await room.traces()
    assert [trace.trace_id for trace in traces] == ["run-1-0/0", "run-1-0/1", "run-1-0/2"]
    assert traces[1] == trace_pb2.TraceEntry(
        run_id=RUN,
        group_id="run-1-0",
        trace_id="run-1-0/1",
        policy="tiny",
        span=common_pb2.PolicySpan(min=0, max=0),
        max_staleness=1,
        verifier="math",
        spec_json='{"a": 3}',
        completion="1+2= #1",
    )
    sampled = trace_pb2.SampledGroup.FromString(await room.redis.get(keys.sampled("run-1-0")))
    assert sampled.temperature == 1.0
    assert sampled.sample_seconds > 0
    assert struct.unpack("<4i", sampled.prompt_ids) == tuple(map(ord, "1+2="))
    assert struct.unpack("<7i", sampled.traces[1].completion_ids) == tuple(map(ord, "1+2= #1"))
    assert struct.unpack("<7f", sampled.traces[1].logprobs) == (0.0,) * 7
    assert sampled.traces[1].finish_reason == "stop"
    assert room.engine.requests[0].seed == 4
    await until(lambda: _async_zero(room.backlog))


async def test_no_prompt_is_taken_before_the_weights_match_the_register(
    room: RoomUnderTest, v0: PolicyVersion, tmp_path: Path
) -> None:
    await room.admit("run-1-0")
    await room.register.say(replace(v0, uri=str(tmp_path / "missing")))
    await until(lambda: "missing" in room.health.parts.get("policy", ""))
    assert not await _delivered(room, "tiny")
    await room.register.say(v0)
    await until(lambda: _async_len(room.traces, 3))
    assert room.health.parts["policy"] == ""


async def test_a_prompt_waits_for_the_version_it_was_admitted_at(
    room: RoomUnderTest, v0: PolicyVersion, v1: PolicyVersion
) -> None:
    await room.register.say(v0)
    await room.admit("run-1-0", min_version=1)
    await room.admit("run-1-1")
    await until(lambda: _async_len(room.traces, 3))
    assert {trace.group_id for trace in await room.traces()} == {"run-1-1"}
    await room.register.say(v1)
    await until(lambda: _async_len(room.traces, 6))
    assert {trace.span.min for trace in await room.traces() if trace.group_id == "run-1-0"} == {1}


async def test_a_version_that_is_refused_leaves_the_old_one_at_work(
    room: RoomUnderTest, v0: PolicyVersion, v1: PolicyVersion, tmp_path: Path
) -> None:
    await room.register.say(v0)
    await until(lambda: room.follower.up_to_date)
    await room.register.say(replace(v1, uri=str(tmp_path / "damaged")))
    await until(lambda: "damaged" in room.health.parts["policy"])
    await room.admit("run-1-0")
    await until(lambda: _async_len(room.traces, 3))
    await room.register.say(v1)
    await until(lambda: room.follower.up_to_date)
    assert [version for _, version, _ in room.engine.loads] == [0, 1]
    assert room.health.parts["policy"] == ""


async def test_prompts_of_a_run_that_is_not_running_are_discarded(room: RoomUnderTest, v0: PolicyVersion) -> None:
    await room.redis.hset(keys.run("run-0"), "state", "stopped")
    await room.register.say(v0)
    await room.admit("run-0-0", run_id="run-0")
    await room.admit("run-1-0")
    await until(lambda: _async_len(room.traces, 3))
    await until(lambda: _async_zero(room.backlog))
    assert {trace.group_id for trace in await room.traces()} == {"run-1-0"}
    assert not await room.verdicts()


async def test_prompts_of_groups_that_a_halt_dropped_are_not_sampled_after_a_resume(
    room: RoomUnderTest, v0: PolicyVersion
) -> None:
    await room.admit("run-1-0")
    await room.redis.hset(keys.group("run-1-0"), "state", "dropped")
    await room.admit("run-1-1")
    await room.register.say(v0)
    await until(lambda: _async_len(room.traces, 3))
    await until(lambda: _async_zero(room.backlog))
    assert {trace.group_id for trace in await room.traces()} == {"run-1-1"}


async def test_another_run_s_weights_do_not_serve_a_run_of_the_same_policy_name(
    room: RoomUnderTest, v0: PolicyVersion, v1: PolicyVersion, tmp_path: Path
) -> None:
    await room.register.say(v1)
    await until(lambda: room.follower.up_to_date)
    await room.redis.hset(keys.run("run-2"), "state", "running")
    await room.register.say(replace(v0, uri=str(tmp_path / "missing")), run_id="run-2")
    await room.admit("run-2-0", run_id="run-2")
    await until(lambda: "missing" in room.health.parts.get("policy", ""))
    await until(lambda: _delivered(room, "tiny"))
    assert not room.follower.serves("run-2")
    await room.register.say(v0, run_id="run-2")
    await until(lambda: _async_len(room.traces, 3))
    assert {trace.span.max for trace in await room.traces()} == {0}


async def test_a_sampler_s_own_trouble_leaves_the_prompt_to_a_later_worker(
    room: RoomUnderTest, v0: PolicyVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(request: Any) -> Any:
        raise EngineFailed("out of memory")

    await room.register.say(v0)
    await until(lambda: room.follower.up_to_date)
    worker = PromptWorker(room.engine, room.follower, room.redis, "sampler-2", streams=STREAMS, capacity=8)
    await room.admit("run-2-0", run_id="run-2", policy="other")
    await room.redis.hset(keys.run("run-2"), "state", "running")
    [foreign] = await Consumer(room.redis, keys.prompts("other"), "sampler-2").read(1, 0)
    with pytest.raises(NotNow, match="does not follow policy 'other' any more"):
        await worker._handle(foreign)
    await room.admit("run-1-0", policy="side")
    [entry] = await Consumer(room.redis, keys.prompts("side"), "sampler-2").read(1, 0)
    monkeypatch.setattr(room.engine, "generate", broken)
    with pytest.raises(NotNow, match="out of memory"):
        await worker._handle(entry)


async def test_a_prompt_waiting_for_its_version_is_discarded_when_its_run_stops(
    room: RoomUnderTest, v0: PolicyVersion
) -> None:
    await room.register.say(v0)
    await room.admit("run-1-0", min_version=5)
    await until(lambda: _delivered(room, "tiny"))
    await room.redis.hset(keys.run(RUN), "state", "stopped")
    await until(lambda: _async_zero(room.backlog))
    assert not await room.traces()


async def test_a_prompt_that_cannot_be_sampled_drops_its_group_at_once(room: RoomUnderTest, v0: PolicyVersion) -> None:
    await room.register.say(v0)
    await room.admit("run-1-0", group_size=0)
    await until(lambda: _async_len(room.verdicts, 1))
    [verdict] = await room.verdicts()
    assert (verdict.run_id, verdict.group_id) == (RUN, "run-1-0")
    assert verdict.drop.reason == trace_pb2.DROP_REASON_FAILED
    assert "group_size" in verdict.drop.detail
    await until(lambda: _async_zero(room.backlog))


async def test_a_coordinator_that_restarts_is_found_again(
    room: RoomUnderTest, v0: PolicyVersion, v1: PolicyVersion
) -> None:
    await room.register.say(v0)
    await until(lambda: room.follower.up_to_date)
    await room.restart_coordinator()
    await room.register.say(v1)
    await until(lambda: room.follower.held == v1)


async def test_another_run_s_policy_is_taken_when_what_is_in_hand_is_done(
    room: RoomUnderTest, v0: PolicyVersion, v1: PolicyVersion
) -> None:
    await room.redis.hset(keys.run("run-2"), "state", "running")
    await room.register.say(v0)
    room.engine.may_finish.clear()
    await room.admit("run-1-0")
    await until(lambda: room.engine.status().running == 3)
    await room.admit("run-2-0", policy="other", run_id="run-2")
    await room.register.say(replace(v1, policy="other"), run_id="run-2")
    await until(lambda: room.follower.target is not None and room.follower.target.run_id == "run-2")
    assert not await _delivered(room, "other")
    room.engine.may_finish.set()
    await until(lambda: _async_len(room.traces, 6))
    spans = {trace.group_id: (trace.policy, trace.span.min) for trace in await room.traces()}
    assert spans == {"run-1-0": ("tiny", 0), "run-2-0": ("other", 1)}


async def test_stopping_finishes_what_is_being_sampled_and_leaves_what_waits(
    room: RoomUnderTest, v0: PolicyVersion
) -> None:
    await room.register.say(v0)
    room.engine.may_finish.clear()
    await room.admit("run-1-0")
    await room.admit("run-1-1", min_version=9)
    await until(lambda: room.engine.status().running == 3)
    room.stopping.set()
    room.engine.may_finish.set()
    async with asyncio.timeout(60):
        await asyncio.gather(*room.workers)
    assert {trace.group_id for trace in await room.traces()} == {"run-1-0"}
    assert await room.backlog() == 1


async def test_a_broken_engine_ends_the_room(room: RoomUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room.engine, "status", lambda: EngineStatus(EngineState.FAILED, detail="out of memory"))
    with pytest.raises(EngineFailed, match="out of memory"):
        async with asyncio.timeout(60):
            await room.workers[0]


async def test_generate_answers_each_prompt_with_a_group_in_order(room: RoomUnderTest, v0: PolicyVersion) -> None:
    await room.register.say(v0)
    await until(lambda: room.follower.up_to_date)
    response = await room.stub.Generate(_generate("a", "b"), timeout=60)
    assert [[trace.completion for trace in group.traces] for group in response.groups] == [
        ["a #0", "a #1"],
        ["b #0", "b #1"],
    ]
    status = await room.stub.GetStatus(sampler_pb2.SamplerServiceGetStatusRequest(), timeout=60)
    assert status.state == sampler_pb2.ENGINE_STATE_READY
    assert (status.policy.policy, status.policy.version, status.policy.uri) == ("tiny", 0, v0.uri)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (sampler_pb2.GenerateRequest(group_size=1), "prompts"),
        (
            sampler_pb2.GenerateRequest(
                prompts=[sampler_pb2.Prompt(messages=[common_pb2.ChatMessage(role="user", content="a")])], group_size=1
            ),
            "sampling.max_tokens",
        ),
    ],
)
async def test_a_wrong_generate_request_names_the_field(
    room: RoomUnderTest, v0: PolicyVersion, request_: sampler_pb2.GenerateRequest, field: str
) -> None:
    await room.register.say(v0)
    await until(lambda: room.follower.up_to_date)
    with pytest.raises(InvalidRequest) as refusal, rlvr_errors():
        await room.stub.Generate(request_, timeout=60)
    assert [violation.field for violation in refusal.value.violations] == [field]


async def test_generate_gives_up_at_its_deadline_and_frees_its_places(room: RoomUnderTest, v0: PolicyVersion) -> None:
    await room.register.say(v0)
    await until(lambda: room.follower.up_to_date)
    room.engine.may_finish.clear()
    with pytest.raises(DeadlineExceeded), rlvr_errors():
        await room.stub.Generate(_generate("a"), timeout=0.2)
    await until(lambda: room.engine.status().running == 0)


async def test_a_sampler_that_no_run_can_be_trained_with_says_so_samples_nothing_and_answers_who_asks(
    redis: Redis, v0: PolicyVersion, tmp_path: Path
) -> None:
    engine = FakeEngine(untrainable="train with another engine")
    await engine.load("outside", 0, v0.uri)
    async with running_room(engine, redis, tmp_path / "cache") as room:
        await redis.hset(keys.run("run-0"), "state", "stopped")
        await room.admit("run-0-0", run_id="run-0")
        await room.admit("run-1-0")
        await room.register.say(v0)
        await until(lambda: _async_len(room.verdicts, 1))
        await until(lambda: _async_zero(room.backlog))
        [verdict] = await room.verdicts()
        assert (verdict.group_id, verdict.drop.reason) == ("run-1-0", trace_pb2.DROP_REASON_UNTRAINABLE)
        assert verdict.drop.detail == "sampler 'sampler-1': train with another engine"
        assert not await room.traces()
        assert not engine.requests
        response = await room.stub.Generate(_generate("a", "b"), timeout=60)
        assert [group.untrainable for group in response.groups] == ["train with another engine"] * 2
        assert len(engine.loads) == 1


async def test_generate_without_weights_is_refused(room: RoomUnderTest) -> None:
    with pytest.raises(Conflict, match="no policy has been loaded"), rlvr_errors():
        await room.stub.Generate(_generate("a"), timeout=60)


async def test_load_policy_is_refused_while_a_run_is_followed(
    room: RoomUnderTest, v0: PolicyVersion, v1: PolicyVersion
) -> None:
    load = sampler_pb2.LoadPolicyRequest(policy=common_pb2.PolicyVersion(policy="tiny", version=1, uri=v1.uri))
    response = await room.stub.LoadPolicy(load, timeout=60)
    assert response.policy.version == 1
    assert (await room.stub.Generate(_generate("a"), timeout=60)).groups[0].traces[0].span.min == 1
    await room.register.say(v0)
    await until(lambda: room.follower.up_to_date)
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await room.stub.LoadPolicy(load, timeout=60)
    assert refusal.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert RUN in (refusal.value.details() or "")


def _generate(*contents: str) -> sampler_pb2.GenerateRequest:
    return sampler_pb2.GenerateRequest(
        prompts=[
            sampler_pb2.Prompt(messages=[common_pb2.ChatMessage(role="user", content=content)]) for content in contents
        ],
        group_size=2,
        sampling=common_pb2.SamplingParams(temperature=1.0, max_tokens=50),
    )


async def _async_len(read: Callable[[], Any], count: int) -> bool:
    return len(await read()) == count


async def _async_zero(read: Callable[[], Any]) -> bool:
    return await read() == 0


async def _delivered(room: RoomUnderTest, policy: str) -> bool:
    """True when a prompt of the policy was handed out."""
    if not await room.redis.exists(keys.prompts(policy)):
        return False
    groups: Any = await room.redis.xinfo_groups(keys.prompts(policy))
    return any(group["name"] == GROUP.encode() and group["pending"] > 0 for group in groups)
