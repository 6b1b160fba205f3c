"""Hostile and honest programs in the real runner. C-numbers are rows of the list of hostile inputs."""

import asyncio
import contextlib
import socket
import time
from pathlib import Path

import psutil
import pytest

from rlvr.core.verdict import Outcome, Reason
from rlvr.verifier.code.grader import CodeGrader
from rlvr.verifier.code.process_runner import ProcessRunner
from rlvr.verifier.code.runner import End, Job, Limits, RunnerUnavailable, Stdio
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.spec import CodeSpec

SYSTEM_PYTHON = Path("/usr/bin/python3")
TIERS = ["best", "user_namespaces", "process"]
SCRATCH = Path("/tmp")
WAIT_S = 60


@contextlib.asynccontextmanager
async def started(tier, **settings):
    """A grader on a tier; where an unprivileged user cannot read our interpreter, on the system's."""
    for python in (None, SYSTEM_PYTHON):
        chosen = CodeSettings(python=python, allow_process_tier=tier == "process", **settings)
        grader = CodeGrader(chosen, ProcessRunner(chosen, None if tier == "best" else tier))
        try:
            await grader.start()
        except RuntimeError:
            continue
        try:
            yield grader
        finally:
            await grader.close()
        return
    pytest.skip(f"this host does not have the tier {tier}")


@pytest.fixture(params=TIERS)
async def grader(request):
    async with started(request.param) as grader:
        yield grader


@pytest.fixture
async def shut_in():
    async with started("best") as grader:
        if "private_root" not in grader.describe()["isolation"]:
            pytest.skip("this host does not permit namespaces")
        yield grader


async def grade_with(grader, completion, spec):
    """The grade, when the host has cores to find it; see test_code_fairness.py for when it has not."""
    deadline = time.monotonic() + WAIT_S
    while True:
        grade = (await grader.grade(completion, spec, WAIT_S)).grade
        if "host was too busy" not in grade.detail or time.monotonic() > deadline:
            return grade


async def run_with(grader, job, limits):
    async with grader._runner.slot(WAIT_S) as slot:
        return await grader._runner.run(job, limits, slot)


def traces_of_runs():
    mine = {child.pid for child in psutil.Process().children(recursive=True)}
    orphans = {
        process.pid
        for process in psutil.process_iter(["uids"])
        if process.info["uids"] and 60_600 <= process.info["uids"].real < 61_000
    }
    return mine | orphans, {path.name for path in SCRATCH.glob("rlvr-code-*")}


def open_descriptors():
    return psutil.Process().num_fds()


@pytest.fixture(autouse=True)
def nothing_left_over():
    """After every test: no process, temporary directory or descriptor of a run."""
    before, descriptors = traces_of_runs(), open_descriptors()
    yield
    deadline = time.monotonic() + 10
    while (left := [now - then for now, then in zip(traces_of_runs(), before, strict=True)]) != [set(), set()]:
        assert time.monotonic() < deadline, f"left over: {left}"
    assert open_descriptors() <= descriptors


def add_spec(**options):
    tests = [{"type": "call", "args": [1, 2], "expected": 3}, {"type": "call", "args": [-5, 2], "expected": -3}]
    return CodeSpec(**({"tests": tests, "entry_point": "add", "time_limit_s": 2} | options))


def stdio_spec(stdin="2 3", stdout="5", **options):
    return CodeSpec(**({"tests": [{"type": "stdio", "stdin": stdin, "stdout": stdout}], "time_limit_s": 2} | options))


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


@pytest.mark.parametrize("name", RIGHT)
async def test_right_functions_pass(grader, name):
    grade = await grade_with(grader, f"```python\n{RIGHT[name]}\n```", add_spec())
    assert grade.outcome is Outcome.CORRECT, grade
    assert grade.breakdown == {"test_0": 1.0, "test_1": 1.0}


@pytest.mark.parametrize(
    "source",
    [
        "a, b = map(int, input().split())\nprint(a + b)",
        "import sys\nprint(sum(map(int, sys.stdin.read().split())))\nsys.exit(0)",
        "print(sum(map(int, open(0).read().split())), end='')",
        "print(sum(map(int, open('/dev/stdin').read().split())))",
        "import sys\nfor line in sys.stdin:\n    sys.stdout.write(str(sum(map(int, line.split()))) + '  \\r\\n\\n')",
        "import atexit\natexit.register(lambda: print(5))",
        "import threading\nthreading.Thread(target=lambda: print(5)).start()",
        "import os\nos.write(1, b'5')\nos._exit(0)",
        "if __name__ == '__main__':\n    print(5)",
    ],
)
async def test_right_programs_pass(grader, source):
    grade = await grade_with(grader, source, stdio_spec())
    assert grade.outcome is Outcome.CORRECT, grade


async def test_a_fraction_of_tests_is_a_partial_reward(grader):
    only_positive = "def add(a, b): return 3"
    grade = await grade_with(grader, only_positive, add_spec(scoring="fraction"))
    assert (grade.outcome, grade.reward, grade.breakdown) == (Outcome.PARTIAL, 0.5, {"test_0": 1.0, "test_1": 0.0})
    grade = await grade_with(grader, only_positive, add_spec())  # C11: the visible example, hard-coded
    assert (grade.outcome, grade.reason) == (Outcome.INCORRECT, Reason.TESTS_FAILED)


async def test_grading_stops_at_the_first_failure_when_all_must_pass(grader):
    grade = await grade_with(grader, "def add(a, b): return 0", add_spec())
    assert grade.breakdown == {"test_0": 0.0}


FAILURES = {
    "def add(a, b) return a + b": Reason.COMPILE_ERROR,
    "Sure! I would add the two numbers.": Reason.COMPILE_ERROR,
    "(" * 5000: Reason.COMPILE_ERROR,
    "def sub(a, b): return a - b": Reason.RUNTIME_ERROR,
    "def add(a, b): return a + c": Reason.RUNTIME_ERROR,
    "def add(a, b): return add(a, b)": Reason.RUNTIME_ERROR,
    "def add(a, b): return {a + b}": Reason.RUNTIME_ERROR,
    "def add(a, b): return {1: 2}": Reason.RUNTIME_ERROR,
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


@pytest.mark.parametrize("source", FAILURES)
async def test_each_way_to_fail_has_its_reason(grader, source):
    reason = FAILURES[source]
    grade = await grade_with(grader, source, add_spec(time_limit_s=0.7 if reason is Reason.TIME_LIMIT else 20))
    assert (grade.outcome, grade.reward, grade.reason) == (Outcome.INCORRECT, 0.0, reason), grade


ALWAYS = "__eq__ = __ne__ = __le__ = __ge__ = __lt__ = __gt__ = __contains__ = lambda *_: True; __hash__ = None"
EXPLOITS = {
    "C01 always equal": f"class A: {ALWAYS}\ndef add(a, b): return A()",
    "C01 int subclass": f"class A(int): {ALWAYS}\ndef add(a, b): return A()",
    "C01 str subclass": f"class A(str): {ALWAYS}\ndef add(a, b): return A()",
    "C01 list subclass": f"class A(list): {ALWAYS}\ndef add(a, b): return A()",
    "C01 inside a list": f"class A(int): {ALWAYS}\ndef add(a, b): return [A()]",
    "C02 sys.exit at import": "import sys; sys.exit(0)",
    "C02 os._exit at import": "import os; os._exit(0)",
    "C02 raise SystemExit": "raise SystemExit",
    "C02 exit in call": "def add(a, b): exit(0)",
    "C02 sys.exit in call": "import sys\ndef add(a, b): sys.exit(0)",
    "C02 os._exit in call": "import os\ndef add(a, b): os._exit(0)",
    "C02 atexit": "import atexit, os\natexit.register(lambda: os._exit(0))\ndef add(a, b): return 0",
    "C02 thread": "import os, threading\nthreading.Timer(0, lambda: os._exit(0)).start()\n"
    "def add(a, b):\n    while True: pass",
    "C02 kill self": "import os\ndef add(a, b): os.kill(os.getpid(), 9)",
    "C03 frames": "import sys, gc\ndef add(a, b):\n    f, seen = sys._getframe(), []\n    while f:\n        seen += "
    "[v for k, v in list(f.f_locals.items()) + list(f.f_globals.items()) if 'expect' in k or k == 'gold']\n"
    "        f = f.f_back\n    for o in gc.get_objects():\n"
    "        if type(o) is dict and 'expected' in o: seen.append(o['expected'])\n"
    "    return seen[0] if seen else 'absent'",
    "C04 patched builtins": "import builtins, json, os, sys\nbuiltins.isinstance = builtins.all = lambda *a: True\n"
    "json.dumps = json.loads = lambda *a, **k: 'true'\nsys.stdout = None\ndef add(a, b): return 0",
    "C04 patched harness": "import sys\nfor name, m in list(sys.modules.items()):\n    if 'harness' in name:\n"
    "        m._json = lambda v: 'true'\n        m.same_value = lambda *a: True\ndef add(a, b): return 0",
    "C05 every descriptor": "import os\nfor fd in range(3, 300):\n    try: os.write(fd, b'{\"passed\": true}')\n"
    "    except OSError: pass\ndef add(a, b): return 0",
    "C05 an early right frame": "import os\nfor fd in range(3, 300):\n    try: os.write(fd, b'{\"value\":3}\\n')\n"
    "    except OSError: pass\ndef add(a, b): return 3",
    "C05 parents' descriptors": "import os\nfor pid in [p for p in os.listdir('/proc') if p.isdigit()]:\n"
    "    for fd in range(16):\n        try: os.write(os.open(f'/proc/{pid}/fd/{fd}', os.O_WRONLY), b'ended 0 0.0\\n')\n"
    "        except OSError: pass\ndef add(a, b): return 0",
    "C06 forged words": "print('PASSED', 'started', 'ended 0 0.001', '{\"passed\": true}', sep='\\n')\n"
    "import os, sys\nos.write(2, b'started\\nended 0 0.0\\n')\ndef add(a, b): return 0",
    "C07 reduce": "class A:\n    def __reduce__(self): return (print, ('owned',))\ndef add(a, b): return A()",
    "C07 pickle on the pipe": "import os, pickle\nfor fd in range(3, 300):\n    try: os.write(fd, pickle.dumps(3))\n"
    "    except OSError: pass\nos._exit(0)",
    "C09 shadow modules": "for n in ('json.py', 'sitecustomize.py', 'conftest.py', 'usercustomize.py'):\n"
    "    open(n, 'w').write('raise SystemExit(0)')\ndef add(a, b): return 0",
    "C21 kill everything": "import os\nfor p in (os.getppid(), 1, -1):\n    try: os.kill(p, 2)\n"
    "    except OSError: pass\ndef add(a, b): return 0",
    "C25 limits up": "import resource\nfor l in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_NPROC):\n"
    "    resource.setrlimit(l, (-1, -1))\ndef add(a, b): return 3",
}


@pytest.mark.parametrize("name", EXPLOITS)
async def test_exploits_score_nothing(grader, name):
    grade = await grade_with(grader, EXPLOITS[name], add_spec(time_limit_s=1))
    assert (grade.outcome, grade.reward) == (Outcome.INCORRECT, 0.0), grade
    honest = await grade_with(grader, RIGHT["plain"], add_spec())
    assert honest.outcome is Outcome.CORRECT, honest


BOMBS = {
    "C14 fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "C14 threads": "import threading, time\n"
    "for _ in range(10_000): threading.Thread(target=time.sleep, args=(60,)).start()",
    "C15 daemonised grandchild": "import os, signal, time\nif os.fork() == 0:\n    os.setsid()\n"
    "    if os.fork() == 0:\n        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n        time.sleep(600)\n"
    "    os._exit(0)\nprint(6)",
    "C15 subprocess": "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)\nprint(6)",
    "C17 sparse file": "f = open('x', 'wb'); f.truncate(1 << 40)",
    "C17 many files": "for i in range(10**5): open(str(i), 'w').close()",
    "C17 scratch full": "for i in range(1000): open(str(i), 'wb').write(bytes(1 << 20))",
    "C18 a hundred megabytes": "import sys\nfor _ in range(100): sys.stdout.write('x' * 10**6)",
    "C18 endless": "while True: print('x' * 1000)",
    "C19 early close": "import os\nos.close(1)\nos.close(0)",
    "C25 stopped": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
}


@pytest.mark.parametrize("name", BOMBS)
async def test_bombs_end_within_their_limits(grader, name):
    if name in ("C17 many files", "C17 scratch full") and grader.describe()["tier"] == "process":
        pytest.skip("the process tier bounds each file, not their number")
    grade = await grade_with(grader, BOMBS[name], stdio_spec(time_limit_s=1))
    assert (grade.outcome, grade.reward) == (Outcome.INCORRECT, 0.0), grade


async def test_a_grandchild_that_holds_stdout_does_not_delay_a_right_answer(grader):
    source = BOMBS["C15 daemonised grandchild"].replace("print(6)", "print(5)")
    grade = await grade_with(grader, source, stdio_spec(time_limit_s=30))
    assert grade.outcome is Outcome.CORRECT, grade


async def test_sixteen_megabytes_pass_both_ways_without_deadlock(grader):
    size = 16 * 2**20
    source = "import sys\ntext = sys.stdin.read()\nsys.stdout.write(text)"
    grade = await grade_with(grader, source, stdio_spec("x" * size, "x" * size, time_limit_s=20))
    assert grade.outcome is Outcome.CORRECT, (grade.reason, grade.detail)
    grade = await grade_with(grader, "print('x' * (16 * 2**20 + 1))", stdio_spec(time_limit_s=20))
    assert grade.reason is Reason.OUTPUT_LIMIT


async def test_input_that_is_never_read_hurts_nobody(grader):
    grade = await grade_with(grader, "print(5)", stdio_spec("x" * 10_000_000, time_limit_s=20))
    assert grade.outcome is Outcome.CORRECT, grade


async def test_a_run_does_not_see_what_another_left(shut_in):  # C24
    places = "('/tmp/mark', '/dev/shm/mark', 'mark')"
    leave = f"for path in {places}: open(path, 'w').close()\nprint('left')"
    look = f"import os\nprint([path for path in {places} if os.path.exists(path)])"
    assert await output_of(shut_in, leave) == "left"
    assert await output_of(shut_in, look) == "[]"


async def test_hidden_inputs_and_answers_do_not_show_in_a_grade(grader):
    spec = CodeSpec(tests=[{"type": "call", "args": ["s3cret"], "expected": "g0ld"}], entry_point="f")
    for source in (
        "def f(x): return 1",
        "def f(x): raise ValueError(x)",
        "def f(x): raise type(x + '!', (Exception,), {})",
        "def f(x): return type(x, (), {})()",
    ):
        grade = await grade_with(grader, source, spec)
        assert grade.reward == 0.0
        assert "g0ld" not in str(grade) and "s3cret" not in str(grade)


async def test_answers_do_not_depend_on_the_hash_seed(grader):  # C27
    source = "print(list({'a', 'b', 'c', 'd', 'e', 'f'}))"
    job, limits = Job(source, Stdio(b"")), Limits(5, 256, 10_000)
    outputs = {(await run_with(grader, job, limits)).output for _ in range(4)}
    assert len(outputs) == 1


async def output_of(grader, source):
    result = await run_with(grader, Job(source, Stdio(b"")), Limits(5, 256, 100_000))
    assert result.end is End.EXITED, result
    return result.output.decode().strip()


async def test_the_host_is_not_visible_from_a_private_root(shut_in):  # C08
    paths = [__file__, str(Path.home()), "/etc/passwd", "/work", "/var", "/sys", "/proc/1/environ", "/proc/1/root/"]
    source = (
        f"import os\nfor path in {paths}:\n    try:\n        print(os.listdir(path) if os.path.isdir(path) else "
        "open(path).read())\n    except OSError: pass\n"
        "print(sorted(p for p in os.listdir('/proc') if p.isdigit()))"
    )
    lines = (await output_of(shut_in, source)).splitlines()
    assert lines[-1] == "['1', '2']"
    assert not [line for line in lines[:-1] if line.strip("[]' ") not in ("", ".pyenv", "versions")], lines


async def test_the_network_is_not_reachable_from_the_sandbox(shut_in):  # C20
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = (
            f"import socket\nfor place in (('127.0.0.1', {port}), ('169.254.169.254', 80), ('1.1.1.1', 53)):\n"
            "    try: socket.create_connection(place, 0.5); print('reached', place)\n    except OSError: pass"
        )
        assert await output_of(shut_in, source) == ""


async def test_the_candidate_has_no_privileges(shut_in):  # C22
    source = (
        "import os, ctypes\nlibc = ctypes.CDLL(None)\n"
        "print(os.getuid() == 0, os.getgroups(), libc.mount(b'none', b'/tmp', b'tmpfs', 0, 0), libc.chroot(b'/tmp'))\n"
        "print([l for l in open('/proc/self/status') if l[:6] in ('CapEff', 'CapPrm', 'NoNewP')])\n"
        "try: os.setuid(0); print('root')\nexcept OSError: pass\n"
        "for path in ('/usr/x', '/x', '/proc/sys/kernel/hostname', '/dev/x'):\n"
        "    try: open(path, 'w'); print('wrote', path)\n    except OSError: pass"
    )
    output = await output_of(shut_in, source)
    assert output.startswith("False [] -1 -1"), output
    assert output.count("0000000000000000") == 2 and "NoNewPrivs:\\t1" in output
    assert "wrote" not in output and "root" not in output


async def until(condition):
    """The first true value of `condition()`; the caller sets the deadline."""
    while not (value := condition()):
        await asyncio.sleep(0.002)
    return value


def supervisor_with_a_run():
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "inside.launcher" in " ".join(child.cmdline()) and child.children():
                return child
    return None


async def test_cancelling_a_grade_kills_its_run(grader):
    before = traces_of_runs()
    task = asyncio.create_task(grade_with(grader, "while True: pass", stdio_spec(time_limit_s=60)))
    async with asyncio.timeout(10):
        await until(supervisor_with_a_run)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: traces_of_runs() == before)


async def test_a_sandbox_killed_once_is_retried(grader):  # C32
    spec = stdio_spec(time_limit_s=30)
    task = asyncio.create_task(grade_with(grader, "import time\ntime.sleep(0.3)\nprint(5)", spec))
    async with asyncio.timeout(30):
        (await until(supervisor_with_a_run)).kill()
        assert (await task).outcome is Outcome.CORRECT


async def test_a_sandbox_killed_twice_is_our_error_and_no_reward(shut_in):  # C32
    task = asyncio.create_task(grade_with(shut_in, "while True: pass", stdio_spec(time_limit_s=60)))
    async with asyncio.timeout(30):
        first = await until(supervisor_with_a_run)
        first.kill()
        await until(lambda: (supervisor_with_a_run() or first) != first)
        supervisor_with_a_run().kill()
        grade = await task
    assert (grade.outcome, grade.reason, grade.reward) == (Outcome.ERROR, Reason.SANDBOX_UNAVAILABLE, None)


async def test_closing_ends_the_runs_under_way():
    async with started("best") as grader:
        task = asyncio.create_task(grade_with(grader, "while True: pass", stdio_spec(time_limit_s=60)))
        async with asyncio.timeout(10):
            await until(supervisor_with_a_run)
            await grader.close()
            assert (await task).outcome is Outcome.ERROR


async def test_runs_wait_for_a_slot_and_waiting_costs_them_nothing():
    async with started("best", concurrency=1) as grader:
        source = "import time\ntime.sleep(0.5)\nprint(5)"
        grades = await asyncio.gather(*(grade_with(grader, source, stdio_spec(time_limit_s=1.2)) for _ in range(4)))
        assert [grade.outcome for grade in grades] == [Outcome.CORRECT] * 4


async def test_the_tests_of_a_program_share_a_bound_on_their_time():
    async with started("best", total_time_s=0.5) as grader:
        tests = [{"type": "stdio", "stdout": "5"}] * 50
        spec = CodeSpec(tests=tests, time_limit_s=0.3, scoring="fraction")
        grade = await grade_with(grader, "while True: pass", spec)
        assert grade.reason is Reason.TIME_LIMIT and len(grade.breakdown) == 50


async def test_a_host_that_cannot_isolate_is_told_at_start(tmp_path):
    settings = CodeSettings(python=tmp_path / "no-such-python")
    grader = CodeGrader(settings, ProcessRunner(settings))
    with pytest.raises(RuntimeError, match="no-such-python"):
        await grader.start()
    with pytest.raises(RunnerUnavailable):
        await run_with(grader, Job("", Stdio(b"")), Limits(1, 64, 10))


@pytest.mark.skipif(not SYSTEM_PYTHON.exists(), reason="needs a Python to stand in for a host without namespaces")
async def test_without_namespaces_a_candidate_runs_only_where_that_is_allowed(tmp_path):
    python = tmp_path / "python"
    python.write_text(
        f"#!{SYSTEM_PYTHON}\nimport os, sys\n"
        "if b'namespaces' in bytes.fromhex(sys.argv[-1]): sys.exit('no namespaces here')\n"
        f"os.execv('{SYSTEM_PYTHON}', ['python', *sys.argv[1:]])"
    )
    python.chmod(0o755)
    refusing = CodeGrader(CodeSettings(python=python))
    with pytest.raises(RuntimeError, match="RLVR_VERIFIER__CODE__ALLOW_PROCESS_TIER=true"):
        await refusing.start()
    assert refusing.describe()["tier"] is None
    allowed = CodeGrader(CodeSettings(python=python, allow_process_tier=True))
    await allowed.start()
    assert allowed.describe()["tier"] == "process"
    await allowed.close()
