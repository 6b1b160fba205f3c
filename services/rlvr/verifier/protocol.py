"""What a verifier kind is.

A kind is a folder beside this file with a `spec` (a pydantic model), and one of two shapes of grader:

- `Grader`: pure and CPU-bound (math, puzzle, format). The room runs it in worker processes that are killed at
  their deadline. It works in two steps, so that a fault is laid at the right door: `prepare` turns the spec
  into a gold value (a failure there is the spec's), `judge` compares a completion with it (a failure there
  is the candidate's). Prepared golds are cached, one group's traces share one spec.
- `AsyncGrader`: does its own isolation (code), so the room only awaits it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from rlvr.core.verdict import Grade


class Spec(BaseModel):
    """Base of every kind's spec: unknown fields are refused by name, so a typo is never silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class InvalidSpec(ValueError):
    """The spec has the right shape but cannot be graded. The message names the field and the fix."""

    def __init__(self, detail: str, *, reason: str = "bad_spec") -> None:
        super().__init__(detail)
        self.reason = reason
        """A `rlvr.core.verdict.Reason` value that belongs to outcome `invalid`."""


S_contra = TypeVar("S_contra", bound=Spec, contravariant=True)
G = TypeVar("G")


class Grader(Protocol, Generic[S_contra, G]):
    """A pure grader. Instances must be cheap to build and safe to use from a forked process."""

    name: str
    version: str
    """Semantic version of the verdicts: a change that can change a verdict changes it."""
    spec: type[Spec]
    warm: tuple[str, ...]
    """Modules that grading imports late; the pool imports them before it forks, so that no trace waits for them."""

    def prepare(self, spec: S_contra) -> G:
        """Turn a validated spec into what `judge` compares with.

        Raises:
            InvalidSpec: the gold answer cannot be read.
        """
        ...

    def judge(self, completion: str, gold: G) -> Grade:
        """Grade one completion. Must be bounded in memory; time is bounded by the pool."""
        ...


@dataclass(frozen=True, slots=True)
class Graded:
    """A grade, and how long the completion waited before grading began."""

    grade: Grade
    queue_s: float = 0.0


class AsyncGrader(Protocol):
    """A grader that isolates candidates by itself."""

    name: str
    version: str
    spec: type[Spec]

    async def start(self) -> None:
        """Get ready. Raises RuntimeError, with what to do about it, if this host cannot run the verifier."""
        ...

    async def grade(self, completion: str, spec: Any, timeout_s: float, *, patient: bool = False) -> Graded:
        """Grade one completion. Cancelling the task kills what it started.

        `timeout_s` is how long the caller waits for grading to begin; after that the grade is
        `error`/`queue_timeout`. Waiting counts against no limit of the candidate's.

        Raises:
            InvalidSpec: the spec cannot be graded.
            Overloaded: too many completions wait; never to a `patient` caller, who bounds what it has waiting.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """What is available on this host (languages, isolation tier), for `ListVerifiers`."""
        ...

    async def close(self) -> None:
        """Kill and reap everything."""
        ...
