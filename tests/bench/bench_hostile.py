"""How long hostile completions take to be answered, through a real pool: `python tests/bench/bench_hostile.py`.

The budget is 100 ms from the submission to the verdict, or the deadline plus 100 ms for what has to be killed. Each
completion is sent alone, so that it waits for nothing but itself. Ends with 1 when a budget is missed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from math_attacks import ATTACKS, BOUNDED, CODE, HUGE, LONG, OPEN  # noqa: E402
from rlvr.v1 import verifier_pb2 as pb  # noqa: E402
from rlvr.verifier import registry  # noqa: E402
from rlvr.verifier.pool import Pool, PoolLimits  # noqa: E402
from rlvr.verifier.pool.forker import Forker  # noqa: E402
from rlvr.verifier.settings import VerifierSettings  # noqa: E402
from rlvr.verifier.wire import reason_word  # noqa: E402

BUDGET_MS = 100.0
DEADLINE_S = 1.0
MEMORY_MB = 256
MAX_COMPLETION_BYTES = VerifierSettings.model_fields["max_completion_bytes"].default
REPEATS = 3
GOLDS = ("42", "x+1", r"\binom{n}{3}", r"\sqrt{x}+1", r"\{1,2\}", "x>3", r"\begin{pmatrix}1\\2\end{pmatrix}")

Sent = tuple[str, dict[str, object]]


def families() -> dict[str, list[Sent]]:
    """Completions and specs by family, as long as the room lets through to its workers."""
    rows: dict[str, list[Sent]] = {
        "rows M01-M45": [(attack.text, attack.spec) for attack in ATTACKS + OPEN if attack.row not in BOUNDED],
    }
    for row in sorted(BOUNDED):
        rows[f"row {row}"] = [(attack.text, attack.spec) for attack in ATTACKS + OPEN if attack.row == row]
    rows["code"] = [(rf"\boxed{{{text}}}", {"answer": gold}) for text in CODE for gold in GOLDS]
    rows["huge values"] = [
        (rf"\boxed{{{text}}}", {"answer": gold, "allow_unevaluated": True}) for text in HUGE.values() for gold in GOLDS
    ]
    rows["huge golds"] = [(r"\boxed{x}", {"answer": text}) for text in HUGE.values() if len(text) < 2_000]
    rows["long completions"] = [(text, {"answer": "42"}) for text in LONG.values()]
    return {
        family: [entry for entry in entries if len(entry[0].encode()) <= MAX_COMPLETION_BYTES]
        for family, entries in rows.items()
    }


def report(family: str, times_ms: Iterable[float], budget_ms: float, remark: str = "") -> bool:
    """Print a row; whether it is within its budget."""
    times = sorted(times_ms)
    median, worst = statistics.median(times), times[-1]
    high = times[min(len(times) - 1, int(0.99 * len(times)))]
    met = worst <= budget_ms
    line = f"{family:<20}{len(times):>7}{median:>9.2f}{high:>9.2f}{worst:>9.2f}{budget_ms:>9.0f}"
    print(f"{line}  {'met' if met else 'MISSED'}  {remark}", flush=True)
    return met


async def send(pool: Pool, completion: str, spec: dict[str, object]) -> tuple[float, pb.Verdict]:
    """Milliseconds to the verdict, and the verdict."""
    item = pb.VerifyItem(completion=completion, spec_json=json.dumps(spec))
    begin = time.perf_counter()
    verdict = await pool.grade(item, 60)
    return (time.perf_counter() - begin) * 1e3, verdict


async def measure() -> bool:
    """All families through one pool; then what ends at its deadline."""
    os.environ["PYTHONPATH"] = str(TESTS / "unit" / "verifier")
    forker = Forker({"math": registry.POOLED["math"], "endless": "hostile_grader:HostileGrader"})
    await forker.start()
    limits = PoolLimits(workers=1, deadline_s=DEADLINE_S, memory_mb=MEMORY_MB)
    pool, endless = Pool("math", forker, limits), Pool("endless", forker, limits)
    await asyncio.gather(pool.start(), endless.start())
    (worker,) = pool._members
    rss = psutil.Process(worker.pid).memory_info().rss
    print(f"{'family':<20}{'sent':>7}{'p50 ms':>9}{'p99 ms':>9}{'worst':>9}{'budget':>9}")
    met = True
    for family, entries in families().items():
        times, killed, slowest = [], 0, (0.0, "")
        for completion, spec in entries * REPEATS:
            taken, verdict = await send(pool, completion, spec)
            times.append(taken)
            killed += reason_word(verdict.reason) in ("time_limit", "memory_limit", "grader_timeout", "grader_crashed")
            slowest = max(slowest, (taken, f"{completion[:30]!r} for {str(spec['answer'])[:20]!r}"))
        remark = f"{killed} stopped; " if killed else ""
        met &= report(family, times, BUDGET_MS, remark + f"slowest {slowest[1]}")
    burnt = [(await send(endless, "burn", {"answer": "42"}))[0] for _ in range(10)]
    load = f"load {os.getloadavg()[0]:.1f}; a worker that waits for a processor is given up to three deadlines"
    met &= report("never ending", burnt, DEADLINE_S * 1e3 + BUDGET_MS, load)
    survived = {member.pid for member in pool._members} == {worker.pid}
    if survived:
        grown = (psutil.Process(worker.pid).memory_info().rss - rss) >> 20
        print(f"\nthe worker is the one that began, {grown} MB larger (cap {MEMORY_MB} MB)")
    else:
        print("\nthe worker was replaced")
    await asyncio.gather(pool.close(), endless.close())
    await forker.close()
    return met


if __name__ == "__main__":
    logging.disable(logging.ERROR)
    raise SystemExit(0 if asyncio.run(measure()) else 1)
