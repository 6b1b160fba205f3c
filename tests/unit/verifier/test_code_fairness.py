"""What is not the program's fault does not count against it: waiting, a busy host, a host short of memory."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from code_attack_rows import SECRET_CORES, UNDUMPABLE
from rlvr.core.errors import Overloaded
from rlvr.v1 import verifier_pb2 as pb
from rlvr.verifier.code import slots as slots_module
from rlvr.verifier.code.runners.cgroups import Cgroup
from rlvr.verifier.code.runners.users import FIRST_UID
from rlvr.verifier.code.slots import Slots
from rlvr.verifier.settings import VerifierSettings
from rlvr.verifier.verification import Verification

WAIT_S = 100
SLEEPS = "import time\ntime.sleep({})\nprint(5)"
BURNS = "import time\nwhile time.process_time() < {}: pass\nprint(5)"
"""A program that needs so many seconds of a core."""
REASONS = {
    "ok": pb.REASON_PASSED,
    "late": pb.REASON_TIME_LIMIT,
    "failed": pb.REASON_RUNTIME_ERROR,
    "queue": pb.REASON_QUEUE_TIMEOUT,
    "sandbox": pb.REASON_SANDBOX_UNAVAILABLE,
}


@contextlib.asynccontextmanager
async def started(**code):
    verification = Verification(VerifierSettings(kinds=["code"], code=code))
    await verification.start()
    try:
        yield verification
    finally:
        await verification.close()


def item(source, num_tests=1, **spec):
    tests = [{"type": "stdio", "stdout": "5"}] * num_tests
    spec = {"tests": tests, "time_limit_s": 20, **spec}
    return pb.VerifyItem(verifier="code", completion=source, spec_json=json.dumps(spec))


def why(verdict):
    return next((word for word, reason in REASONS.items() if reason == verdict.reason), str(verdict))


def leaf():
    """The candidate's process of the only run under way, once its program runs."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if not process.children() and process.cpu_times().user > 0.1 and process.uids().real >= FIRST_UID:
                return process
    return None


async def until(condition):
    """The first true value of `condition()`."""
    async with asyncio.timeout(WAIT_S):
        while not (value := condition()):
            await asyncio.sleep(0.005)
        return value


@contextlib.contextmanager
def busy_core(num_rivals):
    """One core, for us and everything started inside, shared with rivals that each are a scheduling group."""
    cores = psutil.Process().cpu_affinity()
    pin(cores[:1])
    loop = [sys.executable, "-c", "while True: pass"]
    rivals = [subprocess.Popen(loop, start_new_session=True) for _ in range(num_rivals)]
    try:
        yield
    finally:
        for rival in rivals:
            rival.kill()
            rival.wait()
        pin(cores)


def pin(cores):
    """Let us, and all below us, run on these cores only."""
    for _ in range(2):  # a child that was born meanwhile is found the second time, and later ones inherit
        for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.cpu_affinity(cores)


async def on_this_core(verification, program):
    """The verdict on a program, which others than our rivals may keep from the core for so long that there is none."""
    async with asyncio.timeout(WAIT_S):
        while why(verdict := await verification.verdict(program, WAIT_S)) == "sandbox":
            pass
    return verdict


async def test_waiting_for_a_slot_and_for_the_sandbox_costs_a_program_nothing():
    # Together they take longer than one of them may, which leaves each of them room to be held up.
    async with started(concurrency=1, total_time_s=4.0) as verification:
        programs = [verification.verdict(item(SLEEPS.format(0.1), num_tests=4), WAIT_S) for _ in range(12)]
        verdicts = await asyncio.gather(*programs)
    assert [why(verdict) for verdict in verdicts] == ["ok"] * 12
    waits = [verdict.queue_ms for verdict in verdicts]
    assert waits == sorted(waits) and waits[-1] > sum(verdict.duration_ms for verdict in verdicts[:-1]) * 0.9


async def test_a_program_keeps_its_slot_for_all_of_its_tests():
    async with started(concurrency=1) as verification:
        ended = []
        tasks = [asyncio.create_task(verification.verdict(item("print(5)", num_tests=3), WAIT_S)) for _ in range(3)]
        for number, task in enumerate(tasks):
            task.add_done_callback(lambda _, number=number: ended.append((number, time.monotonic())))
        verdicts = await asyncio.gather(*tasks)
    times = [when for _, when in sorted(ended)]
    assert [number for number, _ in ended] == [0, 1, 2]
    assert times[1] - times[0] > verdicts[1].duration_ms / 1000 * 0.5


async def test_a_program_whose_turn_does_not_come_in_time_is_a_queue_timeout():
    async with started(concurrency=1) as verification:
        first = asyncio.create_task(verification.verdict(item(SLEEPS.format(4)), WAIT_S))
        await asyncio.sleep(0)
        late = await verification.verdict(item("print(5)"), 0.2)
        assert not first.done()
        assert (why(late), late.outcome) == ("queue", pb.OUTCOME_ERROR)
        assert late.queue_ms >= 200 and late.duration_ms < late.queue_ms
        assert why(await first) == "ok"
        assert why(await verification.verdict(item("print(5)"), WAIT_S)) == "ok"


async def test_programs_beyond_the_bound_on_waiting_are_refused():
    async with started(concurrency=1, max_queue=1) as verification:
        taken = [asyncio.create_task(verification.verdict(item(SLEEPS.format(0.5)), WAIT_S)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="1 programs already wait"):
            await verification.verdict(item("print(5)"), WAIT_S)
        assert [why(await task) for task in taken] == ["ok", "ok"]
        assert why(await verification.verdict(item("print(5)"), WAIT_S, patient=True)) == "ok"


async def test_a_refused_caller_is_told_how_long_the_line_is(monkeypatch):
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(slots_module, "time", clock)
    slots = Slots(2, max_queue=1)

    async def run(seconds):
        async with slots.take(WAIT_S):
            clock.now += seconds

    async def hold():
        async with slots.take(WAIT_S, patient=True):
            await asyncio.Event().wait()

    async def refusal(num_waiting):
        """What a caller is told while so many wait."""
        holders = [asyncio.create_task(hold()) for _ in range(2 + num_waiting)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as refused:
            await slots.take(WAIT_S).__aenter__()
        for holder in reversed(holders):
            holder.cancel()
        await asyncio.wait(holders)
        return refused.value.retry_after_seconds

    for num_waiting, seconds in ((9, 0.02), (99, 0.02), (9, 0.5)):
        for _ in range(60):
            await run(seconds)
        assert await refusal(num_waiting) == pytest.approx((num_waiting + 1) * seconds / 2, rel=0.01)


async def test_a_cancelled_wait_leaves_the_line_as_it_was():
    async with started(concurrency=1, max_queue=1) as verification:
        first = asyncio.create_task(verification.verdict(item(SLEEPS.format(0.5)), WAIT_S))
        second = asyncio.create_task(verification.verdict(item("print(5)"), WAIT_S))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait({second})
        third = asyncio.create_task(verification.verdict(item("print(5)"), WAIT_S))
        assert [why(await first), why(await third)] == ["ok", "ok"]


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="this kernel does not say who waits for a core")
async def test_a_program_is_not_blamed_for_cores_the_host_did_not_give():
    async with started() as verification:
        with busy_core(2):
            # A third of a core gives it what it needs after its limit.
            assert why(await on_this_core(verification, item(BURNS.format(1.6), time_limit_s=4))) == "ok"
            assert why(await on_this_core(verification, item(SLEEPS.format(600), time_limit_s=0.7))) == "late"
        with busy_core(9):
            assert why(await verification.verdict(item(BURNS.format(600), time_limit_s=0.5), WAIT_S)) == "sandbox"


async def test_many_busy_processes_are_no_excuse():
    source = "import os\nfor _ in range(4): os.fork()\nwhile True: pass"
    async with started() as verification:
        verdict = await verification.verdict(item(source, time_limit_s=0.5), WAIT_S)
    assert verdict.reason in (pb.REASON_TIME_LIMIT, pb.REASON_RUNTIME_ERROR)


async def test_without_cgroups_children_in_secret_are_no_excuse_and_memory_has_a_bound(monkeypatch):
    monkeypatch.setattr(Cgroup, "create", lambda *_: None)
    async with started() as verification:
        verdict = await verification.verdict(item(SECRET_CORES, time_limit_s=1), WAIT_S)
        assert why(verdict) == "late"
        verdict = await verification.verdict(item(UNDUMPABLE, time_limit_s=10), WAIT_S)
        assert verdict.reason == pb.REASON_MEMORY_LIMIT


async def test_a_program_killed_from_outside_is_run_once_more():
    async with started() as verification:
        killed = False
        while not killed:  # it may be done before it is seen, by a host that stood still
            task = asyncio.create_task(verification.verdict(item(BURNS.format(1), time_limit_s=20), WAIT_S))
            program = await until(lambda task=task: leaf() or task.done())
            with contextlib.suppress(psutil.NoSuchProcess):
                if program is not True:
                    program.kill()
                    killed = True
            assert why(await task) == "ok"


async def test_a_program_that_kills_itself_has_failed():
    async with started() as verification:
        verdict = await verification.verdict(item("import os\nos.kill(os.getpid(), 9)"), WAIT_S)
    assert (why(verdict), verdict.reward) == ("failed", 0.0)
