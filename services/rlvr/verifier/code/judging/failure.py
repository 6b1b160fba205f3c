"""Why a test was not passed."""

from __future__ import annotations

from dataclasses import dataclass

from rlvr.core.verdict import Reason
from rlvr.verifier.code.runner import End, RunResult

_REASONS = {
    End.COMPILE_ERROR: Reason.COMPILE_ERROR,
    End.FAILED: Reason.RUNTIME_ERROR,
    End.KILLED: Reason.RUNTIME_ERROR,
    End.TIME_LIMIT: Reason.TIME_LIMIT,
    End.MEMORY_LIMIT: Reason.MEMORY_LIMIT,
    End.OUTPUT_LIMIT: Reason.OUTPUT_LIMIT,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the candidate did not pass a test. `detail` holds nothing of the test's."""

    reason: Reason
    detail: str
    unsteady: bool = False
    """Whether it passed the same test before."""


def failed(detail: str) -> Failure:
    """The program answered, and wrongly."""
    return Failure(Reason.TESTS_FAILED, detail)


def broken_run(result: RunResult) -> Failure | None:
    """What a run's end alone says: None if it ended by itself with exit code 0."""
    if result.end is End.EXITED:
        return None
    return Failure(_REASONS[result.end], result.detail or result.end.replace("_", " "))
