"""Trivial programs: Python on each isolation tier against a bare `python -c pass`, and each other language of this host
on the best tier against the bare program, in the same run.

The rows take turns, so that a host that is busy with something else is busy for all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from rlvr.verifier.code.grader import CodeGrader
from rlvr.verifier.code.languages.known import Name
from rlvr.verifier.code.languages.language import Toolchain
from rlvr.verifier.code.programs import find_toolchains
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.spec import CodeSpec
from rlvr.verifier.code.zygote.builder import MADE

TIERS = ("jail", "landlock", "unsafe")
PYTHONS = (None, Path("/usr/bin/python3"))  # the second where candidates' users may not read the first
CALL = CodeSpec(tests=[{"type": "call", "args": [1, 2], "expected": 3}], entry_point="add", time_limit_s=10)
STDIO = CodeSpec(tests=[{"type": "stdio", "stdin": "1 2", "stdout": "3"}], time_limit_s=10)
ADD = "```python\ndef add(a, b):\n    return a + b\n```"
SUM = "```python\nprint(sum(map(int, input().split())))\n```"
NUM_ROUNDS = 5
BUDGET_P50_MS, BUDGET_RATE = 8.0, 150

Run = Callable[[], Awaitable[object]]


async def bare_python() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "pass")
    await process.wait()


async def started(tier: str, concurrency: int, languages: tuple[Name, ...] | None = ()) -> CodeGrader | None:
    """A grader on a tier, or None if this host does not have it."""
    for python in PYTHONS:
        grader = CodeGrader(CodeSettings(tier=tier, python=python, concurrency=concurrency, languages=languages))
        with contextlib.suppress(RuntimeError):
            await grader.start()
            return grader
    return None


def grading(grader: CodeGrader, completion: str, spec: CodeSpec) -> Run:
    async def run() -> None:
        grade = (await grader.grade(completion, spec, 60)).grade
        if grade.reward != 1.0:
            raise RuntimeError(f"the benchmark's program failed: {grade.detail}")

    return run


async def seconds_alone(run: Run) -> float:
    begin = time.perf_counter()
    await run()
    return time.perf_counter() - begin


async def seconds_together(run: Run, num_runs: int, concurrency: int) -> float:
    async def worker() -> None:
        for _ in range(num_runs // concurrency):
            await run()

    begin = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return time.perf_counter() - begin


def bare(toolchain: Toolchain, folder: Path) -> Run:
    """Compile the language's trial program where we are; the program as a process of its own, without isolation."""
    language = toolchain.language
    name = language.source_file(language.hello)
    (folder / MADE).mkdir()
    for path, content in {name: language.hello.encode(), **language.prepare(toolchain)}.items():
        (folder / path).write_bytes(content)
    for command in language.compile:
        subprocess.run(toolchain.argv(command, [name], memory_mb=1024), cwd=folder, check=True)
    argv = toolchain.argv(language.run, [name], entry=language.entry(language.hello), memory_mb=512)

    async def run() -> None:
        process = await asyncio.create_subprocess_exec(*argv, cwd=folder, stdout=asyncio.subprocess.PIPE)
        printed, _ = await process.communicate()
        if printed != b"ready\n":
            raise RuntimeError(f"{argv} printed {printed!r}")

    return run


async def languages(num_runs: int) -> None:
    """A table: what a run of each language takes, bare and graded, and its compilation."""
    grader = await started("jail", 1, None) or await started("landlock", 1, None)
    if grader is None:
        return
    print(f"\n{grader.describe()['tier'] + ', p50 ms':22}{'graded':>8}{'bare':>8}{'compile':>9}")
    try:
        for name, toolchain in find_toolchains(CodeSettings()).items():
            if isinstance(toolchain, Toolchain) and name in grader.describe()["languages"]:
                with tempfile.TemporaryDirectory() as folder:
                    print(f"{name:22}{await _row(grader, toolchain, Path(folder), num_runs)}")
    finally:
        await grader.close()


async def _row(grader: CodeGrader, toolchain: Toolchain, folder: Path, num_runs: int) -> str:
    language = toolchain.language
    tests = [{"type": "stdio", "stdout": "ready"}]
    spec = CodeSpec(language=language.name, tests=tests, time_limit_s=10)
    graded, alone = grading(grader, language.hello, spec), bare(toolchain, folder)
    await graded()
    times = [(await seconds_alone(graded), await seconds_alone(alone)) for _ in range(num_runs)]
    p50, bare_p50 = (statistics.median(column) * 1000 for column in zip(*times, strict=True))
    if not language.compile:
        return f"{p50:8.1f}{bare_p50:8.1f}"
    # Blank lines at its end make it another source.
    fresh = [grading(grader, language.hello + "\n" * (n + 1), spec) for n in range(max(3, num_runs // 10))]
    compiling = statistics.median([await seconds_alone(run) for run in fresh]) * 1000 - p50
    return f"{p50:8.1f}{bare_p50:8.1f}{compiling:9.0f}"


async def main(num_runs: int, concurrency: int) -> int:
    rows: dict[str, Run] = {"python -c pass": bare_python}
    graders = {tier: grader for tier in TIERS if (grader := await started(tier, concurrency))}
    try:
        for tier, grader in graders.items():
            rows[f"{tier}, call test"] = grading(grader, ADD, CALL)
            rows[f"{tier}, stdio test"] = grading(grader, SUM, STDIO)
        alone: dict[str, list[float]] = {name: [] for name in rows}
        together = dict.fromkeys(rows, 0.0)
        share = max(concurrency, num_runs // NUM_ROUNDS // concurrency * concurrency)
        for _ in range(num_runs):
            for name, run in rows.items():
                alone[name].append(await seconds_alone(run))
        for _ in range(NUM_ROUNDS):
            for name, run in rows.items():
                together[name] += await seconds_together(run, share, concurrency)
    finally:
        for grader in graders.values():
            await grader.close()
    for tier, grader in graders.items():
        print(f"{tier}: {', '.join(grader.describe()['isolation'])}")
    print(f"{os.cpu_count()} cores, {num_runs} runs, {concurrency} at a time\n")
    print(f"{'':22}{'p50 ms':>8}{'p95 ms':>8}{'runs/s':>8}")
    for name, times in alone.items():
        p95 = statistics.quantiles(times, n=20)[-1]
        rate = share * NUM_ROUNDS / together[name]
        print(f"{name:22}{statistics.median(times) * 1000:8.1f}{p95 * 1000:8.1f}{rate:8.0f}")
    await languages(max(10, num_runs // 4))
    return _missed({name: statistics.median(times) * 1000 for name, times in alone.items()}, together, share)


def _missed(p50_ms: dict[str, float], together: dict[str, float], share: int) -> int:
    """1, after saying so, if the jail is slower than its budget or than bare Python."""
    jail, bare = "jail, call test", "python -c pass"
    if jail not in p50_ms:
        print("\nno budget is checked: this host has no jail")
        return 0
    rate = share * NUM_ROUNDS / together[jail]
    missed = [
        what
        for what, holds in {
            f"p50 {p50_ms[jail]:.1f} ms, at most {BUDGET_P50_MS}": p50_ms[jail] <= BUDGET_P50_MS,
            f"{rate:.0f} runs/s, at least {BUDGET_RATE}": rate >= BUDGET_RATE,
            "faster than bare Python": p50_ms[jail] < p50_ms[bare] and together[jail] < together[bare],
        }.items()
        if not holds
    ]
    print(f"\nbudget missed: {'; '.join(missed)}" if missed else "\nwithin the budget")
    return int(bool(missed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="runs per row and mode (default: 200)")
    parser.add_argument("--concurrency", type=int, default=os.cpu_count() or 1, help="default: number of cores")
    arguments = parser.parse_args()
    raise SystemExit(asyncio.run(main(arguments.runs, arguments.concurrency)))
