"""Trivial Python programs on the tiers that build a sandbox for each run, beside the jail, in the same run."""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pytest

from rlvr.verifier.code.runner import End, Job, Limits, Runner, Stdio
from rlvr.verifier.code.runners.box_runner import BoxRunner
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.tiers import start_runner
from sandboxes import BOXES, needs_of

SUM = Job("print(sum(map(int, input().split())))", Stdio(b"1 2"))
LIMITS = Limits(20, 512, 1000)


async def seconds(runner: Runner) -> float:
    """One run."""
    begin = time.perf_counter()
    async with runner.slot(60) as slot:
        result = await runner.run(SUM, LIMITS, slot)
    if (result.end, result.output) != (End.EXITED, b"3\n"):
        raise RuntimeError(f"the benchmark's program failed: {result}")
    return time.perf_counter() - begin


async def measured(tier: str, settings: dict[str, Any], num_runs: int, concurrency: int) -> str:
    """A row of the table."""
    runner = await start_runner(CodeSettings(tier=tier, concurrency=concurrency, languages=(), **settings))
    try:
        ready = []
        for _ in range(num_runs):
            if isinstance(runner, BoxRunner):
                await runner._pool.settled()
            ready.append(await seconds(runner))
        begin = time.perf_counter()
        together = await asyncio.gather(*(seconds(runner) for _ in range(num_runs)))
        rate = len(together) / (time.perf_counter() - begin)
    finally:
        await runner.close()
    p50, p95 = statistics.median(ready) * 1000, statistics.quantiles(ready, n=20)[-1] * 1000
    return f"{tier:8}{p50:10.1f}{p95:10.1f}{rate:10.1f}"


async def main(num_runs: int, concurrency: int) -> None:
    print(f"{os.cpu_count()} cores, {num_runs} runs, {concurrency} at a time\n")
    print(f"{'':8}{'ready p50':>10}{'p95 ms':>10}{'runs/s':>10}")
    for tier in ("jail", *BOXES):
        try:
            print(await measured(tier, needs_of(tier), num_runs, concurrency))
        except (pytest.skip.Exception, RuntimeError) as missing:
            print(f"{tier:8}{missing}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30, help="runs per row and mode (default: 30)")
    parser.add_argument("--concurrency", type=int, default=os.cpu_count() or 1, help="default: number of cores")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.runs, arguments.concurrency))
