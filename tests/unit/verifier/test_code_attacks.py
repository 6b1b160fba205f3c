"""Every family of attack, on every tier that isolates. C-numbers are rows of the list of hostile inputs.

A row is a program, how it is graded and what must come of it. Two kinds:

- *cheats* want a reward for a wrong program, or to hurt the host: they get none, for one of the given reasons;
- *probes* print a line for each thing they can reach that they should not: they must print nothing.

After every attack the next, honest program on the same zygote is graded rightly, and nothing is left over.
"""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from rlvr.core.verdict import Outcome, Reason
from rlvr.verifier.code.runner import End, Job, Limits, Stdio
from rlvr.verifier.code.spec import CodeSpec
from sandboxes import ALL_TIERS, BOXES, attacks_on, grade_with, leftovers, new_leftovers, run_with, settled, started

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADD = CodeSpec(
    tests=[{"type": "call", "args": [1, 2], "expected": 3}, {"type": "call", "args": [-5, 2], "expected": -3}],
    entry_point="add",
    time_limit_s=1,
)
SUM = CodeSpec(tests=[{"type": "stdio", "stdin": "2 3", "stdout": "5"}], time_limit_s=1)
FILL = SUM.model_copy(update={"time_limit_s": 10})
"""For attacks that take their time to get where they are stopped."""

WRONG = {Reason.TESTS_FAILED}
CRASH = {Reason.RUNTIME_ERROR}
LATE = {Reason.TIME_LIMIT}
STOPPED = CRASH | LATE
MEMORY = {Reason.MEMORY_LIMIT}
OUTPUT = {Reason.OUTPUT_LIMIT}


@dataclass(frozen=True)
class Attack:
    """A program that must score nothing, for one of some reasons."""

    id: str
    source: str
    spec: CodeSpec
    reasons: set[Reason]


EQUALS = "__eq__ = __ne__ = __le__ = __ge__ = __lt__ = __gt__ = __contains__ = lambda *_: True; __hash__ = None"
CHEATS = [
    Attack("C01 always equal", f"class A: {EQUALS}\ndef add(a, b): return A()", ADD, CRASH),
    Attack("C01 int subclass", f"class A(int): {EQUALS}\ndef add(a, b): return A()", ADD, CRASH),
    Attack("C01 str subclass", f"class A(str): {EQUALS}\ndef add(a, b): return A()", ADD, CRASH),
    Attack("C01 list subclass", f"class A(list): {EQUALS}\ndef add(a, b): return A()", ADD, CRASH),
    Attack("C01 inside a list", f"class A(int): {EQUALS}\ndef add(a, b): return [A()]", ADD, CRASH),
    Attack("C01 class lies", "class A:\n    __class__ = int\ndef add(a, b): return A()", ADD, CRASH),
    Attack("C02 sys.exit at import", "import sys; sys.exit(0)", ADD, CRASH),
    Attack("C02 os._exit at import", "import os; os._exit(0)", ADD, CRASH),
    Attack("C02 raise SystemExit", "raise SystemExit", ADD, CRASH),
    Attack("C02 exit in call", "import builtins\ndef add(a, b): raise SystemExit(0)", ADD, CRASH),
    Attack("C02 os._exit in call", "import os\ndef add(a, b): os._exit(0)", ADD, CRASH),
    Attack("C02 atexit", "import atexit, os\natexit.register(os._exit, 0)\ndef add(a, b): return 0", ADD, WRONG),
    Attack(
        "C02 thread",
        "import os, threading\nthreading.Timer(0, os._exit, (0,)).start()\ndef add(a, b):\n    while True: pass",
        ADD,
        CRASH,
    ),
    Attack("C02 kill self", "import os\ndef add(a, b): os.kill(os.getpid(), 9)", ADD, CRASH),
    Attack("C02 exit before output", "import os; os._exit(0)", SUM, WRONG),
    Attack(
        "C03 frames and objects",
        "import sys, gc\ndef add(a, b):\n    f, seen = sys._getframe(), []\n    while f:\n"
        "        for k, v in [*f.f_locals.items(), *f.f_globals.items()]:\n"
        "            if 'expect' in k or k in ('gold', 'tests', 'spec'): seen.append(v)\n"
        "        f = f.f_back\n"
        "    seen += [o['expected'] for o in gc.get_objects() if type(o) is dict and 'expected' in o]\n"
        "    return seen[0] if seen else 'absent'",
        ADD,
        WRONG,
    ),
    Attack(
        "C04 patched builtins",
        "import builtins, json, sys\nbuiltins.isinstance = builtins.all = lambda *a: True\n"
        "json.dumps = json.loads = lambda *a, **k: 'true'\nsys.stdout = None\ndef add(a, b): return 0",
        ADD,
        WRONG,
    ),
    Attack(
        "C04 patched harness",
        "import sys\nfor name, m in list(sys.modules.items()):\n    if 'harness' in name:\n"
        "        m._json = lambda v: 'true'\n        m.same_value = lambda *a: True\ndef add(a, b): return 0",
        ADD,
        WRONG | CRASH,
    ),
    Attack(
        "C05 every descriptor",
        "import os\nfor fd in range(3, 300):\n    try: os.write(fd, b'{\"passed\": true}')\n"
        "    except OSError: pass\ndef add(a, b): return 3",
        ADD,
        CRASH,
    ),
    Attack(
        "C05 answer given twice",
        "import os\nfor fd in range(3, 300):\n    try: os.write(fd, b'{\"value\":3}')\n    except OSError: pass\n"
        "def add(a, b): return 3",
        ADD,
        CRASH,
    ),
    Attack(
        "C05 other processes' descriptors",
        "import os\nfor pid in [p for p in os.listdir('/proc') if p.isdigit()] if os.access('/proc', 4) else ['1']:\n"
        "    for fd in range(16):\n        try: os.write(os.open(f'/proc/{pid}/fd/{fd}', os.O_WRONLY), b'ended 0')\n"
        "        except OSError: pass\ndef add(a, b): return 0",
        ADD,
        WRONG | CRASH,
    ),
    Attack(
        "C06 forged words",
        "import marshal, os\nprint('PASSED', 'started', 'ended 0 0.001', '{\"passed\": true}', sep='\\n')\n"
        "for fd in (0, 1, 2):\n    try: os.write(fd, marshal.dumps(('ended', 0, 0.0)))\n    except OSError: pass\n"
        "def add(a, b): return 0",
        ADD,
        WRONG,
    ),
    Attack("C06 forged exit marker", "print('PASSED')\nprint('exit code: 0')", SUM, WRONG),
    Attack(
        "C07 reduce",
        "class A:\n    def __reduce__(self): return (print, ('owned',))\ndef add(a, b): return A()",
        ADD,
        CRASH,
    ),
    Attack(
        "C07 pickle on the channel",
        "import os, pickle\nfor fd in range(3, 300):\n    try: os.write(fd, pickle.dumps(3))\n"
        "    except OSError: pass\nos._exit(0)",
        ADD,
        CRASH,
    ),
    Attack(
        "C09 shadow modules",
        "for n in ('json.py', 'sitecustomize.py', 'conftest.py', 'usercustomize.py', 'x.pth'):\n"
        "    open(n, 'w').write('raise SystemExit(0)')\nimport os\nos.environ['PYTHONSTARTUP'] = 'json.py'\n"
        "def add(a, b): return 0",
        ADD,
        WRONG,
    ),
    Attack("C11 visible example only", "def add(a, b): return 3", ADD, WRONG),
    Attack("C14 fork bomb", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", SUM, STOPPED),
    Attack(
        "C14 forking and leaving",
        "import os\nwhile True:\n    try:\n        if os.fork(): os._exit(0)\n    except OSError: pass",
        SUM,
        STOPPED | WRONG,
    ),
    Attack(
        "C14 threads",
        "import threading, time\n"
        "for _ in range(10_000): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        SUM,
        CRASH,
    ),
    Attack(
        "C15 daemonised grandchild",
        "import os, signal, time\nif os.fork() == 0:\n    os.setsid()\n"
        "    if os.fork() == 0:\n        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n        time.sleep(600)\n"
        "    os._exit(0)\nprint(6)",
        SUM,
        WRONG,
    ),
    Attack(
        "C15 subprocess", "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)", SUM, WRONG
    ),
    Attack("C16 busy", "while True: pass", SUM, LATE),
    Attack("C16 asleep", "import time; time.sleep(1e9)", SUM, LATE),
    Attack(
        "C16 signals blocked",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nfor s in range(1, 65):\n"
        "    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass",
        SUM,
        LATE,
    ),
    Attack("C17 8 GB", "x = bytearray(8 << 30)", SUM, MEMORY),
    Attack("C17 in steps", "x = []\nwhile True: x.append(bytearray(1 << 20))", FILL, MEMORY),
    Attack("C17 mmap", "import mmap\nx = mmap.mmap(-1, 8 << 30)", SUM, CRASH),
    Attack(
        "C17 many processes' memory",
        "import os, time\nfor _ in range(3): os.fork()\nx = bytearray(200 << 20)\n"
        "for i in range(0, len(x), 4096): x[i] = 1\n"
        "time.sleep(60)",
        CodeSpec(tests=SUM.tests, time_limit_s=5),
        MEMORY | STOPPED,
    ),
    Attack("C17 sparse file", "f = open('x', 'wb'); f.truncate(1 << 40)", SUM, CRASH),
    Attack("C17 many files", "for i in range(10**6): open(str(i), 'w').close()", SUM, STOPPED),
    Attack("C17 scratch full", "for i in range(1000): open(str(i), 'wb').write(bytes(1 << 20))", SUM, CRASH),
    Attack(
        "C17 deep folders",
        "import os\nwhile True: os.mkdir('d', 0); os.chmod('d', 0o700); os.chdir('d'); open('f', 'w').close()",
        SUM,
        STOPPED,
    ),
    Attack("C18 100 MB", "import sys\nfor _ in range(100): sys.stdout.write('x' * 10**6)", SUM, OUTPUT),
    Attack("C18 one long line", "print('x' * 10**7)", SUM, WRONG),
    Attack("C18 endless", "while True: print('x' * 1000)", SUM, OUTPUT),
    Attack("C18 not text", "import os; os.write(1, b'5\\x00\\xff\\xfe')", SUM, WRONG),
    Attack("C19 early close", "import os\nos.close(1)\nos.close(0)", SUM, WRONG),
    Attack(
        "C21 kill everything",
        "import os\nfor p in (os.getppid(), 1, -1):\n    for s in (2, 9, 15, 19):\n        try: os.kill(p, s)\n"
        "        except OSError: pass\ndef add(a, b): return 0",
        ADD,
        WRONG | CRASH,
    ),
    Attack("C25 stopped", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", SUM, LATE),
    Attack(
        "C25 limits up",
        "import resource\nfor l in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_NPROC):\n"
        "    resource.setrlimit(l, (-1, -1))\ndef add(a, b): return a + b",
        ADD,
        CRASH,
    ),
    Attack(
        "C26 clocks patched",
        "import time, signal\ntime.time = time.monotonic = time.perf_counter = lambda: 0\nwhile True: pass",
        SUM,
        LATE,
    ),
    Attack("C31 not a number", "def add(a, b): return float('nan')", ADD, WRONG),
    Attack("C31 1e309", "print('1e309 ' * 10**6)", SUM, WRONG),
    Attack(
        "C31 deep value", "def add(a, b):\n    x = []\n    for _ in range(10**5): x = [x]\n    return x", ADD, CRASH
    ),
]

PROBES = ["c08_files", "c20_network", "c21_processes", "c22_kernel", "c23_links"]


def probe(name):
    """The program of a probe; those that make system calls begin with what they share."""
    folder = Path(__file__).parent / "probes"
    shared = (folder / "kernel_calls.py").read_text() if name in ("c21_processes", "c22_kernel") else ""
    return shared + (folder / f"{name}.py").read_text()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ALL_TIERS)
async def grader(request):
    async with started(request.param, concurrency=1) as grader:
        yield grader


@contextlib.asynccontextmanager
async def nothing_left_in(grader):
    """Fails unless what the block started is gone, and the zygote serves the next program as if it had not been."""
    await settled(grader)
    before = leftovers()
    zygotes = dict(getattr(grader.runner, "_zygotes", {}))
    yield
    assert (await grade_with(grader, "def add(a, b): return a + b", ADD)).outcome is Outcome.CORRECT
    assert getattr(grader.runner, "_zygotes", {}) == zygotes, "the zygote did not survive"
    await settled(grader)
    deadline = time.monotonic() + 5
    while left := new_leftovers(before):
        assert time.monotonic() < deadline, f"left over: {left}"


CASES = [
    pytest.param(tier, attack, id=f"{tier}-{attack.id}")
    for tier in ALL_TIERS
    for attack in CHEATS
    if attack.id in attacks_on(tier, [attack.id for attack in CHEATS])
]
# What an image shows is its own, and gVisor shows its first process; see test_code_boxes.
PROBED = [
    (tier, name) for tier in ALL_TIERS for name in PROBES if tier not in BOXES or name not in ("c08_files", "c23_links")
]


@pytest.mark.parametrize(("grader", "attack"), CASES, indirect=["grader"])
async def test_a_cheat_gets_nothing(grader, attack):
    async with nothing_left_in(grader):
        grade = await grade_with(grader, attack.source, attack.spec)
        assert (grade.outcome, grade.reward) == (Outcome.INCORRECT, 0.0), grade
        assert grade.reason in attack.reasons, grade


@pytest.mark.parametrize(("grader", "name"), PROBED, indirect=["grader"])
async def test_a_probe_reaches_nothing(grader, name):
    with socket.create_server(("127.0.0.1", 0)) as server:
        inputs = {"c08_files": __file__, "c20_network": str(server.getsockname()[1])}
        job = Job(probe(name), Stdio(inputs.get(name, "").encode()))
        async with nothing_left_in(grader):
            result = await run_with(grader, job, Limits(20, 512, 100_000))
            assert (result.end, result.output.decode()) == (End.EXITED, "")


@pytest.mark.parametrize("name", PROBES)
async def test_a_probe_is_sharp_where_nothing_isolates(name):
    async with started("unsafe", concurrency=1) as grader:
        with socket.create_server(("127.0.0.1", 0)) as server:
            inputs = {"c08_files": __file__, "c20_network": str(server.getsockname()[1])}
            job = Job(probe(name), Stdio(inputs.get(name, "").encode()))
            result = await run_with(grader, job, Limits(20, 512, 100_000))
    assert result.output.count(b"REACHED") >= 1, result


async def test_a_run_does_not_see_what_another_left(grader):  # C24
    places = "('/tmp/mark', '/dev/shm/mark', 'mark', '/var/tmp/mark')"
    leave = (
        f"import os\nfor path in {places}:\n    try: open(path, 'w').close()\n    except OSError: pass\n"
        "os.environ['MARK'] = '1'\nimport builtins, json\nbuiltins.mark = json.mark = 1\nprint('left')"
    )
    look = (
        f"import os, builtins, json\nprint([path for path in {places} if os.path.exists(path)],"
        "'MARK' in os.environ, hasattr(builtins, 'mark'), hasattr(json, 'mark'), os.listdir('.'))"
    )
    limits = Limits(10, 256, 10_000)
    assert (await run_with(grader, Job(leave, Stdio(b"")), limits)).output == b"left\n"
    assert (await run_with(grader, Job(look, Stdio(b"")), limits)).output == b"[] False False False []\n"


async def test_a_run_sees_no_input_of_another(grader):  # C08
    secret = "s3cret-" + "input" * 20
    read_all = (
        "import re\nneedle = re.compile(b's3cret-(input){20}')\nfor line in open('/proc/self/maps'):\n"
        "    start, end, mode = re.match('(\\\\w+)-(\\\\w+) (\\\\S+)', line).groups()\n"
        "    if mode[0] != 'r' or '[v' in line: continue\n"
        "    with open('/proc/self/mem', 'rb', 0) as memory:\n        memory.seek(int(start, 16))\n"
        "        try: found = needle.search(memory.read(int(end, 16) - int(start, 16)))\n"
        "        except OSError: continue\n        if found: print('REACHED', line)"
    )
    limits = Limits(30, 512, 10_000)
    for _ in range(3):
        await run_with(grader, Job(f"x = {secret!r}\ninput()", Stdio(secret.encode())), limits)
    result = await run_with(grader, Job(read_all, Stdio(b"")), limits)
    assert (result.end, result.output.decode()) == (End.EXITED, "")
