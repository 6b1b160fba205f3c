"""Grades per second of the math verifier beside Math-Verify, in process, in the same run.

    python tests/bench/bench_math.py

Every row parses the gold anew for both, as a benchmark of single requests; `ours, gold kept` prepares each
gold once, as the pool does for the traces of a group.
"""

from __future__ import annotations

import json
import logging
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import math_verify

from rlvr.verifier.math import MathGrader, MathSpec
from rlvr.verifier.math.extract import extract

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
GRADER = MathGrader()
FORMS = ["%d", "1,%03d", r"\frac{1}{%d}", "0.%d", "-%d", r"%d\%%", "x=%d", "3.%d", r"%d\frac12", "(1,%d)"]
"""Each with many numbers, so that no row is answered from a cache of parsed text."""


def ours(completion: str, answer: str) -> bool:
    return GRADER.judge(completion, GRADER.prepare(MathSpec(answer=answer))).reward == 1


def peer(completion: str, answer: str) -> bool:
    gold = math_verify.parse(rf"\boxed{{{answer}}}", parsing_timeout=None)
    return bool(math_verify.verify(gold, math_verify.parse(completion, parsing_timeout=None), timeout_seconds=None))


def samples() -> dict[str, list[tuple[str, str]]]:
    plain = [form % (number + 2) for number in range(40) for form in FORMS]
    sets = {"plain forms": [(rf"So the answer is \boxed{{{answer}}}.", answer) for answer in plain]}
    if DATA.is_dir():
        gsm8k = [json.loads(line) for line in (DATA / "gsm8k_labelled.jsonl").read_text().splitlines()]
        maths = [json.loads(line) for line in (DATA / "math_solutions.jsonl").read_text().splitlines()]
        sets["GSM8K"] = [(row["completion"], row["answer"]) for row in gsm8k[:600]]
        boxes = [extract(row["solution"]).assertions[-1].text for row in maths]
        sets["MATH"] = [(row["solution"], box) for row, box in zip(maths, boxes, strict=True)][:600]
    return sets


def measure(grade: Callable[[str, str], bool], rows: list[tuple[str, str]]) -> tuple[float, float, float]:
    """Grades per second, and the median and 99th percentile in milliseconds."""
    grade(*rows[0])
    times = []
    for row in rows:
        started = time.perf_counter()
        grade(*row)
        times.append((time.perf_counter() - started) * 1e3)
    return len(times) / sum(times) * 1e3, statistics.median(times), statistics.quantiles(times, n=100)[98]


def main() -> None:
    logging.disable(logging.ERROR)
    print(f"{'set':<14}{'grader':<18}{'grades/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'x peer':>8}")
    for name, rows in samples().items():
        golds = {answer: GRADER.prepare(MathSpec(answer=answer)) for _, answer in rows}

        def kept(completion: str, answer: str) -> bool:
            return GRADER.judge(completion, golds[answer]).reward == 1  # noqa: B023

        base = 0.0
        for label, grade in (("math-verify", peer), ("ours", ours), ("ours, gold kept", kept)):
            rate, median, worst = measure(grade, rows)
            base = base or rate
            print(f"{name:<14}{label:<18}{rate:>10.0f}{median:>9.3f}{worst:>9.3f}{rate / base:>8.1f}")


if __name__ == "__main__":
    main()
