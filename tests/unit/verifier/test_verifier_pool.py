"""The pool keeps its promise: every task gets a verdict, laid at the right door, and the next one is graded."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from rlvr.v1 import verifier_pb2 as pb
from rlvr.verifier.pool import Pool, PoolLimits
from rlvr.verifier.pool.forker import Forker
from rlvr.verifier.pool.member import Task

DEADLINE_S = 0.4


@pytest.fixture
async def forker(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Forker]:
    here = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", here)
    forker = Forker({"hostile": "hostile_grader:HostileGrader"})
    await forker.start()
    yield forker
    await forker.close()


@pytest.fixture
async def pool(forker: Forker) -> AsyncIterator[Pool]:
    pool = Pool("hostile", forker, PoolLimits(workers=2, deadline_s=DEADLINE_S, memory_mb=128, max_queue=5_000))
    await pool.start()
    yield pool
    await pool.close()


async def grade(pool: Pool, completion: str, *, answer: str = "42", marker: str = "") -> pb.Verdict:
    spec = json.dumps({"answer": answer, "marker": marker})
    return await pool.grade(pb.VerifyItem(completion=completion, spec_json=spec), 30)


async def test_right_and_wrong_are_told_apart(pool: Pool) -> None:
    right, wrong = await asyncio.gather(grade(pool, "42"), grade(pool, "41"))
    assert (right.outcome, right.reward) == (pb.OUTCOME_CORRECT, 1.0)
    assert (wrong.outcome, wrong.reward) == (pb.OUTCOME_INCORRECT, 0.0)


async def test_a_completion_that_burns_its_time_is_incorrect(pool: Pool) -> None:
    verdict = await grade(pool, "burn")
    assert (verdict.outcome, verdict.reason) == (pb.OUTCOME_INCORRECT, pb.REASON_TIME_LIMIT)


@pytest.mark.parametrize(
    ("completion", "reason"),
    [("sleep", pb.REASON_GRADER_TIMEOUT), ("stop", pb.REASON_GRADER_TIMEOUT), ("die", pb.REASON_GRADER_CRASHED)],
)
async def test_a_worker_that_hangs_or_dies_is_an_error_after_one_retry(
    pool: Pool, tmp_path: Path, completion: str, reason: pb.Reason
) -> None:
    marker = tmp_path / "marker"
    verdict = await grade(pool, completion, marker=str(marker))
    assert (verdict.outcome, verdict.reason) == (pb.OUTCOME_ERROR, reason)
    assert not verdict.HasField("reward")
    assert marker.read_text().splitlines() == [completion] * 2


async def test_a_worker_that_dies_once_costs_nothing_but_a_retry(pool: Pool, tmp_path: Path) -> None:
    verdict = await grade(pool, "die once", answer="die once", marker=str(tmp_path / "marker"))
    assert verdict.outcome == pb.OUTCOME_CORRECT


async def test_a_spec_that_hangs_is_never_the_candidates_fault(pool: Pool) -> None:
    verdict = await grade(pool, "42", answer="hang")
    assert (verdict.outcome, verdict.reason) == (pb.OUTCOME_ERROR, pb.REASON_GRADER_TIMEOUT)


@pytest.mark.parametrize(
    ("completion", "outcome", "reason"),
    [
        ("eat", pb.OUTCOME_INCORRECT, pb.REASON_MEMORY_LIMIT),
        ("dig", pb.OUTCOME_INCORRECT, pb.REASON_TOO_LARGE),
        ("raise", pb.OUTCOME_ERROR, pb.REASON_GRADER_CRASHED),
    ],
)
async def test_what_a_grader_raises_is_laid_at_the_right_door(
    pool: Pool, completion: str, outcome: pb.Outcome, reason: pb.Reason
) -> None:
    verdict = await grade(pool, completion)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


async def test_bad_specs_are_invalid_and_name_the_field(pool: Pool) -> None:
    unreadable = await grade(pool, "42", answer="")
    typo = await pool.grade(pb.VerifyItem(completion="42", spec_json='{"anwser": "42"}'), 30)
    not_json = await pool.grade(pb.VerifyItem(completion="42", spec_json="{"), 30)
    assert (unreadable.outcome, unreadable.reason) == (pb.OUTCOME_INVALID, pb.REASON_GOLD_UNPARSEABLE)
    assert (typo.outcome, typo.reason) == (pb.OUTCOME_INVALID, pb.REASON_BAD_SPEC)
    assert "spec.anwser" in typo.detail and "spec.answer" in typo.detail
    assert not_json.outcome == pb.OUTCOME_INVALID


async def test_the_next_trace_is_graded_while_every_worker_hangs(pool: Pool) -> None:
    stuck = [asyncio.create_task(grade(pool, "sleep")) for _ in range(2)]
    while sum(member.slow for member in pool._members) < 2:
        await asyncio.sleep(0.005)
    begin = time.monotonic()
    verdict = await grade(pool, "42")
    assert verdict.outcome == pb.OUTCOME_CORRECT
    assert not any(task.done() for task in stuck), "the stuck ones were still at their deadline"
    assert time.monotonic() - begin < 30
    await asyncio.gather(*stuck)


async def test_a_worker_that_leaves_the_pool_is_dead(pool: Pool, forker: Forker) -> None:
    # A slow task with endless ones behind it in the same socket: they are given to others, and must not run on.
    for _ in range(3):
        await asyncio.gather(*(grade(pool, text) for text in ["nap", "burn", "nap", "burn"]))
    assert forker._process is not None
    nursery = psutil.Process(forker._process.pid)
    deadline = time.monotonic() + 20
    while {child.pid for child in nursery.children()} - {member.pid for member in pool._members}:
        assert time.monotonic() < deadline, "a worker lives on outside of the pool"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("completion", "outcome", "reason"),
    [
        ("spawn and burn", pb.OUTCOME_INCORRECT, pb.REASON_TIME_LIMIT),
        ("spawn and die", pb.OUTCOME_ERROR, pb.REASON_GRADER_CRASHED),
        ("fork and die", pb.OUTCOME_ERROR, pb.REASON_GRADER_CRASHED),
    ],
)
async def test_what_a_worker_has_started_ends_with_it(
    pool: Pool, tmp_path: Path, completion: str, outcome: pb.Outcome, reason: pb.Reason
) -> None:
    marker = tmp_path / "marker"
    verdict = await grade(pool, completion, marker=str(marker))
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    children = [int(line) for line in marker.read_text().splitlines() if line.isdecimal()]
    assert children
    deadline = time.monotonic() + 20
    while any(is_running(pid) for pid in children):
        assert time.monotonic() < deadline, "a child of a worker lives on"
        await asyncio.sleep(0.02)
    assert (await grade(pool, "42")).outcome == pb.OUTCOME_CORRECT


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_worker_that_ran_out_of_memory_grades_nothing_more(forker: Forker) -> None:
    pool = Pool("hostile", forker, PoolLimits(workers=1, memory_mb=128))
    await pool.start()
    (first,) = pool._members
    verdicts = await asyncio.gather(*(grade(pool, text) for text in ["42", "eat", "42", "42"]))
    (second,) = pool._members
    await pool.close()
    assert [verdict.outcome for verdict in verdicts] == [
        *(pb.OUTCOME_CORRECT, pb.OUTCOME_INCORRECT, pb.OUTCOME_CORRECT, pb.OUTCOME_CORRECT)
    ]
    assert first.pid != second.pid


async def test_a_worker_that_has_grown_is_replaced_before_it_fails_anybody(
    forker: Forker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlvr.verifier.pool.pool._MEMORY_CHECK_S", 0.0)
    pool = Pool("hostile", forker, PoolLimits(workers=1, memory_mb=128))
    await pool.start()
    (first,) = pool._members
    deadline = time.monotonic() + 20
    while first in pool._members:
        verdict = await grade(pool, "hoard")  # 40 MB each: after the second it is over half of its cap
        assert verdict.reason == pb.REASON_NOT_EQUIVALENT
        while first in pool._members and first.memory() - first.memory_at_fork > 64 << 20:
            assert time.monotonic() < deadline, "it was not replaced"
            await asyncio.sleep(0.005)
    assert (await grade(pool, "42")).outcome == pb.OUTCOME_CORRECT
    await pool.close()


async def test_the_kernel_ends_a_worker_that_nobody_watches(forker: Forker) -> None:
    lost = asyncio.Event()
    member = await forker.fork("hostile", 128, 1, lambda *_: None, lambda _: lost.set())
    future: asyncio.Future[pb.Verdict] = asyncio.get_running_loop().create_future()
    body = pb.VerifyItem(completion="burn", spec_json='{"answer": "42"}').SerializeToString()
    member.give([Task(1, body, future, 0.0, 0.0)])
    await asyncio.wait_for(lost.wait(), 60)
    assert member.killed_for == ""


async def test_grade_may_be_awaited_in_any_threads_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    started: Future[Pool] = Future()
    done = threading.Event()

    async def room() -> None:
        forker = Forker({"hostile": "hostile_grader:HostileGrader"})
        await forker.start()
        pool = Pool("hostile", forker, PoolLimits(workers=2, deadline_s=DEADLINE_S))
        await pool.start()
        started.set_result(pool)
        await asyncio.to_thread(done.wait)
        await pool.close()
        await forker.close()

    async def ask(pool: Pool) -> list[pb.Outcome]:
        return [verdict.outcome for verdict in await asyncio.gather(*(grade(pool, text) for text in ("42", "41") * 20))]

    with ThreadPoolExecutor(4) as threads:
        running = threads.submit(asyncio.run, room())
        try:
            pool = await asyncio.wrap_future(started)
            others = [threads.submit(asyncio.run, ask(pool)) for _ in range(3)]
            answers = [await ask(pool), *[await asyncio.wrap_future(other) for other in others]]
            assert (await grade(pool, "burn")).reason == pb.REASON_TIME_LIMIT
        finally:
            done.set()
            await asyncio.wrap_future(running)
    assert answers == [[pb.OUTCOME_CORRECT, pb.OUTCOME_INCORRECT] * 20] * 4


async def test_good_traces_among_hostile_ones_are_all_right(pool: Pool) -> None:
    hostile = ["burn", "die", "sleep", "eat", "dig", "raise"]
    good = [str(number) for number in range(300)]
    verdicts = await asyncio.gather(
        *(grade(pool, text, answer=text) for text in good), *(grade(pool, text) for text in hostile)
    )
    assert {verdict.outcome for verdict in verdicts[: len(good)]} == {pb.OUTCOME_CORRECT}
    assert pb.OUTCOME_CORRECT not in {verdict.outcome for verdict in verdicts[len(good) :]}


async def test_a_killed_nursery_is_replaced(pool: Pool, forker: Forker) -> None:
    assert forker._process is not None
    forker._process.kill()
    await forker._process.wait()
    verdicts = await asyncio.gather(*(grade(pool, "42") for _ in range(20)))
    assert {verdict.outcome for verdict in verdicts} == {pb.OUTCOME_CORRECT}


async def test_workers_are_recycled_without_losing_a_task(forker: Forker) -> None:
    pool = Pool("hostile", forker, PoolLimits(workers=2, recycle_after=50))
    await pool.start()
    first = {member.pid for member in pool._members}
    verdicts = await asyncio.gather(*(grade(pool, "42") for _ in range(500)))
    await pool.close()
    assert {verdict.outcome for verdict in verdicts} == {pb.OUTCOME_CORRECT}
    assert first != {member.pid for member in pool._members}


async def test_a_cancelled_caller_leaves_no_task_behind(pool: Pool) -> None:
    task = asyncio.create_task(grade(pool, "burn"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await grade(pool, "42")).outcome == pb.OUTCOME_CORRECT


async def test_closing_leaves_no_process(forker: Forker) -> None:
    pool = Pool("hostile", forker, PoolLimits(workers=3))
    await pool.start()
    waiting = asyncio.create_task(grade(pool, "sleep"))
    await asyncio.sleep(0)
    await pool.close()
    assert (await waiting).outcome == pb.OUTCOME_ERROR
    await forker.close()
    deadline = time.monotonic() + 10
    while any("rlvr.verifier.pool" in " ".join(p.cmdline()) for p in psutil.Process(os.getpid()).children(True)):
        assert time.monotonic() < deadline, "a worker outlived its pool"
        await asyncio.sleep(0.01)


def test_importing_the_pool_brings_no_sympy() -> None:
    assert os.system(f"{sys.executable} -c \"import sys, rlvr.verifier.pool; assert 'sympy' not in sys.modules\"") == 0


async def test_slow_tasks_one_after_the_other_leave_no_worker_out_of_work(pool: Pool) -> None:
    """A worker that comes to tasks which were given to others since is slow at those as well, and free after them."""
    naps = await asyncio.wait_for(asyncio.gather(*(grade(pool, "nap") for _ in range(60))), 60)
    assert {verdict.outcome for verdict in naps} == {pb.OUTCOME_INCORRECT}
    after = await asyncio.wait_for(asyncio.gather(*(grade(pool, "42") for _ in range(20))), 20)
    assert {verdict.outcome for verdict in after} == {pb.OUTCOME_CORRECT}
