"""What runs a candidate's program: the seam between judging (here) and isolation (a `Runner`).

A runner is given a program and *inputs*, and returns what came out. It never sees an expected value, so
nothing that runs beside the candidate can leak one; whether an answer is right is decided in `grader`.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class RunnerUnavailable(RuntimeError):
    """The sandbox failed, not the candidate: nothing was learnt about the program."""


class NoSlot(RuntimeError):
    """The program's turn did not come in time: nothing was learnt about it."""


@dataclass(frozen=True, slots=True)
class Stdio:
    """Run the program as a script."""

    stdin: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """Define the program's names, then call one of them."""

    entry_point: str
    args: list[Any]
    """JSON values."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one program."""

    source: str
    action: Stdio | Call


@dataclass(frozen=True, slots=True)
class Limits:
    """What the candidate may use in one run."""

    time_s: float
    """From the moment its code may run; time in which it was ready to run and the host had no core does not count."""
    memory_mb: int
    output_bytes: int
    """Standard output of `Stdio`, result text of `Call`."""


class End(StrEnum):
    """How a run ended."""

    EXITED = "exited"
    """By itself, with exit code 0."""
    COMPILE_ERROR = "compile_error"
    FAILED = "failed"
    """With another exit code, or by a signal."""
    KILLED = "killed"
    """By a SIGKILL that is not ours: the candidate sent it, or a host short of memory. Only a second run can tell."""
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came out of a run. All of it is the candidate's word except `end` being a limit."""

    end: End
    output: bytes
    """`Stdio`: standard output. `Call`: whatever arrived on the result channel; see `result.parse_result`."""
    time_s: float = 0.0
    """What the run took of `Limits.time_s`."""
    detail: str = ""


class Runner(Protocol):
    """Runs programs in isolation, several at a time."""

    async def start(self) -> None:
        """Find out what this host can do.

        Raises:
            RuntimeError: it cannot isolate a candidate; the message says what is missing.
        """
        ...

    def slot(self, timeout_s: float) -> AbstractAsyncContextManager[int]:
        """The right to run jobs, one after the other, for as long as the block lasts.

        Raises:
            NoSlot: its turn did not come within `timeout_s`.
            Overloaded: too many wait.
        """
        ...

    async def run(self, job: Job, limits: Limits, slot: int) -> RunResult:
        """Run one job. Cancelling kills all of its processes.

        Raises:
            RunnerUnavailable: the sandbox failed, or the host had no core for the program.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Name of the runner and the isolation in force."""
        ...

    async def close(self) -> None:
        """Kill and reap everything."""
        ...
