"""Programs that must score nothing, one test at a time; the rest of the list is in `code_attack_rows`."""

from __future__ import annotations

from code_attacks import cheat
from rlvr.core.verdict import Reason

ADD = {
    "tests": [{"type": "call", "args": [1, 2], "expected": 3}, {"type": "call", "args": [-5, 2], "expected": -3}],
    "entry_point": "add",
    "time_limit_s": 20,
}
SUM = {"tests": [{"type": "stdio", "stdin": "2 3", "stdout": "5"}], "time_limit_s": 20}
"""Far more than an attack takes, so that it is told by what it does and not by how slow the host is."""
BRIEF = SUM | {"time_limit_s": 0.6}
"""For attacks that go on until their time is over."""
FILL = SUM | {"time_limit_s": 10}
"""For those that take their time to get where they are stopped."""

WRONG = {Reason.TESTS_FAILED}
CRASH = {Reason.RUNTIME_ERROR}
LATE = {Reason.TIME_LIMIT}
STOPPED = CRASH | LATE
MEMORY = {Reason.MEMORY_LIMIT}
OUTPUT = {Reason.OUTPUT_LIMIT}

EQUALS = "__eq__ = __ne__ = __le__ = __ge__ = __lt__ = __gt__ = __contains__ = lambda *_: True; __hash__ = None"
CHEATS = [
    cheat("C01 always equal", f"class A: {EQUALS}\ndef add(a, b): return A()", ADD, CRASH),
    cheat("C01 int subclass", f"class A(int): {EQUALS}\ndef add(a, b): return A()", ADD, CRASH),
    cheat("C01 str subclass", f"class A(str): {EQUALS}\ndef add(a, b): return A()", ADD, CRASH),
    cheat("C01 list subclass", f"class A(list): {EQUALS}\ndef add(a, b): return A()", ADD, CRASH),
    cheat("C01 inside a list", f"class A(int): {EQUALS}\ndef add(a, b): return [A()]", ADD, CRASH),
    cheat("C01 class lies", "class A:\n    __class__ = int\ndef add(a, b): return A()", ADD, CRASH),
    cheat("C02 sys.exit at import", "import sys; sys.exit(0)", ADD, CRASH),
    cheat("C02 os._exit at import", "import os; os._exit(0)", ADD, CRASH),
    cheat("C02 raise SystemExit", "raise SystemExit", ADD, CRASH),
    cheat("C02 exit in call", "import builtins\ndef add(a, b): raise SystemExit(0)", ADD, CRASH),
    cheat("C02 os._exit in call", "import os\ndef add(a, b): os._exit(0)", ADD, CRASH),
    cheat("C02 atexit", "import atexit, os\natexit.register(os._exit, 0)\ndef add(a, b): return 0", ADD, WRONG),
    cheat(
        "C02 thread",
        "import os, threading\nthreading.Timer(0, os._exit, (0,)).start()\ndef add(a, b):\n    while True: pass",
        ADD,
        CRASH,
    ),
    cheat("C02 kill self", "import os\ndef add(a, b): os.kill(os.getpid(), 9)", ADD, CRASH),
    cheat("C02 exit before output", "import os; os._exit(0)", SUM, WRONG),
    cheat(
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
    cheat(
        "C04 patched builtins",
        "import builtins, json, sys\nbuiltins.isinstance = builtins.all = lambda *a: True\n"
        "json.dumps = json.loads = lambda *a, **k: 'true'\nsys.stdout = None\ndef add(a, b): return 0",
        ADD,
        WRONG | CRASH,
    ),
    cheat(
        "C04 patched harness",
        "import sys\nfor name, m in list(sys.modules.items()):\n    if 'harness' in name:\n"
        "        m._json = lambda v: 'true'\n        m.same_value = lambda *a: True\ndef add(a, b): return 0",
        ADD,
        WRONG | CRASH,
    ),
    cheat(
        "C05 every descriptor",
        "import os\nfor fd in range(3, 300):\n    try: os.write(fd, b'{\"passed\": true}')\n"
        "    except OSError: pass\ndef add(a, b): return 3",
        ADD,
        CRASH,
    ),
    cheat(
        "C05 answer given twice",
        "import os\nfor fd in range(3, 300):\n    try: os.write(fd, b'{\"value\":3}')\n    except OSError: pass\n"
        "def add(a, b): return 3",
        ADD,
        CRASH,
    ),
    cheat(
        "C05 other processes' descriptors",
        "import os\nfor pid in [p for p in os.listdir('/proc') if p.isdigit()] if os.access('/proc', 4) else ['1']:\n"
        "    for fd in range(16):\n        try: os.write(os.open(f'/proc/{pid}/fd/{fd}', os.O_WRONLY), b'ended 0')\n"
        "        except OSError: pass\ndef add(a, b): return 0",
        ADD,
        WRONG | CRASH,
    ),
    cheat(
        "C06 forged words",
        "import marshal, os\nprint('PASSED', 'started', 'ended 0 0.001', '{\"passed\": true}', sep='\\n')\n"
        "for fd in (0, 1, 2):\n    try: os.write(fd, marshal.dumps(('ended', 0, 0.0)))\n    except OSError: pass\n"
        "def add(a, b): return 0",
        ADD,
        WRONG,
    ),
    cheat("C06 forged exit marker", "print('PASSED')\nprint('exit code: 0')", SUM, WRONG),
    cheat(
        "C07 reduce",
        "class A:\n    def __reduce__(self): return (print, ('owned',))\ndef add(a, b): return A()",
        ADD,
        CRASH,
    ),
    cheat(
        "C07 pickle on the channel",
        "import os, pickle\nfor fd in range(3, 300):\n    try: os.write(fd, pickle.dumps(3))\n"
        "    except OSError: pass\nos._exit(0)",
        ADD,
        CRASH,
    ),
    cheat(
        "C09 shadow modules",
        "for n in ('json.py', 'sitecustomize.py', 'conftest.py', 'usercustomize.py', 'x.pth'):\n"
        "    open(n, 'w').write('raise SystemExit(0)')\nimport os\nos.environ['PYTHONSTARTUP'] = 'json.py'\n"
        "def add(a, b): return 0",
        ADD,
        WRONG,
    ),
    cheat("C11 visible example only", "def add(a, b): return 3", ADD, WRONG),
    cheat("C14 fork bomb", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", BRIEF, STOPPED),
    cheat(
        "C14 forking and leaving",
        "import os\nwhile True:\n    try:\n        if os.fork(): os._exit(0)\n    except OSError: pass",
        BRIEF,
        STOPPED | WRONG,
    ),
    cheat(
        "C14 threads",
        "import threading, time\n"
        "for _ in range(10_000): threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
        SUM,
        CRASH,
    ),
    cheat(
        "C15 daemonised grandchild",
        "import os, signal, time\nif os.fork() == 0:\n    os.setsid()\n"
        "    if os.fork() == 0:\n        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n        time.sleep(600)\n"
        "    os._exit(0)\nprint(6)",
        SUM,
        WRONG,
    ),
    cheat(
        "C15 subprocess", "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)", SUM, WRONG
    ),
    cheat("C16 busy", "while True: pass", BRIEF, LATE),
    cheat("C16 asleep", "import time; time.sleep(1e9)", BRIEF, LATE),
    cheat(
        "C16 signals blocked",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nfor s in range(1, 65):\n"
        "    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass",
        BRIEF,
        LATE,
    ),
    cheat("C17 8 GB", "x = bytearray(8 << 30)", SUM, MEMORY),
    cheat("C17 in steps", "x = []\nwhile True: x.append(bytearray(1 << 20))", FILL, MEMORY),
    cheat("C17 mmap", "import mmap\nx = mmap.mmap(-1, 8 << 30)", SUM, CRASH),
    cheat(
        "C17 many processes' memory",
        "import os, time\nfor _ in range(3): os.fork()\nx = bytearray(200 << 20)\n"
        "for i in range(0, len(x), 4096): x[i] = 1\n"
        "time.sleep(600)",
        SUM | {"time_limit_s": 5},
        MEMORY | STOPPED,
    ),
    cheat("C17 sparse file", "f = open('x', 'wb'); f.truncate(1 << 40)", SUM, CRASH),
    cheat("C17 many files", "for i in range(10**6): open(str(i), 'w').close()", FILL, STOPPED),
    cheat("C17 scratch full", "for i in range(1000): open(str(i), 'wb').write(bytes(1 << 20))", FILL, STOPPED),
    cheat(
        "C17 deep folders",
        "import os\nwhile True: os.mkdir('d', 0); os.chmod('d', 0o700); os.chdir('d'); open('f', 'w').close()",
        BRIEF,
        STOPPED,
    ),
    cheat("C18 100 MB", "import sys\nfor _ in range(100): sys.stdout.write('x' * 10**6)", SUM, OUTPUT),
    cheat("C18 one long line", "print('x' * 10**7)", SUM, WRONG),
    cheat("C18 endless", "while True: print('x' * 1000)", SUM, OUTPUT),
    cheat("C18 not text", "import os; os.write(1, b'5\\x00\\xff\\xfe')", SUM, WRONG),
    cheat("C19 early close", "import os\nos.close(1)\nos.close(0)", SUM, WRONG),
    cheat(
        "C21 kill everything",
        "import os\nfor p in (os.getppid(), 1, -1):\n    for s in (2, 9, 15, 19):\n        try: os.kill(p, s)\n"
        "        except OSError: pass\ndef add(a, b): return 0",
        ADD,
        WRONG | CRASH,
    ),
    cheat("C25 stopped", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", BRIEF, LATE),
    cheat(
        "C25 limits up",
        "import resource\nfor l in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_NPROC):\n"
        "    resource.setrlimit(l, (-1, -1))\ndef add(a, b): return a + b",
        ADD,
        CRASH,
    ),
    cheat(
        "C26 clocks patched",
        "import time, signal\ntime.time = time.monotonic = time.perf_counter = lambda: 0\nwhile True: pass",
        BRIEF,
        LATE,
    ),
    cheat("C31 not a number", "def add(a, b): return float('nan')", ADD, WRONG),
    cheat("C31 1e309", "print('1e309 ' * 10**6)", SUM, WRONG),
    cheat("C31 deep value", "def add(a, b):\n    x = []\n    for _ in range(10**5): x = [x]\n    return x", ADD, CRASH),
]
