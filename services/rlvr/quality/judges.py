"""What grades rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from rlvr.quality.rows import Row


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says of a row."""

    outcome: str
    """A `rlvr.core.verdict.Outcome` value; `invalid` is a gold answer that the judge cannot read."""
    reason: str = ""
    extracted: str = ""
    """The answer that it found in the completion."""
    detail: str = ""
    ms: float = 0.0
    """Time that grading took, waiting left out."""

    @property
    def accepted(self) -> bool:
        return self.outcome == "correct"


class Judge(Protocol):
    """A grader under audit."""

    name: str
    version: str

    def takes(self, row: Row) -> bool:
        """Whether the row can be put to it."""
        ...

    def judge(self, rows: Sequence[Row]) -> Iterator[Judgement]:
        """One judgement per row, in order, each as soon as it is there."""
        ...
