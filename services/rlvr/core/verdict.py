"""The verdict: what a verifier says of a trace, and the contract everything hangs on.

A verdict tells three things apart that most reward code mixes up: the candidate was scored (`correct`,
`partial`, `incorrect`), the *spec* cannot be graded (`invalid`), or *we* failed (`error`). The last two
carry no reward at all, so a trainer masks them instead of training on noise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    CORRECT = "correct"
    """Right; reward 1."""
    PARTIAL = "partial"
    """A graded score; reward strictly between 0 and 1."""
    INCORRECT = "incorrect"
    """Wrong, or no answer, or over one of the candidate's limits; reward 0."""
    INVALID = "invalid"
    """The spec itself cannot be graded; no reward."""
    ERROR = "error"
    """Our failure; no reward."""

    @property
    def scored(self) -> bool:
        """True when the outcome carries a reward that a trainer may use."""
        return self in (Outcome.CORRECT, Outcome.PARTIAL, Outcome.INCORRECT)


class Reason(StrEnum):
    """Why the outcome is what it is. Closed: a new reason is a change of the public contract."""

    # correct, partial
    EQUIVALENT = "equivalent"
    """The answer has the value of the gold answer."""
    PASSED = "passed"
    """Every test, rule or pattern holds."""
    PARTIALLY_PASSED = "partially_passed"
    """Some tests or terms hold."""
    # incorrect
    NOT_EQUIVALENT = "not_equivalent"
    NO_ANSWER = "no_answer"
    """Nothing in the completion asserts an answer (or the reasoning was never closed)."""
    UNPARSEABLE = "unparseable"
    """An answer was found that is not in any form the verifier reads."""
    CONFLICTING_ANSWERS = "conflicting_answers"
    TESTS_FAILED = "tests_failed"
    RULE_VIOLATED = "rule_violated"
    FORMAT_MISMATCH = "format_mismatch"
    COMPILE_ERROR = "compile_error"
    RUNTIME_ERROR = "runtime_error"
    TIME_LIMIT = "time_limit"
    """The candidate used up its time."""
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    TOO_LARGE = "too_large"
    """The completion, or a number or nesting in it, is over a size budget."""
    # invalid
    BAD_SPEC = "bad_spec"
    """The spec or the item does not have the documented shape; `detail` names the field."""
    GOLD_UNPARSEABLE = "gold_unparseable"
    NO_TESTS = "no_tests"
    UNKNOWN_VERIFIER = "unknown_verifier"
    # error
    GRADER_CRASHED = "grader_crashed"
    """The process that graded died or raised."""
    GRADER_TIMEOUT = "grader_timeout"
    """The process that graded stood still through no fault of the candidate's."""
    SANDBOX_UNAVAILABLE = "sandbox_unavailable"
    QUEUE_TIMEOUT = "queue_timeout"
    """The deadline passed before grading began."""
    UNAVAILABLE = "unavailable"
    """The verifier could not be reached, or is shutting down."""


@dataclass(frozen=True, slots=True)
class Grade:
    """What a verifier kind concludes. The room adds who graded, the digest and the times to make a verdict.

    Raises:
        ValueError: the reward does not belong to the outcome (see `Outcome`).
    """

    outcome: Outcome
    reason: Reason
    reward: float | None = None
    """Left out, it is 1 for `correct` and 0 for `incorrect`; `partial` must give it."""
    extracted: str = ""
    """The answer that was found in the completion, as it is understood."""
    breakdown: dict[str, float] = field(default_factory=dict)
    """Name of a test, rule or term -> its score in [0, 1]."""
    detail: str = ""
    """For a person. Never contains a hidden expected value."""

    def __post_init__(self) -> None:
        implied = {Outcome.CORRECT: 1.0, Outcome.INCORRECT: 0.0}.get(self.outcome)
        if self.reward is None and implied is not None:
            object.__setattr__(self, "reward", implied)
        if self.outcome is Outcome.PARTIAL:
            valid = self.reward is not None and 0.0 < self.reward < 1.0
        else:
            valid = self.reward == implied
        if not valid:
            raise ValueError(f"reward {self.reward!r} does not belong to outcome {self.outcome!s}")


def correct(
    reason: Reason, *, extracted: str = "", detail: str = "", breakdown: dict[str, float] | None = None
) -> Grade:
    """A grade of 1."""
    return Grade(Outcome.CORRECT, reason, extracted=extracted, detail=detail, breakdown=breakdown or {})


def incorrect(
    reason: Reason, detail: str = "", *, extracted: str = "", breakdown: dict[str, float] | None = None
) -> Grade:
    """A grade of 0: the candidate's fault."""
    return Grade(Outcome.INCORRECT, reason, extracted=extracted, detail=detail, breakdown=breakdown or {})


def invalid(reason: Reason, detail: str) -> Grade:
    """No grade: the spec's fault. `detail` names the field and the fix."""
    return Grade(Outcome.INVALID, reason, detail=detail)


def error(reason: Reason, detail: str) -> Grade:
    """No grade: our fault."""
    return Grade(Outcome.ERROR, reason, detail=detail)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A grade, who gave it and what it took."""

    grade: Grade
    trace_id: str
    verifier: str
    version: str
    digest: str
    """`sha256:` over verifier name and version, spec and completion: equal digests mean equal verdicts."""
    duration_ms: float = 0.0
    """Time spent grading."""
    queue_ms: float = 0.0
    """Time spent waiting for a grader; never counted against the candidate."""
    cached: bool = False
