"""What a checker program's run says of an output. The room runs it, jailed; see `spec.Checker`."""

from __future__ import annotations

from rlvr.verifier.code.runner import End, RunResult

CHECKER_ARGUMENTS = ("input.txt", "output.txt", "answer.txt")
_REJECTS = (1, 2)
"""testlib's exit codes for a wrong answer and for one that is badly presented."""


def checker_files(stdin: bytes, output: bytes, expected: bytes) -> dict[str, bytes]:
    """What a checker finds beside it."""
    return dict(zip(CHECKER_ARGUMENTS, (stdin, output, expected), strict=True))


def says(result: RunResult) -> bool | None:
    """Whether the checker accepts; None if its run was no verdict."""
    if result.end is End.EXITED:
        return True
    return False if result.end is End.FAILED and result.exit_code in _REJECTS else None


def verdict_without_one(on_expected: RunResult) -> bool:
    """Whether it was the program's output that the checker gave no verdict on, and not the checker that is broken:
    it accepts the expected output."""
    return says(on_expected) is True
