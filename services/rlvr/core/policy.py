"""Policy spans and the staleness rules: pure functions on plain numbers.

The words are the design's: a trace's *span* is the (min, max) of the policy versions that produced its tokens,
its *lag* is the trainer's version when it consumes the trace less `span.min`, and S bounds the lag.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PolicySpan:
    """The versions that produced a trace's tokens.

    Raises:
        ValueError: `min` is negative or greater than `max`.
    """

    min: int
    max: int

    def __post_init__(self) -> None:
        if not 0 <= self.min <= self.max:
            raise ValueError(f"a policy span needs 0 <= min <= max, not ({self.min}, {self.max})")

    def with_version(self, version: int) -> PolicySpan:
        """The span after one more token was drawn from `version`."""
        return PolicySpan(min(self.min, version), max(self.max, version))


def lag(trainer_version: int, span: PolicySpan) -> int:
    """How many versions the trainer is past the oldest token of a trace. Negative only if a register went back."""
    return trainer_version - span.min


def is_stale(trainer_version: int, span: PolicySpan, max_staleness: int) -> bool:
    """True when a trace of this span must not be trained on by a trainer at this version."""
    return lag(trainer_version, span) > max_staleness


def group_is_stale(trainer_version: int, spans: Iterable[PolicySpan], max_staleness: int) -> bool:
    """True when any trace of a group is stale: a group is dropped whole, never broken."""
    return any(is_stale(trainer_version, span, max_staleness) for span in spans)


def max_groups_in_flight(max_staleness: int, groups_per_step: int, steps_left: int) -> int:
    """How many groups may be admitted and not yet trained on or dropped.

    (S+1)*P: with P consumed per step, the youngest admitted group is trained on at most S versions later. Near
    the end of a run no more is admitted than the steps that are left consume.
    """
    return min((max_staleness + 1) * groups_per_step, steps_left * groups_per_step)
