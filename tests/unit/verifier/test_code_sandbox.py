"""Hostile and honest programs in the real runner. C-numbers are rows of the list of hostile inputs."""

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from rlvr.core.verdict import Outcome, Reason
from rlvr.verifier.code.grader import CodeGrader
from rlvr.verifier.code.runner import End, Job, Limits, Stdio
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.spec import CodeSpec
from sandboxes import TIERS, grade_with, run_with, started, until, zygote_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
CONCURRENCY = 2


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=TIERS)
async def grader(request):
    async with started(request.param, concurrency=CONCURRENCY) as grader:
        yield grader


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def best():
    async with started("best", concurrency=CONCURRENCY) as grader:
        yield grader


def add_spec(**options):
    tests = [{"type": "call", "args": [1, 2], "expected": 3}, {"type": "call", "args": [-5, 2], "expected": -3}]
    return CodeSpec(**({"tests": tests, "entry_point": "add", "time_limit_s": 20} | options))


async def grade_all(grader, programs):
    """Grades of (source, spec) pairs."""
    turns = asyncio.Semaphore(CONCURRENCY)

    async def grade(source, spec):
        async with turns:
            return await grade_with(grader, source, spec)

    return await asyncio.gather(*(grade(source, spec) for source, spec in programs))


def stdio_spec(stdin="2 3", stdout="5", **options):
    return CodeSpec(**({"tests": [{"type": "stdio", "stdin": stdin, "stdout": stdout}], "time_limit_s": 20} | options))


RIGHT = {
    "plain": "def add(a, b): return a + b",
    "imports": "import math, json, re, collections, heapq\ndef add(a, b): return math.fsum([a, b])",
    "lambda": "add = lambda a, b: a + b",
    "prints": "print('x' * 10_000)\ndef add(a, b):\n    print('PASSED')\n    return a + b",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n"
    "def add(a, b): return P(a + b).x",
    "main guard": "def add(a, b): return a + b\nif __name__ == '__main__': raise SystemExit('demo')",
    "threads": "import threading\ndef add(a, b):\n    out = []\n"
    "    t = threading.Thread(target=lambda: out.append(a + b))\n"
    "    t.start(); t.join()\n    return out[0]",
    "deep recursion": "import sys\nsys.setrecursionlimit(10**5)\ndef f(n): return n and f(n - 1)\n"
    "def add(a, b): return f(5000) + a + b",
    "scratch file": "def add(a, b):\n    open('x', 'w').write(str(a + b))\n    return int(open('x').read())",
}


async def test_right_functions_pass(grader):
    programs = [(f"```python\n{source}\n```", add_spec()) for source in RIGHT.values()]
    grades = dict(zip(RIGHT, await grade_all(grader, programs), strict=True))
    assert {name: grade for name, grade in grades.items() if grade.outcome is not Outcome.CORRECT} == {}
    assert all(grade.breakdown == {"test_0": 1.0, "test_1": 1.0} for grade in grades.values())


RIGHT_SCRIPTS = [
    "a, b = map(int, input().split())\nprint(a + b)",
    "import sys\nprint(sum(map(int, sys.stdin.read().split())))\nsys.exit(0)",
    "print(sum(map(int, open(0).read().split())), end='')",
    "print(sum(map(int, open('/dev/stdin').read().split())))",
    "import sys\nfor line in sys.stdin:\n    sys.stdout.write(str(sum(map(int, line.split()))) + '  \\r\\n\\n')",
    "import atexit\natexit.register(lambda: print(5))",
    "import threading\nthreading.Thread(target=lambda: print(5)).start()",
    "import os\nos.write(1, b'5')\nos._exit(0)",
    "if __name__ == '__main__':\n    print(5)",
]


async def test_right_programs_pass(grader):
    grades = await grade_all(grader, [(source, stdio_spec()) for source in RIGHT_SCRIPTS])
    wrong = [(source, grade) for source, grade in zip(RIGHT_SCRIPTS, grades, strict=True) if grade.reward != 1.0]
    assert wrong == []


async def test_a_fraction_of_tests_is_a_partial_reward(best):
    only_positive = "def add(a, b): return 3"
    grade = await grade_with(best, only_positive, add_spec(scoring="fraction"))
    assert (grade.outcome, grade.reward, grade.breakdown) == (Outcome.PARTIAL, 0.5, {"test_0": 1.0, "test_1": 0.0})
    grade = await grade_with(best, only_positive, add_spec())  # C11: the visible example, hard-coded
    assert (grade.outcome, grade.reason) == (Outcome.INCORRECT, Reason.TESTS_FAILED)


async def test_grading_stops_at_the_first_failure_when_all_must_pass(best):
    grade = await grade_with(best, "def add(a, b): return 0", add_spec())
    assert grade.breakdown == {"test_0": 0.0}


FAILURES = {
    "def add(a, b) return a + b": Reason.COMPILE_ERROR,
    "Sure! I would add the two numbers.": Reason.COMPILE_ERROR,
    "(" * 5000: Reason.COMPILE_ERROR,
    "def sub(a, b): return a - b": Reason.RUNTIME_ERROR,
    "def add(a, b): return a + c": Reason.RUNTIME_ERROR,
    "def add(a, b): return add(a, b)": Reason.RUNTIME_ERROR,
    "def add(a, b): return {a + b}": Reason.TESTS_FAILED,
    "def add(a, b): return {1: 2}": Reason.TESTS_FAILED,
    "def add(a, b):\n    x = []\n    x.append(x)\n    return x": Reason.RUNTIME_ERROR,
    "def add(a, b): return None": Reason.TESTS_FAILED,
    "def add(a, b): return str(a + b)": Reason.TESTS_FAILED,
    "def add(a, b): return a - b": Reason.TESTS_FAILED,
    "def add(a, b): return float('nan')": Reason.TESTS_FAILED,
    "import ctypes\ndef add(a, b): ctypes.string_at(0)": Reason.RUNTIME_ERROR,
    "def add(a, b):\n    while True: pass": Reason.TIME_LIMIT,
    "import time\ntime.sleep(1e9)": Reason.TIME_LIMIT,
    "import time\ntime.time = time.monotonic = lambda: 0\nwhile True: pass": Reason.TIME_LIMIT,  # C26
    "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except Exception: pass\n"
    "while True: pass": Reason.TIME_LIMIT,  # C16
    "def add(a, b): return bytearray(8 << 30)": Reason.MEMORY_LIMIT,  # C17
    "def add(a, b):\n    x = []\n    while True: x.append(bytearray(1 << 20))": Reason.MEMORY_LIMIT,
    "def add(a, b): return 'x' * 5_000_000": Reason.OUTPUT_LIMIT,
}


async def test_each_way_to_fail_has_its_reason(grader):
    programs = [
        (source, add_spec(time_limit_s=0.7 if reason is Reason.TIME_LIMIT else 20))
        for source, reason in FAILURES.items()
    ]
    grades = dict(zip(FAILURES, await grade_all(grader, programs), strict=True))
    assert {source: grade.reason for source, grade in grades.items()} == FAILURES
    assert {(grade.outcome, grade.reward) for grade in grades.values()} == {(Outcome.INCORRECT, 0.0)}


async def test_a_grandchild_that_holds_stdout_does_not_delay_a_right_answer(grader):
    source = (
        "import os, signal, time\nif os.fork() == 0:\n    os.setsid()\n"
        "    if os.fork() == 0:\n        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n        time.sleep(600)\n"
        "    os._exit(0)\nprint(5)"
    )
    grade = await grade_with(grader, source, stdio_spec(time_limit_s=30))
    assert grade.outcome is Outcome.CORRECT, grade


async def test_sixteen_megabytes_pass_both_ways_without_deadlock(grader):
    size = 16 * 2**20
    source = "import sys\ntext = sys.stdin.read()\nsys.stdout.write(text)"
    grade = await grade_with(grader, source, stdio_spec("x" * size, "x" * size, time_limit_s=20))
    assert grade.outcome is Outcome.CORRECT, (grade.reason, grade.detail)
    grade = await grade_with(grader, "print('x' * (16 * 2**20 + 1))", stdio_spec(time_limit_s=20))
    assert grade.reason is Reason.OUTPUT_LIMIT


async def test_a_byte_more_of_output_ends_a_program_at_once(grader):
    source = "import time\nprint('x' * (16 * 2**20 + 1), flush=True)\ntime.sleep(1000)"
    result = await run_with(grader, Job(source, Stdio(b"")), Limits(60, 512, 16 * 2**20))
    assert result.end is End.OUTPUT_LIMIT and result.time_s < 30


async def test_megabytes_of_arguments_pass_between_a_test_and_the_program(best):
    size = 15 * 2**20
    code = f"def check(candidate):\n    for text in ['x' * {size}]:\n        assert candidate(text) == text[:2**19]"
    spec = CodeSpec(tests=[{"type": "script", "code": code}], entry_point="f", time_limit_s=30)
    assert (await grade_with(best, "def f(x): return x[:2**19]", spec)).outcome is Outcome.CORRECT


async def test_input_that_is_never_read_hurts_nobody(grader):
    grade = await grade_with(grader, "print(5)", stdio_spec("x" * 10_000_000, time_limit_s=20))
    assert grade.outcome is Outcome.CORRECT, grade


async def test_hidden_inputs_and_answers_do_not_show_in_a_grade(best):
    spec = CodeSpec(tests=[{"type": "call", "args": ["s3cret"], "expected": "g0ld"}], entry_point="f")
    for source in (
        "def f(x): return 1",
        "def f(x): raise ValueError(x)",
        "def f(x): raise type(x + '!', (Exception,), {})",
        "def f(x): return type(x, (), {})()",
    ):
        grade = await grade_with(best, source, spec)
        assert grade.reward == 0.0
        assert "g0ld" not in str(grade) and "s3cret" not in str(grade)


async def test_answers_do_not_depend_on_the_hash_seed(grader):  # C27
    source = "print(list({'a', 'b', 'c', 'd', 'e', 'f'}))"
    job, limits = Job(source, Stdio(b"")), Limits(20, 256, 10_000)
    outputs = {(await run_with(grader, job, limits)).output for _ in range(4)}
    assert len(outputs) == 1


def processes_below(grader):
    zygote = zygote_of(grader)
    return zygote.children(recursive=True) if zygote else []


async def test_cancelling_a_grade_kills_its_run(grader):
    task = asyncio.create_task(grade_with(grader, "while True: pass", stdio_spec(time_limit_s=60)))
    async with asyncio.timeout(90):
        below = await until(lambda: processes_below(grader))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not [process for process in below if process.is_running()])
    assert (await grade_with(grader, "print(5)", stdio_spec())).outcome is Outcome.CORRECT


ROOM = """
import asyncio, os, sys
from rlvr.verifier.code.runner import End, Job, Limits, Stdio
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.tiers import start_runner

async def main():
    runner = await start_runner(CodeSettings(tier=sys.argv[1], python=sys.argv[2], concurrency=1))
    program = "import os\\nfor _ in range(3): os.fork()\\nwhile True: pass"
    run = asyncio.create_task(runner.run(Job(program, Stdio(b"")), Limits(50, 256, 1000), 0))
    print("started", flush=True)
    await run

asyncio.run(main())
"""


@pytest.mark.parametrize("tier", ["jail", "landlock", "unsafe"])
async def test_a_killed_room_leaves_no_process(tier):
    async with started(tier, concurrency=1) as grader:  # or skip, where there is no such tier
        python = grader.runner._python
    command = [sys.executable, "-c", ROOM, tier, python]
    async with asyncio.timeout(90):
        room = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        try:
            while b"started" not in (line := await room.stdout.readline()):
                assert line, "the room did not start"
            below = await until(lambda: len(found := psutil.Process(room.pid).children(recursive=True)) > 7 and found)
        finally:
            room.kill()
            await room.wait()
        await until(lambda: not [process for process in below if process.is_running()])


async def test_closing_ends_the_runs_under_way():
    async with started("best") as grader:
        task = asyncio.create_task(grade_with(grader, "while True: pass", stdio_spec(time_limit_s=60)))
        async with asyncio.timeout(90):
            await until(lambda: zygote_of(grader))
            await grader.close()
            assert (await task).outcome is Outcome.ERROR


async def test_runs_wait_for_a_slot_and_waiting_costs_them_nothing():
    async with started("best", concurrency=1) as grader:
        source = "import time\ntime.sleep(0.5)\nprint(5)"
        # The last waits for longer than its limit, which leaves each of them room to be held up.
        grades = await asyncio.gather(*(grade_with(grader, source, stdio_spec(time_limit_s=4)) for _ in range(10)))
        assert [grade.outcome for grade in grades] == [Outcome.CORRECT] * 10


async def test_the_tests_of_a_program_share_a_bound_on_their_time():
    async with started("best", total_time_s=0.5) as grader:
        tests = [{"type": "stdio", "stdout": "5"}] * 50
        spec = CodeSpec(tests=tests, time_limit_s=0.3, scoring="fraction")
        grade = await grade_with(grader, "while True: pass", spec)
        assert grade.reason is Reason.TIME_LIMIT and len(grade.breakdown) == 50


NO_ENGINE = {"host": "unix:///no/engine.sock"}


async def test_a_host_that_cannot_isolate_is_told_at_start(tmp_path):
    grader = CodeGrader(CodeSettings(python=tmp_path / "no-such-python", docker=NO_ENGINE))
    with pytest.raises(RuntimeError, match="no-such-python"):
        await grader.start()
    assert grader.describe()["tier"] is None
    grade = (await grader.grade("print(5)", stdio_spec(), 1)).grade
    assert (grade.outcome, grade.reason) == (Outcome.ERROR, Reason.SANDBOX_UNAVAILABLE)


async def test_nothing_isolates_only_where_that_is_asked_for():
    broken = {"python": Path("/bin/false"), "docker": NO_ENGINE}
    with pytest.raises(RuntimeError, match="jail: .*landlock: .*RLVR_VERIFIER__CODE__TIER=unsafe"):
        await CodeGrader(CodeSettings(**broken)).start()
    grader = CodeGrader(CodeSettings(tier="unsafe"))
    with contextlib.suppress(RuntimeError):
        await grader.start()
        assert grader.describe()["tier"] == "unsafe"
    await grader.close()
