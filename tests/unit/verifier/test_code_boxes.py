"""The tiers on which each run has a sandbox of its own: docker and gvisor."""

import asyncio
import contextlib
import os
import secrets
import signal
import socket

import psutil
import pytest
import pytest_asyncio

from rlvr.core.verdict import Outcome
from rlvr.verifier.code.runner import End, Job, Limits, RunnerUnavailable, Stdio
from rlvr.verifier.code.spec import CodeSpec
from sandboxes import BOXES, grade_with, leftovers, new_leftovers, run_with, settled, started

WAIT_S = 100
LIMITS = Limits(20, 512, 2**20)
LOOPS = "while True: pass"
FIVE = CodeSpec(tests=[{"type": "stdio", "stdout": "5"}], time_limit_s=20)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BOXES)
async def grader(request):
    async with started(request.param, concurrency=1) as grader:
        yield grader


async def until(condition):
    """The first true value of `condition()`."""
    async with asyncio.timeout(WAIT_S):
        while not (value := condition()):
            await asyncio.sleep(0.01)
        return value


async def output_of(grader, source, stdin=b"", limits=LIMITS):
    result = await run_with(grader, Job(source, Stdio(stdin)), limits)
    assert result.end is End.EXITED, result
    return result.output.decode()


RIGHT = {
    "call": {"tests": [{"type": "call", "args": [1, 2], "expected": 3}]},
    "assert": {"tests": [{"type": "assert", "code": "assert add(1, 2) == 3 and add([1], [2]) == [1, 2]"}]},
    "script": {
        "tests": [{"type": "script", "code": "def check(f):\n    for i in range(20):\n        assert f(i, 1) == i + 1"}]
    },
    "files": {
        "files": {"two/__init__.py": "two = 2", "one.txt": "1"},
        "preamble": "from two import two\none = int(open('one.txt').read())",
        "tests": [{"type": "assert", "code": "assert add(one, two) == 3"}],
    },
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", RIGHT)
async def test_every_kind_of_test_tells_right_from_wrong(grader, name):
    spec = CodeSpec(entry_point="add", time_limit_s=20, **RIGHT[name])
    for body, outcome in (("a + b", Outcome.CORRECT), ("3 if a == 0 else a", Outcome.INCORRECT)):
        grade = await grade_with(grader, f"def add(a, b): return {body}", spec)
        assert grade.outcome is outcome, grade


ENDS = {
    "def (": End.COMPILE_ERROR,
    "import sys; sys.exit(3)": End.FAILED,
    "import os; os.kill(os.getpid(), 11)": End.FAILED,
    "import os; os.kill(os.getpid(), 9)": End.KILLED,
    LOOPS: End.TIME_LIMIT,
    "x = bytearray(8 << 30)": End.MEMORY_LIMIT,
    "while True: print('x' * 1000)": End.OUTPUT_LIMIT,
    "for i in range(1000): open(str(i), 'wb').write(bytes(1 << 20))": End.FAILED,
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("source", ENDS)
async def test_each_way_to_end_is_told_from_the_others(grader, source):
    limits = Limits(1 if source == LOOPS else 20, 512, 2**20)
    async with asyncio.timeout(WAIT_S):
        while True:
            with contextlib.suppress(RunnerUnavailable):  # a host that is too busy; see test_code_fairness.py
                result = await run_with(grader, Job(source, Stdio(b"")), limits)
                break
    assert result.end is ENDS[source], result


@pytest.mark.asyncio(loop_scope="module")
async def test_sixteen_megabytes_pass_both_ways_and_one_more_is_too_many(grader):
    size = 2**24
    source = "import sys\nsys.stdout.write(sys.stdin.read())"
    limits = Limits(60, 512, size)
    assert await output_of(grader, source, b"x" * size, limits) == "x" * size
    assert (await run_with(grader, Job(f"print('x' * {size})", Stdio(b"")), limits)).end is End.OUTPUT_LIMIT
    assert await output_of(grader, "print(5)", b"x" * size, limits) == "5\n"


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_of_the_host_is_there(grader, tmp_path, monkeypatch):  # C08
    secret = secrets.token_hex()
    (tmp_path / "secret").write_text(secret)
    monkeypatch.setenv("SECRET", secret)
    look = f"""
import os
for path in ({str(tmp_path)!r}, {__file__!r}, '/work', '/run/docker.sock', '/var/run/docker.sock', '/root/.ssh'):
    if os.path.lexists(path): print('REACHED', path)
for place in ('/tmp', '/etc', '/home', '/run', '/var', '/dev/shm'):
    for folder, below, names in os.walk(place):
        for name in names:
            try: text = open(f'{{folder}}/{{name}}', 'rb').read(10**6)
            except OSError: continue
            if {secret!r}.encode() in text or {socket.gethostname()!r}.encode() == text.strip(): print('REACHED', name)
mine = sorted(int(name) for name in os.listdir('/proc') if name.isdigit())
if len(mine) > 2: print('REACHED', mine)
if set(open('/proc/1/environ').read().split('\\0')) & {{'SECRET={secret}'}} if os.access('/proc/1/environ', 4) else 0:
    print('REACHED environ')
for fd in range(100):
    path = f'/proc/1/fd/{{fd}}'
    try: os.write(os.open(path, os.O_WRONLY), b'ended 0 0 0')
    except OSError: continue
    if os.readlink(path) != '/dev/null': print('REACHED', path)
"""
    assert await output_of(grader, look) == ""


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_can_be_written_but_the_working_folder(grader):
    source = """
import os
for folder in ('/', '/usr', '/etc', '/bin', '/run', '/var/tmp', '/dev', '/sys', '/proc/sys/kernel', '/root'):
    try: open(f'{folder}/x', 'w')
    except OSError: continue
    print('REACHED', folder)
open('x', 'w').write('5')
os.chmod('x', 0o700)
print(os.getcwd(), open('x').read(), os.getuid() != 0)
"""
    assert await output_of(grader, source) == "/tmp 5 True\n"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_cancelled_run_is_killed_with_its_box(grader):
    await settled(grader)
    before = leftovers()
    task = asyncio.create_task(run_with(grader, Job(LOOPS, Stdio(b"")), Limits(60, 512, 1000)))
    box = await until(lambda: next((box for box in grader.runner._running if box.run.started.done()), None))
    assert psutil.Process(box.pid).children(recursive=True)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not psutil.pid_exists(box.pid))
    await settled(grader)
    await until(lambda: not new_leftovers(before))


@pytest.mark.asyncio(loop_scope="module")
async def test_a_box_killed_from_outside_is_replaced(grader):  # C32
    task = asyncio.create_task(grade_with(grader, "import time\ntime.sleep(4)\nprint(5)", FIVE))
    box = await until(lambda: next((box for box in grader.runner._running if box.run.started.done()), None))
    os.kill(box.pid, signal.SIGKILL)
    assert (await task).outcome is Outcome.CORRECT
