"""Counts and rates of judgements. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from rlvr.quality.interval import wilson
from rlvr.quality.judges import Judgement
from rlvr.quality.rows import Row

Judged = tuple[Row, Judgement]


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` out of `total`."""

    count: int
    total: int

    @property
    def value(self) -> float | None:
        """None of nothing."""
        return self.count / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval (Wilson)."""
        return wilson(self.count, self.total)


@dataclass(frozen=True, slots=True)
class Tally:
    """How a judge did on some rows."""

    false_positives: Rate
    """Of the wrong answers, those accepted."""
    false_negatives: Rate
    """Of the right answers, those not accepted, for whatever reason."""
    invalid: int
    """Rows whose gold answer it could not read."""
    errors: int
    """Rows that it failed on: a crash, a hang."""
    grades_per_second: float | None
    """Of one process: rows over the time spent grading them."""
    p50_ms: float | None


def is_failure(row: Row, judgement: Judgement) -> bool:
    """Whether the judge disagrees with the label."""
    return judgement.accepted != row.right


def tally(judged: Iterable[Judged]) -> Tally:
    """Count."""
    judged = list(judged)
    times = [judgement.ms for _, judgement in judged]
    busy_s = sum(times) / 1000
    return Tally(
        false_positives=_failures([pair for pair in judged if not pair[0].right]),
        false_negatives=_failures([pair for pair in judged if pair[0].right]),
        invalid=sum(judgement.outcome == "invalid" for _, judgement in judged),
        errors=sum(judgement.outcome == "error" for _, judgement in judged),
        grades_per_second=len(times) / busy_s if busy_s else None,
        p50_ms=statistics.median(times) if times else None,
    )


def _failures(judged: list[Judged]) -> Rate:
    return Rate(sum(is_failure(*pair) for pair in judged), len(judged))
