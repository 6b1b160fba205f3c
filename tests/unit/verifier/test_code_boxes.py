"""The tiers on which each run has a sandbox of its own: docker and gvisor."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys

import psutil
import pytest
import pytest_asyncio

from engines import engine, start_engine
from rlvr.core.verdict import Outcome
from rlvr.verifier.code.runner import End, Job, Limits, RunnerUnavailable, Stdio
from rlvr.verifier.code.runners.box import Box
from rlvr.verifier.code.runners.docker import DockerRunner
from rlvr.verifier.code.runners.pool import Pool
from rlvr.verifier.code.runners.rooms import is_gone, this_room
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.spec import CodeSpec
from rlvr.verifier.code.tiers import start_runner
from sandboxes import BOXES, grade_with, leftovers, needs_of, new_leftovers, run_with, settled, started

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
    task = asyncio.create_task(grade_with(grader, "import time\ntime.sleep(1)\nprint(5)", FIVE))
    box = await until(lambda: next((box for box in grader.runner._running if box.run.started.done()), None))
    os.kill(box.pid, signal.SIGKILL)
    assert (await task).outcome is Outcome.CORRECT


@pytest.mark.parametrize("tier", BOXES)
async def test_a_box_that_has_to_be_built_first_costs_the_program_nothing(tier):
    async with started(tier, concurrency=2, warm_boxes=0) as grader:
        spec = FIVE.model_copy(update={"time_limit_s": 1})
        grades = await asyncio.gather(*(grade_with(grader, "print(5)", spec) for _ in range(3)))
        assert [grade.outcome for grade in grades] == [Outcome.CORRECT] * 3


ROOM = """
import asyncio, json, sys
from rlvr.verifier.code.runner import Job, Limits, Stdio
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.tiers import start_runner

async def main():
    runner = await start_runner(CodeSettings(tier=sys.argv[1], concurrency=1, **json.loads(sys.argv[2])))
    program = "import os\\nfor _ in range(3): os.fork()\\nwhile True: pass"
    run = asyncio.create_task(runner.run(Job(program, Stdio(b"")), Limits(50, 512, 1000), 0))
    while not any(box.run.started.done() for box in runner._running):
        await asyncio.sleep(0.01)
    print("running", flush=True)
    await run

asyncio.run(main())
"""


@pytest.mark.parametrize("tier", BOXES)
async def test_what_a_killed_room_leaves_ends_by_itself_and_is_swept_at_the_next_start(tier):
    needs = needs_of(tier)
    before = leftovers()
    room = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ROOM, tier, json.dumps(needs)), stdout=subprocess.PIPE
    )
    async with asyncio.timeout(WAIT_S):
        try:
            while b"running" not in (line := await room.stdout.readline()):
                assert line, "the room did not start"
        finally:
            room.kill()
            await room.wait()
    await until(lambda: "processes" not in new_leftovers(before))
    runner = await start_runner(CodeSettings(tier=tier, concurrency=1, **needs))
    await runner.close()
    await until(lambda: not new_leftovers(before))


def test_a_room_is_known_by_more_than_its_process_id():
    here = this_room()
    namespace, pid, start = here.split("/")
    assert not is_gone(here)
    assert is_gone(f"{namespace}/{pid}/{int(start) - 1}") and is_gone(f"{namespace}/{2**22 + 1}/{start}")
    assert not is_gone(f"another-host/{pid}/1") and not is_gone("")


@contextlib.asynccontextmanager
async def docker_runner(**settings):
    runner = DockerRunner(CodeSettings(concurrency=1, docker=engine().settings | settings))
    await runner.start()
    try:
        yield runner
    finally:
        await runner.close()


async def test_an_engine_that_goes_away_is_our_error_and_one_that_is_back_serves(tmp_path):
    engine()
    first = start_engine(tmp_path / "engine.sock")
    num_before = len(engine().containers())
    try:
        async with docker_runner(host=first.url) as runner:
            run = asyncio.create_task(runner.run(Job(LOOPS, Stdio(b"")), Limits(60, 512, 1000), 0))
            await until(lambda: any(box.run.started.done() for box in runner._running))
            first.stop()
            with pytest.raises(RunnerUnavailable):
                await run
            with pytest.raises(RunnerUnavailable):
                for _ in range(2):  # the first may get a box that was ready
                    await runner.run(Job("print(5)", Stdio(b"")), LIMITS, 0)
            first = start_engine(tmp_path / "engine.sock")
            assert (await runner.run(Job("print(5)", Stdio(b"")), LIMITS, 0)).output == b"5\n"
    finally:
        first.stop()
    await until(lambda: len(engine().containers()) <= num_before)


async def test_a_container_out_of_memory_is_told_from_one_that_was_killed():
    async with docker_runner(memory_mb=256) as runner:
        source = "x = bytearray(400 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1"
        result = await runner.run(Job(source, Stdio(b"")), Limits(20, 1000, 1000), 0)
        assert result.end is End.MEMORY_LIMIT, result


async def test_a_missing_image_says_how_to_get_it():
    settings = engine().settings
    for image, command in (
        ("rlvr-sandbox", "docker build -t rlvr-sandbox -f deploy/docker/sandbox.Dockerfile deploy/docker"),
        ("example.org/mine:1", "docker pull example.org/mine:1"),
    ):
        with pytest.raises(RuntimeError, match=f"has no image '{image}': {command}"):
            await start_runner(CodeSettings(tier="docker", docker=settings | {"image": image}))


async def test_engines_that_are_not_there_or_do_not_answer_are_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr("rlvr.verifier.code.runners.engine._TIMEOUT_S", 1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen()
        for name in ("silent", "none"):
            with pytest.raises(RuntimeError, match="docker: no container engine answers"):
                await start_runner(CodeSettings(tier="docker", docker={"host": f"unix://{tmp_path}/{name}.sock"}))


async def test_a_runtime_that_the_engine_does_not_use_is_not_claimed():
    needs_of("docker")
    with pytest.raises(RuntimeError, match="runtime 'runsc'"):
        await start_runner(CodeSettings(tier="docker", docker=engine().settings | {"runtime": "runsc"}))


async def test_a_missing_runsc_is_told_of():
    with pytest.raises(RuntimeError, match="no program '/no/runsc'"):
        await start_runner(CodeSettings(tier="gvisor", gvisor={"runsc": "/no/runsc"}))


class Counted(Box):
    """A box of nothing; the `broken`-th fails."""

    made: list["Counted"]
    broken: set[int]

    def __init__(self):
        super().__init__()
        self.made.append(self)
        self.number = len(self.made)
        self.removed = False

    async def start(self):
        await asyncio.sleep(0)
        if self.number in self.broken:
            raise RunnerUnavailable(f"box {self.number}")

    async def remove(self):
        self.removed = True


@pytest.fixture
def make():
    return type("Box", (Counted,), {"made": [], "broken": set()})


async def test_a_pool_builds_ahead_and_gives_each_box_once(make):
    pool = Pool(make, 2, WAIT_S)
    boxes = [await pool.take() for _ in range(4)]
    assert [box.number for box in boxes] == [1, 2, 3, 4]
    await pool.settled()
    assert len(make.made) == 6
    for box in boxes:
        pool.give_back(box)
    await pool.close()
    assert all(box.removed for box in make.made)


async def test_a_pool_tells_of_a_broken_box_once_and_gets_over_it(make):
    make.broken = {1, 2, 3}
    pool = Pool(make, 2, WAIT_S)
    with pytest.raises(RunnerUnavailable, match="box 1"):
        await pool.take()
    await pool.settled()
    assert (await pool.take()).number == 4
    await pool.settled()
    make.made[4].lose("gone")
    assert (await pool.take()).number == 6 and make.made[4].number == 5
    await pool.close()
    assert all(box.removed for box in make.made if box.number not in (4, 6))


async def test_a_pool_keeps_the_box_of_a_run_that_was_cancelled_while_it_waited(make):
    pool = Pool(make, 1, WAIT_S)
    waiting = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    assert (await pool.take()).number == 1
    await pool.close()
