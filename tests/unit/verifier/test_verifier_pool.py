"""The pool keeps its promise: every task gets a verdict, laid at the right door, and the next one is graded."""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from rlvr.v1 import verifier_pb2 as pb
from rlvr.verifier.pool import Pool, PoolLimits
from rlvr.verifier.pool.forker import Forker
from rlvr.verifier.pool.member import Task

DEADLINE_S = 0.5
"""Of the pool that stops what is endless."""
AMPLE_S = 60.0
"""No task is this long at work unless a test asks for it, however slow the machine is."""
WAIT_S = 60


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that gets a small share of a core, beside other tests, is not taken for one that is stuck."""
    monkeypatch.setattr("rlvr.verifier.pool.pool._PATIENCE", 30)


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


@pytest.fixture
async def ample_pool(forker: Forker) -> AsyncIterator[Pool]:
    """One that stops nobody for time."""
    pool = Pool("hostile", forker, PoolLimits(workers=2, deadline_s=AMPLE_S, memory_mb=128))
    await pool.start()
    yield pool
    await pool.close()


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.005)


async def grade(pool: Pool, completion: str, *, answer: str = "42", marker: str = "") -> pb.Verdict:
    spec = json.dumps({"answer": answer, "marker": marker})
    return await pool.grade(pb.VerifyItem(completion=completion, spec_json=spec), WAIT_S)


async def test_right_and_wrong_are_told_apart(ample_pool: Pool) -> None:
    right, wrong = await asyncio.gather(grade(ample_pool, "42"), grade(ample_pool, "41"))
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


async def test_a_worker_that_dies_once_costs_nothing_but_a_retry(ample_pool: Pool, tmp_path: Path) -> None:
    verdict = await grade(ample_pool, "die once", answer="die once", marker=str(tmp_path / "marker"))
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
    ample_pool: Pool, completion: str, outcome: pb.Outcome, reason: pb.Reason
) -> None:
    verdict = await grade(ample_pool, completion)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


async def test_bad_specs_are_invalid_and_name_the_field(pool: Pool) -> None:
    unreadable = await grade(pool, "42", answer="")
    typo = await pool.grade(pb.VerifyItem(completion="42", spec_json='{"anwser": "42"}'), 30)
    not_json = await pool.grade(pb.VerifyItem(completion="42", spec_json="{"), 30)
    assert (unreadable.outcome, unreadable.reason) == (pb.OUTCOME_INVALID, pb.REASON_GOLD_UNPARSEABLE)
    assert (typo.outcome, typo.reason) == (pb.OUTCOME_INVALID, pb.REASON_BAD_SPEC)
    assert "spec.anwser" in typo.detail and "spec.answer" in typo.detail
    assert not_json.outcome == pb.OUTCOME_INVALID


async def test_the_next_trace_is_graded_while_every_worker_hangs(ample_pool: Pool) -> None:
    hung = set(ample_pool._members)
    stuck = [asyncio.create_task(grade(ample_pool, "sleep")) for _ in range(2)]
    await until(lambda: all(member.slow for member in hung))
    assert (await grade(ample_pool, "42")).outcome == pb.OUTCOME_CORRECT
    assert not any(task.done() for task in stuck) and hung <= ample_pool._members, "they still hang"
    await ample_pool.close()
    assert {verdict.outcome for verdict in await asyncio.gather(*stuck)} == {pb.OUTCOME_ERROR}


async def test_a_worker_that_leaves_the_pool_is_dead(pool: Pool, forker: Forker) -> None:
    # A slow task with endless ones behind it in the same socket: they are given to others, and must not run on.
    for _ in range(3):
        await asyncio.gather(*(grade(pool, text) for text in ["nap", "burn", "nap", "burn"]))
    assert forker._process is not None
    nursery = psutil.Process(forker._process.pid)
    await until(lambda: {child.pid for child in nursery.children()} <= {member.pid for member in pool._members})


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
    await until(lambda: not any(map(is_running, children)))
    assert (await grade(pool, "42")).outcome == pb.OUTCOME_CORRECT


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def no_stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool of one worker has that one, though the machine may stand still while it is at a task."""
    monkeypatch.setattr("rlvr.verifier.pool.pool._SLOW_S", math.inf)


@pytest.mark.usefixtures("no_stand_ins")
async def test_a_worker_that_ran_out_of_memory_grades_nothing_more(forker: Forker) -> None:
    pool = Pool("hostile", forker, PoolLimits(workers=1, deadline_s=AMPLE_S, memory_mb=128))
    await pool.start()
    (first,) = pool._members
    verdicts = await asyncio.gather(*(grade(pool, text) for text in ["42", "eat", "42", "42"]))
    (second,) = pool._members
    await pool.close()
    assert [verdict.outcome for verdict in verdicts] == [
        *(pb.OUTCOME_CORRECT, pb.OUTCOME_INCORRECT, pb.OUTCOME_CORRECT, pb.OUTCOME_CORRECT)
    ]
    assert first.pid != second.pid


@pytest.mark.usefixtures("no_stand_ins")
async def test_a_worker_that_has_grown_is_replaced_before_it_fails_anybody(
    forker: Forker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlvr.verifier.pool.pool._MEMORY_CHECK_S", 0.0)
    pool = Pool("hostile", forker, PoolLimits(workers=1, deadline_s=AMPLE_S, memory_mb=128))
    await pool.start()
    (first,) = pool._members
    while first in pool._members:
        verdict = await grade(pool, "hoard")  # 40 MB each: after the second it is over half of its cap
        assert verdict.reason == pb.REASON_NOT_EQUIVALENT
        await until(lambda: first not in pool._members or first.memory() - first.memory_at_fork <= 64 << 20)
    assert (await grade(pool, "42")).outcome == pb.OUTCOME_CORRECT
    await pool.close()


async def test_the_kernel_ends_a_worker_that_nobody_watches(forker: Forker) -> None:
    lost = asyncio.Event()
    member = await forker.fork("hostile", 128, 1, lambda *_: None, lambda _: lost.set())
    future: asyncio.Future[pb.Verdict] = asyncio.get_running_loop().create_future()
    body = pb.VerifyItem(completion="burn", spec_json='{"answer": "42"}').SerializeToString()
    member.give([Task(1, body, future, 0.0, 0.0)])
    await until(lost.is_set)
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
    pool = Pool("hostile", forker, PoolLimits(workers=2, deadline_s=AMPLE_S, recycle_after=50))
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
    pool = Pool("hostile", forker, PoolLimits(workers=3, deadline_s=AMPLE_S))
    await pool.start()
    assert forker._process is not None
    pids = [forker._process.pid, *(member.pid for member in pool._members)]
    assert len(pids) == 4 and all(map(is_running, pids))
    waiting = asyncio.create_task(grade(pool, "sleep"))
    await asyncio.sleep(0)
    await pool.close()
    assert (await waiting).outcome == pb.OUTCOME_ERROR
    await forker.close()
    await until(lambda: not any(map(is_running, pids)))


def test_importing_the_pool_brings_no_sympy() -> None:
    assert os.system(f"{sys.executable} -c \"import sys, rlvr.verifier.pool; assert 'sympy' not in sys.modules\"") == 0


async def test_slow_tasks_one_after_the_other_leave_no_worker_out_of_work(ample_pool: Pool) -> None:
    """A worker that comes to tasks which were given to others since is slow at those as well, and free after them."""
    naps = await asyncio.gather(*(grade(ample_pool, "nap") for _ in range(60)))
    assert {verdict.outcome for verdict in naps} == {pb.OUTCOME_INCORRECT}
    after = await asyncio.gather(*(grade(ample_pool, "42") for _ in range(20)))
    assert {verdict.outcome for verdict in after} == {pb.OUTCOME_CORRECT}
