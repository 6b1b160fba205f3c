"""Grades per second of the math verifier beside Math-Verify, in process, in the same run, against the budgets.

    python tests/bench/bench_math.py

`ours` parses the gold anew for every row, as Math-Verify does; it must hold the ratio. `ours, gold kept` prepares
each gold once, as the pool does for the traces of a group; it must hold the median time. Times are of the processor,
so that what else the machine does counts for neither.
"""

from __future__ import annotations

import json
import logging
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import math_verify

from rlvr.quality.boxes import last_box
from rlvr.verifier.math import MathGrader, MathSpec

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
GRADER = MathGrader()
FORMS = ["%d", "1,%03d", r"\frac{1}{%d}", "0.%d", "-%d", r"%d\%%", "x=%d", "3.%d", r"%d\frac12", "(1,%d)"]
"""Each with many numbers, so that no row is answered from a cache of parsed text."""


@dataclass(frozen=True)
class Sample:
    """Rows, completion and gold answer, and the budget that they are measured against."""

    rows: list[tuple[str, str]]
    at_least_x: float
    """Times Math-Verify's grades per second."""
    p50_ms: float | None = None


@dataclass(frozen=True)
class Speed:
    per_second: float
    p50_ms: float
    p99_ms: float


def ours(completion: str, answer: str) -> bool:
    return GRADER.judge(completion, GRADER.prepare(MathSpec(answer=answer))).reward == 1


def peer(completion: str, answer: str) -> bool:
    gold = math_verify.parse(rf"\boxed{{{answer}}}", parsing_timeout=None)
    return bool(math_verify.verify(gold, math_verify.parse(completion, parsing_timeout=None), timeout_seconds=None))


def samples() -> dict[str, Sample]:
    plain = [form % (number + 2) for number in range(40) for form in FORMS]
    sets = {"plain forms": Sample([(rf"So the answer is \boxed{{{answer}}}.", answer) for answer in plain], 10, 0.1)}
    if DATA.is_dir():
        gsm8k = [json.loads(line) for line in (DATA / "gsm8k_labelled.jsonl").read_text().splitlines()]
        maths = [json.loads(line) for line in (DATA / "math_solutions.jsonl").read_text().splitlines()]
        sets["GSM8K"] = Sample([(row["completion"], row["answer"]) for row in gsm8k], 10, 0.1)
        sets["MATH"] = Sample([(row["solution"], last_box(row["solution"]) or "") for row in maths], 5)
    return sets


def measure(grade: Callable[[str, str], bool], rows: list[tuple[str, str]]) -> Speed:
    grade(*rows[0])
    times = []
    for row in rows:
        started = time.process_time()
        grade(*row)
        times.append((time.process_time() - started) * 1e3)
    return Speed(len(times) / sum(times) * 1e3, statistics.median(times), statistics.quantiles(times, n=100)[98])


def main() -> int:
    """Measure and print; 1 when a budget is missed."""
    logging.disable(logging.ERROR)
    all_met = True
    print(f"{'set':<13}{'rows':>5}  {'grader':<17}{'grades/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'x peer':>8}  budget")
    for name, sample in samples().items():
        golds = {answer: GRADER.prepare(MathSpec(answer=answer)) for _, answer in sample.rows}

        def kept(completion: str, answer: str) -> bool:
            return GRADER.judge(completion, golds[answer]).reward == 1  # noqa: B023

        base = measure(peer, sample.rows)
        show(name, sample, "math-verify", base, base)
        fresh = measure(ours, sample.rows)
        met = fresh.per_second >= sample.at_least_x * base.per_second
        show(name, sample, "ours", fresh, base, f"at least {sample.at_least_x:g} x: {'met' if met else 'MISSED'}")
        all_met &= met
        warm = measure(kept, sample.rows)
        met = sample.p50_ms is None or warm.p50_ms <= sample.p50_ms
        budget = f"p50 at most {sample.p50_ms:g} ms: {'met' if met else 'MISSED'}" if sample.p50_ms else ""
        show(name, sample, "ours, gold kept", warm, base, budget)
        all_met &= met
    return 0 if all_met else 1


def show(name: str, sample: Sample, label: str, found: Speed, base: Speed, budget: str = "") -> None:
    """A line of the table."""
    figures = f"{found.per_second:>9.0f}{found.p50_ms:>9.3f}{found.p99_ms:>9.3f}"
    print(f"{name:<13}{len(sample.rows):>5}  {label:<17}{figures}{found.per_second / base.per_second:>8.1f}  {budget}")


if __name__ == "__main__":
    raise SystemExit(main())
