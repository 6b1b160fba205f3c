"""Many runs, a tenth of them hostile: every verdict right, nothing left over, no honest program kept waiting.

python tests/soak/soak_code.py --runs 20000 --tier jail
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rlvr.core.verdict import Outcome, Reason
from rlvr.verifier.code.grader import CodeGrader
from rlvr.verifier.code.spec import CodeSpec
from sandboxes import leftovers, new_leftovers, settled, started

SUM = {"tests": [{"type": "stdio", "stdin": "2 3", "stdout": "5"}]}
ADD = {"tests": [{"type": "call", "args": [2, 3], "expected": 5}], "entry_point": "add"}
HONEST = [
    ("print(sum(map(int, input().split())))", SUM),
    ("def add(a, b): return a + b", ADD),
    ("import collections, json, re\ndef add(a, b): return sum(collections.Counter({'a': a, 'b': b}).values())", ADD),
    ("open('x', 'w').write('5')\nprint(open('x').read())", SUM),
]
WRONG = [("print(6)", SUM), ("def add(a, b): return a - b", ADD), ("def add(a, b)", ADD), ("1 / 0", SUM)]
HOSTILE = {
    "fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "forking and leaving": "import os\nwhile True:\n    try:\n        if os.fork(): os._exit(0)\n"
    "    except OSError: pass",
    "memory bomb": "x = []\nwhile True: x.append(bytearray(1 << 20))",
    "memory of many": "import os, time\nfor _ in range(3): os.fork()\nx = bytearray(200 << 20)\n"
    "for i in range(0, len(x), 4096): x[i] = 1\ntime.sleep(60)",
    "100 MB of output": "import sys\nfor _ in range(100): sys.stdout.write('x' * 10**6)",
    "daemonised grandchild": "import os, time\nif os.fork() == 0:\n    os.setsid()\n"
    "    if os.fork() == 0: time.sleep(600)\n"
    "    os._exit(0)\nprint(6)",
    "signals blocked": "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
    "files everywhere": "import os\nfor i in range(10**6):\n    for place in ('/tmp', '/dev/shm', '.', '/var/tmp'):\n"
    "        try: open(f'{place}/{i}', 'wb').write(bytes(10**5))\n        except FileNotFoundError: pass",
    "deep folders": "import os\nwhile True: os.mkdir('d'); os.chdir('d')",
    "killer": "import os\nfor pid in (-1, 1, os.getppid()):\n    try: os.kill(pid, 9)\n    except OSError: pass",
    "threads": "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()",
    "asleep": "import time; time.sleep(1000)",
}
HOSTILE_LIMIT_S, HONEST_LIMIT_S = 0.5, 20.0
HOSTILE_SHARE, WRONG_SHARE = 0.1, 0.1


class Soak:
    def __init__(self, grader: CodeGrader, seed: int) -> None:
        self._grader = grader
        self._random = random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.mistakes: list[str] = []
        self.honest_s: list[float] = []

    async def one(self) -> None:
        dice = self._random.random()
        if dice < HOSTILE_SHARE:
            name = self._random.choice(list(HOSTILE))
            await self._grade(name, HOSTILE[name], CodeSpec(**SUM, time_limit_s=HOSTILE_LIMIT_S), Outcome.INCORRECT)
        else:
            right = dice > HOSTILE_SHARE + WRONG_SHARE
            source, spec = self._random.choice(HONEST if right else WRONG)
            expected = Outcome.CORRECT if right else Outcome.INCORRECT
            taken = await self._grade(
                "right" if right else "wrong", source, CodeSpec(**spec, time_limit_s=HONEST_LIMIT_S), expected
            )
            self.honest_s.append(taken)

    async def _grade(self, name: str, source: str, spec: CodeSpec, expected: Outcome) -> float:
        begin = time.monotonic()
        while True:
            graded = await self._grader.grade(source, spec, 600)
            if "host was too busy" not in graded.grade.detail:
                break
            self.outcomes["host too busy, asked again"] += 1
        grade = graded.grade
        self.outcomes[f"{name}: {grade.reason}"] += 1
        if grade.outcome is not expected or (expected is Outcome.CORRECT and grade.reason is not Reason.PASSED):
            self.mistakes.append(f"{name}: {grade}")
        return time.monotonic() - begin - graded.queue_s


async def main(tier: str, num_runs: int, max_s: float, seed: int) -> int:
    async with started(tier) as grader:
        soak = Soak(grader, seed)
        await asyncio.gather(*(grader.grade(HONEST[0][0], CodeSpec(**SUM), 60) for _ in range(8)))
        await settled(grader)
        before, memory = leftovers(), psutil.virtual_memory().available
        own, begin, done = psutil.Process().memory_info().rss, time.monotonic(), 0

        async def worker() -> None:
            nonlocal done
            while done < num_runs and time.monotonic() - begin < max_s:
                done += 1
                await soak.one()

        await asyncio.gather(*(worker() for _ in range(8)))
        seconds = time.monotonic() - begin
        await asyncio.sleep(1)  # for what the kernel cleans up behind a namespace
        await settled(grader)
        left = new_leftovers(before)
        print(f"{tier}: {done} runs in {seconds:.0f} s, {done / seconds:.0f}/s")
        for name, count in sorted(soak.outcomes.items()):
            print(f"  {count:6} {name}")
        times = sorted(soak.honest_s)
        p50, p99 = statistics.median(times), times[len(times) * 99 // 100]
        print(f"honest programs: p50 {p50 * 1e3:.0f} ms, p99 {p99 * 1e3:.0f} ms, worst {times[-1] * 1e3:.0f} ms")
        print(
            f"memory: host {(memory - psutil.virtual_memory().available) / 2**20:+.0f} MB taken, "
            f"room {(psutil.Process().memory_info().rss - own) / 2**20:+.0f} MB"
        )
        print(f"left over: {left or 'nothing'}")
        print(f"wrong verdicts: {len(soak.mistakes)}", *soak.mistakes[:10], sep="\n  ")
    return 1 if soak.mistakes or left else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--max-s", type=float, default=float("inf"), help="stop after so many seconds")
    parser.add_argument("--tier", default="jail")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    raise SystemExit(asyncio.run(main(arguments.tier, arguments.runs, arguments.max_s, arguments.seed)))
