"""Attacks on the code verifier as rows: what is done to a grader, and what may be seen of it. Two main kinds:

- *cheats* want a reward for a wrong program, or to hurt the host: they get none, for one of the given reasons;
- *probes* print a line for each thing they can reach that they should not: they must print nothing.

What is seen is a word or two, the same on every tier: `R0 time_limit` (incorrect, and why), `R1 passed`, `INV`
(the spec is refused), `ERR sandbox_unavailable` (our failure, no reward), `blocked`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rlvr.core.verdict import Grade, Outcome, Reason
from rlvr.verifier.code.grader import CodeGrader
from rlvr.verifier.code.runner import End, Job, Limits, Stdio
from rlvr.verifier.code.spec import CodeSpec
from rlvr.verifier.protocol import InvalidSpec
from sandboxes import grade_with, leftovers, new_leftovers, run_with, settled, started

_PROBES = Path(__file__).parent / "unit/verifier/probes"
_HONEST = CodeSpec(tests=[{"type": "call", "args": [1, 2], "expected": 3}], entry_point="add", time_limit_s=20)
_BESIDE = CodeSpec(
    tests=[{"type": "script", "code": "for i in [1]: assert add(i, 1) == 2"}], entry_point="add", time_limit_s=20
)
_LEFT_S = 60


@dataclass(frozen=True)
class Row:
    id: str
    """The row's number in the list of hostile inputs, and words."""
    expected: Iterable[str]
    """What may be seen."""
    run: Callable[[CodeGrader], Awaitable[str]]
    kills: bool = False
    """Whether it takes the runner's own processes away, so that others serve the next program."""
    not_on: Mapping[str, str] = field(default_factory=dict)
    """Tier -> why this row says nothing there."""

    @property
    def number(self) -> str:
        return self.id.partition(" ")[0]


def spec_of(spec: dict[str, Any]) -> CodeSpec:
    return CodeSpec(**spec)


def graded(grade: Grade) -> str:
    """What is seen of a grade."""
    if grade.outcome is Outcome.ERROR:
        return f"ERR {grade.reason}"
    return f"R{grade.reward:g} {grade.reason}"


def answered(output: bytes, expected: bytes) -> str:
    return "blocked" if output == expected else f"REACHED {output[:200]!r}"


def cheat(id: str, source: str, spec: dict[str, Any], reasons: set[Reason]) -> Row:
    """A program that must score nothing, for one of some reasons."""
    return _program(id, source, spec, {f"R0 {reason}" for reason in reasons})


def fair(id: str, source: str, spec: dict[str, Any]) -> Row:
    """A right program, whatever else it does."""
    return _program(id, source, spec, {"R1 passed"})


def invalid(id: str, source: str, spec: dict[str, Any]) -> Row:
    """A spec that can tell nothing."""
    return _program(id, source, spec, {"INV"})


def _program(id: str, source: str, spec: dict[str, Any], expected: set[str]) -> Row:
    async def run(grader: CodeGrader) -> str:
        try:
            return graded(await grade_with(grader, source, spec_of(spec)))
        except (InvalidSpec, ValidationError):
            return "INV"

    return Row(id, expected, run)


def probe(id: str, name: str, stdin: str = "", listens: bool = False, not_on: Mapping[str, str] | None = None) -> Row:
    """A program of `probes`; one that `listens` reads the port of a server of ours."""

    async def run(grader: CodeGrader) -> str:
        with socket.create_server(("127.0.0.1", 0)) as server:
            given = str(server.getsockname()[1]) if listens else stdin
            result = await run_with(grader, Job(_text(name), Stdio(given.encode())), Limits(20, 512, 100_000))
        return answered(result.output, b"") if result.end is End.EXITED else f"{result.end} {result.detail}"

    return Row(id, {"blocked"}, run, not_on=not_on or {})


def _text(name: str) -> str:
    """The program of a probe; those that make system calls begin with what they share."""
    shared = (_PROBES / "kernel_calls.py").read_text() if name in ("c21_processes", "c22_kernel") else ""
    return shared + (_PROBES / f"{name}.py").read_text()


@contextlib.asynccontextmanager
async def attacked(tier: str) -> AsyncIterator[CodeGrader]:
    """A grader to attack, with all its zygotes warm: a test that is run beside its program has one of its own."""
    async with started(tier, concurrency=1) as grader:
        grade = await grade_with(grader, "def add(a, b): return a + b", _BESIDE)
        assert grade.outcome is Outcome.CORRECT, grade
        yield grader


async def observe(row: Row, grader: CodeGrader) -> str:
    """Run a row and say what is seen. Raises AssertionError if the next program or the host notices it."""
    async with _nothing_left_in(grader, row.kills):
        return await row.run(grader)


@contextlib.asynccontextmanager
async def _nothing_left_in(grader: CodeGrader, kills: bool):
    """What the block started is gone, and the next program is served as if it had not been, by the same zygote."""
    await settled(grader)
    before = leftovers()
    served = _served_by(grader)
    yield
    grade = await grade_with(grader, "def add(a, b): return a + b", _HONEST)
    assert grade.outcome is Outcome.CORRECT, grade
    assert kills or _served_by(grader) == served, "the zygotes did not survive"
    await settled(grader)
    deadline = asyncio.get_running_loop().time() + _LEFT_S
    while left := new_leftovers(before):
        assert asyncio.get_running_loop().time() < deadline, f"left over: {left}"
        await asyncio.sleep(0.02)


def _served_by(grader: CodeGrader) -> dict[int, Any]:
    return dict(getattr(grader.runner, "_zygotes", {}))
