"""Trivial Python programs in the code verifier's sandbox against a bare `python -c pass`, in the same run."""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

from rlvr.verifier.code.grader import CodeGrader
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.spec import CodeSpec

CALL = CodeSpec(tests=[{"type": "call", "args": [1, 2], "expected": 3}], entry_point="add", time_limit_s=10)
STDIO = CodeSpec(tests=[{"type": "stdio", "stdin": "1 2", "stdout": "3"}], time_limit_s=10)
ADD = "```python\ndef add(a, b):\n    return a + b\n```"
SUM = "```python\nprint(sum(map(int, input().split())))\n```"


async def measure(run: Callable[[], Awaitable[object]], num_runs: int, concurrency: int) -> tuple[float, float]:
    """Median seconds of one run alone, and runs per second at `concurrency`."""
    alone = []
    for _ in range(num_runs):
        started = time.perf_counter()
        await run()
        alone.append(time.perf_counter() - started)

    async def worker() -> None:
        for _ in range(num_runs // concurrency):
            await run()

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    rate = num_runs // concurrency * concurrency / (time.perf_counter() - started)
    return statistics.median(alone), rate


async def bare_python() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "pass")
    await process.wait()


async def main(num_runs: int, concurrency: int) -> None:
    grader = CodeGrader(CodeSettings(concurrency=concurrency))
    await grader.start()

    async def grade(completion: str, spec: CodeSpec) -> None:
        verdict = (await grader.grade(completion, spec, 60)).grade
        if verdict.reward != 1.0:
            raise RuntimeError(f"the benchmark's program failed: {verdict.detail}")

    try:
        rows = {
            "python -c pass": bare_python,
            "code, call test": lambda: grade(ADD, CALL),
            "code, stdio test": lambda: grade(SUM, STDIO),
        }
        print(f"isolation: {', '.join(grader.describe()['isolation'])}")
        print(f"{os.cpu_count()} cores, {num_runs} runs, {concurrency} at a time\n")
        print(f"{'':18}{'p50 ms':>8}{'runs/s':>8}")
        for name, run in rows.items():
            median, rate = await measure(run, num_runs, concurrency)
            print(f"{name:18}{median * 1000:8.1f}{rate:8.0f}")
    finally:
        await grader.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="runs per row and mode (default: 100)")
    parser.add_argument("--concurrency", type=int, default=os.cpu_count() or 1, help="default: number of cores")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.runs, arguments.concurrency))
