"""Rows put to judges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rlvr.quality.judges import Judge, Judgement
from rlvr.quality.rows import Row
from rlvr.quality.tally import Judged, Tally, is_failure, tally


@dataclass(frozen=True, slots=True)
class Judging:
    """What one judge said."""

    judge: str
    version: str
    judged: list[Judged]
    """The rows that were put to it, in order."""

    def of_set(self, name: str, *, disputed: bool = True) -> Tally:
        """Over the rows of a set; `disputed` says whether those with a disputed label count."""
        return tally(pair for pair in self.judged if pair[0].set == name and (disputed or not pair[0].disputed))

    def of_form(self, name: str, form: str) -> Tally:
        """Over the rows of a set that have this form."""
        return tally(pair for pair in self.judged if (pair[0].set, pair[0].form) == (name, form))

    def failures(self) -> list[Judged]:
        """Where it disagrees with the label, or gives no verdict."""
        return [pair for pair in self.judged if is_failure(*pair) or pair[1].outcome in ("invalid", "error")]

    def of_row(self, row: Row) -> Judgement | None:
        """What it said of a row; None when the row was not put to it."""
        return next((judgement for other, judgement in self.judged if other is row), None)


def audit(rows: Sequence[Row], judge: Judge, on_row: Callable[[Row], None]) -> Judging:
    """Put the rows that it takes to a judge; `on_row` is called after each, for a progress bar."""
    taken = [row for row in rows if judge.takes(row)]
    judged: list[Judged] = []
    for row, judgement in zip(taken, judge.judge(taken), strict=True):
        judged.append((row, judgement))
        on_row(row)
    return Judging(judge.name, judge.version, judged)


def over_limits(judging: Judging, max_fp: float | None, max_fn: float | None) -> list[str]:
    """What keeps a judge from passing, a line each: a rate of a set over its limit, disputed labels left out, or an
    error, which is no verdict at all. Empty where no limit is given."""
    if max_fp is None and max_fn is None:
        return []
    problems = []
    for name in dict.fromkeys(row.set for row, _ in judging.judged):
        counts = judging.of_set(name, disputed=False)
        for what, rate, limit in (
            ("false positives", counts.false_positives, max_fp),
            ("false negatives", counts.false_negatives, max_fn),
        ):
            if limit is not None and rate.value is not None and rate.value > limit:
                problems.append(f"{name}: {what} {rate.count}/{rate.total} are {rate.value:.2%}, over {limit:.2%}")
        if counts.errors:
            problems.append(f"{name}: {counts.errors} rows got an error and no verdict")
    return problems
