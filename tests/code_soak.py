"""Many programs at a time, some of them hostile: what each verdict must be, and what it costs the honest ones."""

from __future__ import annotations

import random
import time
from array import array
from collections import Counter

from rlvr.core.verdict import Outcome
from rlvr.verifier.code.grader import CodeGrader
from rlvr.verifier.code.spec import CodeSpec

HOSTILE_LIMIT_S, HONEST_LIMIT_S = 0.5, 20.0
HOSTILE_SHARE, WRONG_SHARE = 0.1, 0.1
_SUM = {"tests": [{"type": "stdio", "stdin": "2 3", "stdout": "5"}], "time_limit_s": HONEST_LIMIT_S}
_ADD = {
    "tests": [{"type": "call", "args": [2, 3], "expected": 5}],
    "entry_point": "add",
    "time_limit_s": HONEST_LIMIT_S,
}
_LOOP = "def check(candidate):\n    for n in range(3):\n        assert candidate(n, 1) == n + 1"
_SCRIPT = {"tests": [{"type": "script", "code": _LOOP}], "entry_point": "add", "time_limit_s": HONEST_LIMIT_S}
RIGHT = [
    ("print(sum(map(int, input().split())))", CodeSpec(**_SUM)),
    ("def add(a, b): return a + b", CodeSpec(**_ADD)),
    (
        "import collections, json, re\ndef add(a, b): return sum(collections.Counter({'a': a, 'b': b}).values())",
        CodeSpec(**_ADD),
    ),
    ("open('x', 'w').write('5')\nprint(open('x').read())", CodeSpec(**_SUM)),
    ("def add(a, b): return a + b", CodeSpec(**_SCRIPT)),
]
WRONG = [
    ("print(6)", CodeSpec(**_SUM)),
    ("def add(a, b): return a - b", CodeSpec(**_ADD)),
    ("def add(a, b)", CodeSpec(**_ADD)),
    ("1 / 0", CodeSpec(**_SUM)),
    ("def add(a, b): return a - b", CodeSpec(**_SCRIPT)),
]
HOSTILE_SPEC = CodeSpec(**_SUM | {"time_limit_s": HOSTILE_LIMIT_S})
HOSTILE = {
    "fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "forking and leaving": "import os\nwhile True:\n    try:\n        if os.fork(): os._exit(0)\n"
    "    except OSError: pass",
    "memory bomb": "x = []\nwhile True: x.append(bytearray(1 << 20))",
    "memory of many": "import os, time\nfor _ in range(3): os.fork()\nx = bytearray(200 << 20)\n"
    "for i in range(0, len(x), 4096): x[i] = 1\ntime.sleep(600)",
    "100 MB of output": "import sys\nfor _ in range(100): sys.stdout.write('x' * 10**6)",
    "daemonised grandchild": "import os, time\nif os.fork() == 0:\n    os.setsid()\n"
    "    if os.fork() == 0: time.sleep(600)\n"
    "    os._exit(0)\nprint(6)",
    "signals blocked": "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
    "files everywhere": "import os\nfor i in range(10**6):\n    for place in ('/tmp', '/dev/shm', '.', '/var/tmp'):\n"
    "        try: open(f'{place}/{i}', 'wb').write(bytes(10**5))\n        except FileNotFoundError: pass",
    "deep folders": "import os\nwhile True: os.mkdir('d'); os.chdir('d')",
    "threads": "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()",
    "asleep": "import time; time.sleep(1000)",
    "kills itself": "import os\nos.kill(os.getpid(), 9)",
    "kills all": "import os\nfor pid in (-1, 1, os.getppid()):\n    try: os.kill(pid, 9)\n    except OSError: pass",
    "stops all": "import os, signal\nfor pid in (1, os.getppid(), -1, os.getpid()):\n"
    "    try: os.kill(pid, signal.SIGSTOP)\n    except OSError: pass",
    "speaks as the zygote": "import marshal, os\nwords = (('ended', 0, 0.0), ('started',), ('ready',), (0, 0.0))\n"
    "for fd in range(3, 256):\n    for word in words:\n        try: os.write(fd, marshal.dumps(word))\n"
    "        except OSError: pass\nprint(6)",
    "looks into the zygote": "import ctypes, os\nlibc = ctypes.CDLL(None)\nfor pid in (1, 2, os.getppid()):\n"
    "    libc.ptrace(16, pid, 0, 0)\n    for name in ('mem', 'fd/3', 'fd/4', 'environ', 'ns/user'):\n"
    "        try: print(open(f'/proc/{pid}/{name}', 'rb').read(9))\n        except (OSError, ValueError): pass\n"
    "print(6)",
    "descriptors": "import os, time\nheld = []\ntry:\n    while True: held += os.pipe()\n"
    "except OSError: time.sleep(600)",
}
"""Name -> a program that must be `incorrect`, whatever it does first."""


class Soak:
    """Draws programs, has them graded and notes what came out."""

    def __init__(self, grader: CodeGrader, seed: int) -> None:
        self._grader = grader
        self._random = random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.mistakes: list[str] = []
        """Verdicts that are wrong, or on an honest program not within its limit."""
        self.honest_s = array("d")
        """Grading times of honest programs."""

    async def one(self) -> None:
        """Grade one program."""
        dice = self._random.random()
        if dice < HOSTILE_SHARE:
            name = self._random.choice(list(HOSTILE))
            await self._grade(name, HOSTILE[name], HOSTILE_SPEC, Outcome.INCORRECT)
            return
        right = dice > HOSTILE_SHARE + WRONG_SHARE
        source, spec = self._random.choice(RIGHT if right else WRONG)
        kind, expected = ("right", Outcome.CORRECT) if right else ("wrong", Outcome.INCORRECT)
        taken = await self._grade(kind, source, spec, expected)
        self.honest_s.append(taken)
        if taken > HONEST_LIMIT_S:
            self.mistakes.append(f"an honest program took {taken:.1f} s: {source}")

    async def _grade(self, name: str, source: str, spec: CodeSpec, expected: Outcome) -> float:
        """Grade a program; how long that took."""
        begin = time.monotonic()
        graded = await self._grader.grade(source, spec, 600)
        taken = time.monotonic() - begin - graded.queue_s
        grade = graded.grade
        self.outcomes[f"{name}: {grade.reason}"] += 1
        # On a host with far more to do than it has cores, a program that burns its time out is nobody's zero.
        too_busy = expected is Outcome.INCORRECT and "host was too busy" in grade.detail
        if grade.outcome is not expected and not too_busy:
            self.mistakes.append(f"{name}: {grade}")
        return taken
