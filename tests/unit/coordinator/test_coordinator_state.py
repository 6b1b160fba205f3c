"""Runs, groups and steps on a real Redis: every change is made once, and only when it may be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from rlvr.core.errors import Conflict, InvalidRequest, NotFound
from rlvr.core.run_spec import RunSpec
from rlvr.core.streams import keys
from rlvr.v1 import common_pb2, coordinator_pb2, trace_pb2

Spec = Callable[..., RunSpec]
Verdict = Callable[..., trace_pb2.VerdictEntry]
# `Parts` lives in conftest.py, which cannot be imported under pytest's importlib mode.
Parts = Any


# Runs


async def test_a_new_run_waits_and_registers_version_0(parts: Parts, run_spec: Spec) -> None:
    run_id = await parts.runs.create(run_spec())
    status = await parts.runs.status(run_id)
    assert status.state == coordinator_pb2.RUN_STATE_PENDING
    assert status.policy == common_pb2.PolicyVersion(policy=run_id, version=0, uri="/models/initial")
    assert status.spec.policy == run_id
    assert [run.run_id for run in await parts.runs.statuses()] == [run_id]


async def test_runs_are_listed_newest_first(parts: Parts, run_spec: Spec) -> None:
    ids = [await parts.runs.create(run_spec()) for _ in range(3)]
    assert [run.run_id for run in await parts.runs.statuses()] == ids[::-1]


async def test_a_request_sent_twice_makes_one_run(parts: Parts, run_spec: Spec) -> None:
    first = await parts.runs.create(run_spec(), "0123456789abcdef")
    assert await parts.runs.create(run_spec(), "0123456789abcdef") == first
    # Another request that happens to give the same name gets another.
    assert await parts.runs.create(run_spec(), "01234567ffffffff") != first
    assert len(await parts.runs.statuses()) == 2


async def test_a_policy_name_belongs_to_one_run_that_can_go_on(parts: Parts, run_spec: Spec) -> None:
    first = await parts.runs.create(run_spec(policy="shared"))
    with pytest.raises(Conflict, match=first):
        await parts.runs.create(run_spec(policy="shared"))
    await parts.runs.stop(first)
    with pytest.raises(Conflict, match="stopped"):
        await parts.runs.create(run_spec(policy="shared"))
    await parts.runs.fail(first, "broken")
    second = await parts.runs.create(run_spec(policy="shared"))
    with pytest.raises(Conflict, match=second):
        await parts.runs.resume(first)
    assert (await parts.runs.status(first)).policy.uri == ""


async def test_an_unknown_run_is_not_found(parts: Parts) -> None:
    for call in (parts.runs.status, parts.runs.stop, parts.runs.resume):
        with pytest.raises(NotFound, match="nope"):
            await call("nope")
    assert await parts.runs.acquire("t", "nope") == ""


async def test_a_trainer_gets_the_oldest_free_run_and_its_own_before_any(parts: Parts, run_spec: Spec) -> None:
    first, second = [await parts.runs.create(run_spec()) for _ in range(2)]
    assert await parts.runs.acquire("a", "") == first
    assert await parts.runs.acquire("b", "") == second
    assert await parts.runs.acquire("c", "") == ""
    assert await parts.runs.acquire("b", "") == second
    assert await parts.runs.acquire("a", first) == first
    assert await parts.runs.acquire("a", second) == ""


async def test_a_run_whose_lease_ran_out_is_free(parts: Parts, run_spec: Spec, redis: Redis) -> None:
    run_id = await parts.runs.create(run_spec())
    await parts.runs.acquire("a", "")
    assert (await parts.runs.status(run_id)).trainer_id == "a"
    await redis.delete(keys.lease(run_id))
    assert (await parts.runs.status(run_id)).trainer_id == ""
    assert await parts.runs.acquire("b", "") == run_id
    assert await parts.runs.acquire("a", run_id) == ""


async def test_stop_drops_open_groups_keeps_ready_ones_and_resume_goes_on(parts: Parts, run_spec: Spec) -> None:
    run_id = await parts.start(run_spec())
    opened = await parts.open_groups(run_id)
    await parts.score(opened[0], 1.0, 0.0)
    await parts.runs.stop(run_id)
    await parts.runs.stop(run_id)
    status = await parts.runs.status(run_id)
    assert status.state == coordinator_pb2.RUN_STATE_STOPPED
    assert (status.groups_in_flight, dict(status.groups_dropped)) == (1, {"stopped": 3})
    assert await parts.runs.acquire("t", run_id) == ""
    await parts.runs.resume(run_id)
    await parts.runs.resume(run_id)
    # The lease was still the first trainer's, so no second one gets in before it runs out.
    assert await parts.runs.acquire("other", "") == ""
    assert await parts.runs.acquire("t", "") == run_id
    await parts.fill(run_id)
    status = await parts.runs.status(run_id)
    assert (status.groups_in_flight, status.groups_admitted) == (4, 7)


async def test_an_ended_run_can_be_neither_stopped_nor_resumed(parts: Parts, run_spec: Spec) -> None:
    run_id = await parts.start(run_spec(steps=1))
    groups = await parts.open_groups(run_id)
    for group in groups:
        await parts.score(group, 1.0, 0.0)
    await parts.complete(run_id, groups, 0)
    assert (await parts.runs.status(run_id)).state == coordinator_pb2.RUN_STATE_SUCCEEDED
    for call in (parts.runs.stop, parts.runs.resume):
        with pytest.raises(Conflict, match="succeeded"):
            await call(run_id)
    assert await parts.runs.acquire("t", run_id) == ""
    assert await parts.runs.acquire("t", "") == ""


async def test_a_failed_run_says_why_and_can_be_resumed(parts: Parts, run_spec: Spec) -> None:
    run_id = await parts.start(run_spec())
    with pytest.raises(Conflict, match="held by trainer 't'"):
        await parts.runs.fail(run_id, "not mine", trainer_id="other")
    await parts.runs.fail(run_id, "out of memory", trainer_id="t")
    status = await parts.runs.status(run_id)
    assert (status.state, status.error) == (coordinator_pb2.RUN_STATE_FAILED, "out of memory")
    await parts.runs.resume(run_id)
    status = await parts.runs.status(run_id)
    assert (status.state, status.error, status.ended_at) == (coordinator_pb2.RUN_STATE_PENDING, "", 0)


# Admission


async def test_admission_fills_the_bound_in_order_and_repeats_the_problems(
    parts: Parts, run_spec: Spec, redis: Redis
) -> None:
    run_id = await parts.start(run_spec(policy="pol"))
    entries = [trace_pb2.PromptEntry.FromString(f[b"p"]) for _, f in await redis.xrange(keys.prompts("pol"))]
    assert [e.group_id for e in entries] == [f"{run_id}-{i}" for i in range(4)]
    assert [e.problem.prompt[0].content for e in entries] == ["0 + 1?", "1 + 1?", "2 + 1?", "0 + 1?"]
    assert [e.sampling.seed for e in entries] == [0, 1, 2, 3]
    assert {e.min_version for e in entries} == {0}
    assert all(fields[b"t"].startswith(b"00-") for _, fields in await redis.xrange(keys.prompts("pol")))


async def test_coordinators_that_admit_at_once_admit_each_problem_once(
    parts: Parts, run_spec: Spec, redis: Redis
) -> None:
    run_id = await parts.runs.create(run_spec(policy="pol", groups_per_step=20))
    await parts.runs.acquire("t", "")
    await asyncio.gather(*(parts.fill(run_id) for _ in range(5)))
    entries = [trace_pb2.PromptEntry.FromString(f[b"p"]) for _, f in await redis.xrange(keys.prompts("pol"))]
    assert [e.group_id for e in entries] == [f"{run_id}-{i}" for i in range(40)]


async def test_a_plan_made_before_a_step_admits_nothing_after_it(parts: Parts, run_spec: Spec) -> None:
    run_id = await parts.start(run_spec(max_staleness=0))
    groups = await parts.open_groups(run_id)
    for group in groups:
        await parts.score(group, 1.0, 0.0)
    before = await parts.runs.record(run_id)
    prompts = await parts.admission._sources.prompts(before, 2)
    await parts.complete(run_id, groups, 0)
    assert await parts.groups.admit(before, prompts) == 0


async def test_only_a_running_run_admits(parts: Parts, run_spec: Spec) -> None:
    run_id = await parts.runs.create(run_spec())
    record = await parts.runs.record(run_id)
    assert await parts.groups.admit(record, await parts.admission._sources.prompts(record, 2)) == 0


async def test_a_source_that_breaks_fails_the_run_and_says_where(parts: Parts, run_spec: Spec, problems: Path) -> None:
    run_id = await parts.runs.create(run_spec())
    await parts.runs.acquire("t", "")
    problems.write_text("{broken\n")
    stopping = asyncio.Event()
    work = asyncio.create_task(parts.admission.run(stopping))
    try:
        async with asyncio.timeout(20):
            while (await parts.runs.record(run_id)).state == "running":
                await asyncio.sleep(0.01)
    finally:
        stopping.set()
        parts.changes.close()
        await work
    record = await parts.runs.record(run_id)
    assert record.state == "failed"
    assert "problems.jsonl:1" in record.error


async def test_a_source_that_raises_anything_fails_its_own_run_only(parts: Parts, run_spec: Spec) -> None:
    broken, sound = [await parts.runs.create(run_spec()) for _ in range(2)]
    for run_id in (broken, sound):
        await parts.runs.acquire("t", run_id)

    class Rotten:
        def __len__(self) -> int:
            return 1

        def problem(self, index: int) -> common_pb2.Problem:
            raise OSError(f"row {index} is rotten")

    parts.admission._sources.keep(broken, Rotten())
    stopping = asyncio.Event()
    work = asyncio.create_task(parts.admission.run(stopping))
    try:
        async with asyncio.timeout(20):
            while (await parts.runs.record(broken)).state == "running" or not await parts.open_groups(sound):
                await asyncio.sleep(0.01)
    finally:
        stopping.set()
        parts.changes.close()
        await work
    assert (await parts.runs.record(broken)).error == "the problem source broke: OSError: row 0 is rotten"
    assert (await parts.runs.record(sound)).state == "running"


# Groups


async def test_a_complete_group_is_passed_on_once_with_its_members_in_order(
    parts: Parts, run_spec: Spec, verdict: Verdict
) -> None:
    run_id = await parts.start(run_spec())
    group = (await parts.open_groups(run_id))[0]
    await parts.tell(verdict(group, 1, 0.0), verdict(group, 1, 0.0))
    assert await parts.ready_groups(run_id) == []
    await parts.tell(verdict(group, 0, 1.0), verdict(group, 0, 1.0), verdict(group, 1, 0.0))
    await parts.tell(verdict(group, 1, 1.0))
    (entry,) = await parts.ready_groups(run_id)
    assert [(m.trace_id, m.reward) for m in entry.members] == [(f"{group}/0", 1.0), (f"{group}/1", 0.0)]
    assert not entry.degenerate
    status = await parts.runs.status(run_id)
    assert (status.groups_in_flight, status.traces_scored) == (4, 2)
    assert await parts.redis.xlen(keys.VERDICTS) == 0


async def test_a_batch_that_is_worked_on_again_changes_nothing(parts: Parts, run_spec: Spec, verdict: Verdict) -> None:
    run_id = await parts.start(run_spec(), "t")
    one, two, three, _ = await parts.open_groups(run_id)
    drop = trace_pb2.VerdictEntry(
        run_id=run_id, group_id=three, drop=trace_pb2.GroupDrop(reason="DROP_REASON_FAILED", detail="gone")
    )
    from rlvr.core.streams import add

    for entry in (verdict(one, 0, 1.0), verdict(one, 1, 0.0), verdict(two, 0, 1.0), verdict(two, 1, 1.0), drop):
        await add(parts.redis, keys.VERDICTS, entry)
    batch = await parts.consumer.read(100, 0)
    for _ in range(3):
        await parts.verdicts.process(batch)
    assert [e.group_id for e in await parts.ready_groups(run_id)] == [one]
    status = await parts.runs.status(run_id)
    assert dict(status.groups_dropped) == {"degenerate": 1, "failed": 1}
    assert (status.groups_in_flight, status.traces_scored) == (2, 4)


async def test_a_dropped_group_frees_its_place_for_the_next_problem(parts: Parts, run_spec: Spec) -> None:
    run_id = await parts.start(run_spec())
    group = (await parts.open_groups(run_id))[0]
    await parts.redis.set(keys.sampled(group), b"bulk")
    await parts.score(group, 1.0, 1.0)
    assert await parts.redis.exists(keys.sampled(group), keys.members(group)) == 0
    await parts.fill(run_id)
    assert await parts.open_groups(run_id) == [f"{run_id}-{i}" for i in (1, 2, 3, 4)]


async def test_degenerate_groups_are_passed_on_once_the_replacements_are_used_up(parts: Parts, run_spec: Spec) -> None:
    run_id = await parts.start(run_spec(max_replacements=1))
    while len(ready := await parts.ready_groups(run_id)) < 4:
        for group in await parts.open_groups(run_id):
            await parts.score(group, 0.0, 0.0)
        await parts.fill(run_id)
    assert all(entry.degenerate and len(entry.members) == 2 for entry in ready)
    assert dict((await parts.runs.status(run_id)).groups_dropped) == {"degenerate": 2}
    # After a step the count begins again.
    await parts.complete(run_id, [entry.group_id for entry in ready[:2]], 0)
    await parts.fill(run_id)
    for group in await parts.open_groups(run_id):
        await parts.score(group, 1.0, 1.0, version=1)
    assert dict((await parts.runs.status(run_id)).groups_dropped) == {"degenerate": 4}


async def test_a_stale_group_is_dropped_whole_at_the_policys_version(
    parts: Parts, run_spec: Spec, verdict: Verdict
) -> None:
    run_id = await parts.start(run_spec(max_staleness=0))
    groups = await parts.open_groups(run_id)
    for group in groups:
        await parts.score(group, 1.0, 0.0)
    await parts.complete(run_id, groups, 0)
    await parts.fill(run_id)
    group = (await parts.open_groups(run_id))[0]
    await parts.tell(verdict(group, 0, 1.0, version=1), verdict(group, 1, 0.0, version=0))
    assert dict((await parts.runs.status(run_id)).groups_dropped) == {"stale": 1}


async def test_a_run_in_which_nothing_can_be_scored_fails_with_the_verifiers_words(
    parts: Parts, run_spec: Spec
) -> None:
    run_id = await parts.start(run_spec())
    for _ in range(9):
        await parts.score((await parts.open_groups(run_id))[0], None, None)
        await parts.fill(run_id)
    status = await parts.runs.status(run_id)
    assert status.state == coordinator_pb2.RUN_STATE_FAILED
    assert "9 groups in a row" in status.error
    assert "the grader died" in status.error
    assert dict(status.groups_dropped) == {"unscored": 9, "stopped": 3}


async def test_a_run_that_meets_a_sampler_which_it_cannot_be_trained_with_fails_at_once_and_can_be_resumed(
    parts: Parts, run_spec: Spec
) -> None:
    run_id = await parts.start(run_spec())
    drop = trace_pb2.GroupDrop(reason="DROP_REASON_UNTRAINABLE", detail="engine openai: set RLVR_SAMPLER__ENGINE")
    groups = await parts.open_groups(run_id)
    await parts.tell(*(trace_pb2.VerdictEntry(run_id=run_id, group_id=group, drop=drop) for group in groups[:2]))
    status = await parts.runs.status(run_id)
    assert status.state == coordinator_pb2.RUN_STATE_FAILED
    assert status.error == "engine openai: set RLVR_SAMPLER__ENGINE"
    assert dict(status.groups_dropped) == {"untrainable": 2, "stopped": 2}
    await parts.runs.resume(run_id)
    assert (await parts.runs.record(run_id)).state == "pending"


async def test_one_scored_group_starts_the_count_of_lost_ones_again(parts: Parts, run_spec: Spec) -> None:
    run_id = await parts.start(run_spec(max_staleness=8))
    for i in range(16):
        group = (await parts.open_groups(run_id))[0]
        await parts.score(group, *((1.0, 0.0) if i == 8 else (None, 1.0)))
        await parts.fill(run_id)
    assert (await parts.runs.record(run_id)).state == "running"


async def test_a_verdict_that_breaks_the_contract_is_buried_and_its_group_replaced(
    parts: Parts, run_spec: Spec, verdict: Verdict
) -> None:
    run_id = await parts.start(run_spec())
    group = (await parts.open_groups(run_id))[0]
    bad = verdict(group, 0, 1.0)
    bad.scored.verdict.reward = float("nan")
    await parts.tell(bad)
    await parts.redis.xadd(keys.VERDICTS, {"p": b"\xff\xff", "t": b""})
    await parts.work()
    assert dict((await parts.runs.status(run_id)).groups_dropped) == {"failed": 1}
    letters = [trace_pb2.DeadEntry.FromString(f[b"p"]) for _, f in await parts.redis.xrange(keys.DEAD)]
    assert "no reward in [0, 1]" in letters[0].error
    assert len(letters) == 2
    assert await parts.redis.xlen(keys.VERDICTS) == 0


async def test_verdicts_of_groups_that_nobody_knows_are_acknowledged(
    parts: Parts, run_spec: Spec, verdict: Verdict
) -> None:
    await parts.start(run_spec())
    await parts.tell(verdict("ghost-run-0", 0, 1.0), verdict("ghost-run-0", 1, 0.0))
    drop = trace_pb2.VerdictEntry(
        run_id="ghost", group_id="ghost-1", drop=trace_pb2.GroupDrop(reason="DROP_REASON_STALE")
    )
    await parts.tell(drop)
    assert await parts.redis.xlen(keys.VERDICTS) == 0
    assert await parts.redis.exists(keys.run("ghost")) == 0


async def test_waiting_traces_are_those_sampled_and_not_scored(parts: Parts, run_spec: Spec, verdict: Verdict) -> None:
    run_id = await parts.start(run_spec(group_size=3), "t")
    one, two, *_ = await parts.open_groups(run_id)
    for group in (one, two):
        await parts.redis.set(keys.sampled(group), b"bulk")
    await parts.tell(verdict(one, 0, 1.0))
    assert (await parts.runs.status(run_id)).traces_waiting == 5


async def test_a_trainer_drops_ready_groups_once(parts: Parts, run_spec: Spec) -> None:
    run_id = await parts.start(run_spec())
    one, two, three, _ = await parts.open_groups(run_id)
    await parts.score(one, 1.0, 0.0)
    await parts.score(two, 1.0, 0.0)
    stale = trace_pb2.DROP_REASON_STALE
    with pytest.raises(Conflict, match="held by"):
        await parts.groups.drop(run_id, "other", [one], stale)
    assert await parts.groups.drop(run_id, "t", [one, three, "expired-1"], stale) == ("stale", 1, 0)
    assert await parts.groups.drop(run_id, "t", [one], stale) == ("stale", 0, 0)
    status = await parts.runs.status(run_id)
    assert (status.groups_in_flight, dict(status.groups_dropped)) == (3, {"stale": 1})
    other = await parts.runs.create(run_spec())
    with pytest.raises(Conflict, match="does not belong"):
        await parts.groups.drop(other, "t", [two], stale)


async def test_groups_that_a_trainer_cannot_use_are_counted_until_the_next_step(parts: Parts, run_spec: Spec) -> None:
    run_id = await parts.start(run_spec())
    one, two, three, four = await parts.open_groups(run_id)
    for group in (one, two, three, four):
        await parts.score(group, 1.0, 0.0)
    failed = trace_pb2.DROP_REASON_FAILED
    assert await parts.groups.drop(run_id, "t", [one], failed) == ("failed", 1, 1)
    assert await parts.groups.drop(run_id, "t", [one, two], failed) == ("failed", 1, 2)
    await parts.complete(run_id, [three, four], 0)
    await parts.fill(run_id)
    five = (await parts.open_groups(run_id))[0]
    await parts.score(five, 1.0, 0.0, version=1)
    assert await parts.groups.drop(run_id, "t", [five], failed) == ("failed", 1, 1)


# Steps


async def test_a_step_moves_the_register_frees_places_and_keeps_the_record(parts: Parts, run_spec: Spec) -> None:
    run_id = await parts.start(run_spec(policy="pol"))
    groups = await parts.open_groups(run_id)
    await parts.score(groups[0], 1.0, 0.0)
    await parts.score(groups[1], 1.0, 0.0)
    await parts.score(groups[2], 0.0, 0.0)
    await parts.complete(run_id, groups[:2], 0)
    await parts.complete(run_id, groups[:2], 0)
    status = await parts.runs.status(run_id)
    assert (status.step, status.groups_trained, status.groups_in_flight) == (1, 2, 1)
    assert status.policy == common_pb2.PolicyVersion(policy="pol", version=1, uri="/v1")
    assert list(status.recent_rewards) == [0.25]
    (record,) = await parts.steps.list(run_id, 0, 0)
    assert list(record.group_ids) == groups[:2]
    # The dropped group is part of what the policy earns.
    assert record.mean_reward_all == pytest.approx(2 / 6)
    assert (await parts.runs.record(run_id)).window_scored == 0


async def test_a_step_is_refused_unless_it_is_the_next_of_ready_groups_by_the_holder(
    parts: Parts, run_spec: Spec
) -> None:
    run_id = await parts.start(run_spec())
    one, two, three, four = await parts.open_groups(run_id)
    for group in (one, two, three):
        await parts.score(group, 1.0, 0.0)
    with pytest.raises(Conflict, match="at step 0"):
        await parts.complete(run_id, [one, two], 1)
    with pytest.raises(Conflict, match="held by trainer 't'"):
        await parts.complete(run_id, [one, two], 0, trainer="other")
    with pytest.raises(Conflict, match=f"{four} is open"):
        await parts.complete(run_id, [one, four], 0)
    with pytest.raises(Conflict, match="ghost is unknown"):
        await parts.complete(run_id, [one, "ghost"], 0)
    for groups in ([one, one], [one], []):
        with pytest.raises(InvalidRequest, match="group_ids"):
            await parts.complete(run_id, groups, 0)
    assert (await parts.runs.record(run_id)).step == 0
    await parts.complete(run_id, [one, two], 0)
    with pytest.raises(Conflict, match="other groups"):
        await parts.complete(run_id, [one, three], 0)
    with pytest.raises(Conflict, match=f"{two} is trained"):
        await parts.complete(run_id, [two, three], 1)


async def test_a_run_succeeds_after_its_last_step(parts: Parts, run_spec: Spec) -> None:
    run_id = await parts.start(run_spec(steps=3))
    for step in range(3):
        await parts.fill(run_id)
        for group in await parts.open_groups(run_id):
            await parts.score(group, 1.0, 0.0, version=step)
        ready = [e.group_id for e in await parts.ready_groups(run_id)][2 * step : 2 * step + 2]
        await parts.complete(run_id, ready, step)
    status = await parts.runs.status(run_id)
    assert (status.state, status.groups_in_flight) == (coordinator_pb2.RUN_STATE_SUCCEEDED, 0)
    assert (status.groups_admitted, status.groups_trained) == (6, 6)
    assert [r.step for r in await parts.steps.list(run_id, 1, 1)] == [1]
    assert [r.step for r in await parts.steps.list(run_id, 1, 0)] == [1, 2]
    with pytest.raises(InvalidRequest):
        await parts.steps.list(run_id, -1, 0)


async def test_what_a_run_leaves_expires_once_it_has_succeeded_and_not_before(
    parts: Parts, run_spec: Spec, redis: Redis
) -> None:
    run_id = await parts.start(run_spec(policy="pol", steps=2))
    left: list[str] = []
    for step in range(2):
        await parts.fill(run_id)
        groups = (await parts.open_groups(run_id))[:2]
        for group in groups:
            await redis.set(keys.sampled(group), b"bulk")
            await parts.score(group, 1.0, 0.0, version=step)
        await redis.hset(keys.journal(run_id), str(step), json.dumps(groups))
        left += [key for group in groups for key in (keys.group(group), keys.sampled(group))]
        assert [await redis.pttl(key) for key in left] == [-1] * len(left)
        await parts.complete(run_id, groups, step)
    left += [keys.journal(run_id), keys.groups(run_id), keys.prompts("pol")]
    assert all([await redis.pttl(key) > 0 for key in left])
    # The next run of this policy needs the stream for longer.
    await parts.start(run_spec(policy="pol"))
    assert await redis.pttl(keys.prompts("pol")) == -1


async def test_a_stopped_run_still_takes_the_step_that_was_being_trained(parts: Parts, run_spec: Spec) -> None:
    run_id = await parts.start(run_spec())
    one, two, *_ = await parts.open_groups(run_id)
    await parts.score(one, 1.0, 0.0)
    await parts.score(two, 1.0, 0.0)
    await parts.runs.stop(run_id)
    await parts.complete(run_id, [one, two], 0)
    status = await parts.runs.status(run_id)
    assert (status.state, status.step) == (coordinator_pb2.RUN_STATE_STOPPED, 1)


# The register


async def test_samplers_see_the_version_of_a_running_run_only(parts: Parts, run_spec: Spec) -> None:
    nothing = coordinator_pb2.WatchPolicyResponse()
    assert await parts.register.current("") == nothing
    run_id = await parts.runs.create(run_spec(policy="pol"))
    assert await parts.register.current("pol") == nothing
    await parts.runs.acquire("t", "")
    for asked in ("", "pol"):
        now = await parts.register.current(asked)
        assert (now.run_id, now.policy.policy, now.policy.version) == (run_id, "pol", 0)
    assert await parts.register.current("another") == nothing
    await parts.runs.stop(run_id)
    assert await parts.register.current("") == nothing
