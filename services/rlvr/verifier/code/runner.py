"""What runs a candidate's program: the seam between judging (here) and isolation (a `Runner`).

A runner is given a program and *inputs*, and returns what came out. It never sees an expected value, so
nothing that runs beside the candidate can leak one; whether an answer is right is decided in `grader`.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

ENTRY = "__entry__"
"""Name by which expressions and calls mean the entry point."""


class RunnerUnavailable(RuntimeError):
    """The sandbox failed, not the candidate: nothing was learnt about the program."""


class NoSlot(RuntimeError):
    """The program's turn did not come in time: nothing was learnt about it."""


@dataclass(frozen=True, slots=True)
class Stdio:
    """Run the program as a script."""

    stdin: bytes
    argv: tuple[str, ...] = ("program",)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: evaluate an expression among the program's names."""

    expression: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request: call one of the program's names, or its entry point as `ENTRY`."""

    name: str
    args: list[Any]
    """Plain values: None, bool, int, float, complex, str, bytes, and tuples, lists, sets and dicts of them."""
    kwargs: dict[str, Any] = field(default_factory=dict)
    tell_changes: bool = False
    """Whether the answer tells what the call has made of arguments that can be changed in place."""


class Line(Protocol):
    """The room's end of a talk with a run that goes on."""

    def connected(self, write: Callable[[bytes], None]) -> None:
        """The run will start; what is written is read by it in order."""
        ...

    def heard(self, data: bytes) -> None:
        """A part of the run's output has come, as the pipe delivered it."""
        ...


@dataclass(frozen=True, slots=True)
class Answers:
    """Define the program's names, run `setup` among them, and answer requests in order, one line each."""

    requests: tuple[Ask | Call, ...] | Line
    """All of them, or a line on which they come while the run goes on (see `frame`)."""
    entry_point: str | None = None
    """`f` or `Class.f`; None for the only function that the program defines."""
    setup: str = ""


@dataclass(frozen=True, slots=True)
class Tests:
    """The source is test code and not a candidate's; it calls the program's names over a line."""

    line: Line
    called: tuple[str, ...]
    """Names in the test code that stand for the program's."""
    nonce: str
    """Known to the test's harness alone."""


@dataclass(frozen=True, slots=True)
class Exec:
    """Execute a program that is among the job's files or on the host; the job itself has no source."""

    argv: tuple[str, ...]
    """The first is the program's path, absolute or below the working folder."""
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Compile:
    """Execute compilers one after the other, as long as they succeed, and answer with what they have made; the answer
    is that of `zygote.builder`. The job has no source: what is compiled is among its files."""

    commands: tuple[tuple[str, ...], ...]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one program."""

    source: str
    action: Stdio | Answers | Tests | Exec | Compile
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Relative paths below the working folder, and their contents."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the candidate may use in one run."""

    time_s: float
    """From the moment its code may run; time in which it was ready to run and the host had no core does not count."""
    memory_mb: int
    output_bytes: int
    """Standard output of `Stdio` and `Exec`, answers of the others."""
    reserved_mb: int | None = None
    """None: `memory_mb` bounds the address space of each process too. Else, for run times that map more than they use,
    no process may have more private memory that it can write to than `memory_mb` and this."""
    stack_mb: int = 8
    processes: int | None = None
    """Processes and threads; None for as many as the settings say, and so with the next."""
    scratch_mb: int | None = None
    """Files in the working folder."""


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
    """`Stdio`, `Exec`: standard output. Else whatever arrived on the result channel; see `judging.answers`."""
    time_s: float = 0.0
    """What the run took of `Limits.time_s`."""
    detail: str = ""
    exit_code: int | None = None
    """None if a signal or we ended it."""


class Runner(Protocol):
    """Runs programs in isolation, several at a time."""

    async def start(self) -> None:
        """Find out what this host can do.

        Raises:
            RuntimeError: it cannot isolate a candidate; the message says what is missing.
        """
        ...

    def slot(self, timeout_s: float, *, patient: bool = False) -> AbstractAsyncContextManager[int]:
        """The right to run jobs, one after the other, for as long as the block lasts.

        Raises:
            NoSlot: its turn did not come within `timeout_s`.
            Overloaded: too many wait, and the caller is not `patient`.
        """
        ...

    async def run(self, job: Job, limits: Limits, slot: int) -> RunResult:
        """Run one job. Cancelling kills all of its processes.

        Raises:
            RunnerUnavailable: the sandbox failed, or the host had no core for the program.
        """
        ...

    def beside(self, slot: int) -> int:
        """A second place, for a run that talks with the one in `slot`."""
        ...

    def describe(self) -> dict[str, Any]:
        """Name of the runner and the isolation in force."""
        ...

    async def close(self) -> None:
        """Kill and reap everything."""
        ...


def frame(message: Ask | Call | dict[str, Any]) -> bytes:
    """A request for a run of `Answers`, or an answer for one of `Tests`, as the harness reads it.

    Raises:
        ValueError: a value in it is nested too deep to be sent.
    """
    if isinstance(message, Ask):
        body = marshal.dumps(("eval", message.expression))
    elif isinstance(message, Call):
        body = marshal.dumps(("call", message.name, message.args, message.kwargs, message.tell_changes))
    else:
        body = marshal.dumps(message)
    return len(body).to_bytes(4, "little") + body
