"""A test that has to be run: the test code in one jailed process, the program in another, and values between them.

    tests --ask--> room --call--> program        the program starts with the first ask
    tests <--value-- room <--answer-- program
    tests --end, nonce--> room

The test's process holds no line of the candidate's, and the program sees arguments. Both share the test's time
limit: the program's clock runs from its start to the end of the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from rlvr.core.verdict import Reason
from rlvr.verifier.code.judging.answers import NoValue, Value, parse_answer
from rlvr.verifier.code.judging.assertions import BadTest
from rlvr.verifier.code.judging.failure import Failure, broken_run, failed
from rlvr.verifier.code.judging.plan import Proxied
from rlvr.verifier.code.judging.values import NotValues, decode_line
from rlvr.verifier.code.runner import Answers, Call, End, Job, Limits, RunnerUnavailable, RunResult, Tests, frame

Start = Callable[[Job, Limits], Coroutine[Any, Any, RunResult]]
_TEST_PATIENCE = 4
"""Time limits that the test's process has: it starts first and waits for a program that may wait for a core."""


class Talk:
    """A `Line` of whole lines, with the run at its other end."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()
        self._parts: list[bytes] = []
        """Of the line that has not ended."""
        self._write: asyncio.Future[Callable[[bytes], None]] = asyncio.get_running_loop().create_future()
        self.run: asyncio.Task[RunResult] | None = None

    def connected(self, write: Callable[[bytes], None]) -> None:
        """See `Line`."""
        self._write.set_result(write)

    def heard(self, data: bytes) -> None:
        """See `Line`."""
        first, *more = data.split(b"\n")
        self._parts.append(first)
        for part in more:
            self._lines.put_nowait(b"".join(self._parts))
            self._parts = [part]

    async def say(self, message: Call | dict[str, Any]) -> None:
        """Send one message, once the run can be. Raises ValueError: it is nested too deep."""
        data = frame(message)
        assert self.run is not None
        either: set[asyncio.Future[Any]] = {self._write, self.run}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._write.done():
            self._write.result()(data)

    async def next_line(self, other: asyncio.Task[RunResult] | None = None) -> bytes | None:
        """The next line; None once the run, or the other one, has ended without one."""
        assert self.run is not None
        line = asyncio.ensure_future(self._lines.get())
        any_of: set[asyncio.Future[Any]] = {line, self.run} | ({other} if other else set())
        await asyncio.wait(any_of, return_when=asyncio.FIRST_COMPLETED)
        if line.done():
            return line.result()
        line.cancel()
        return self._lines.get_nowait() if not self._lines.empty() else None

    @property
    def has_more(self) -> bool:
        """Whether a line has come that nobody has read."""
        return not self._lines.empty()


class ProgramKilled(Exception):
    """By a SIGKILL that is not ours; see `End.KILLED`."""


@dataclass(frozen=True, slots=True)
class Relay:
    """One test and one program."""

    program: str
    files: Mapping[str, bytes]
    entry_point: str | None
    setup: str
    in_place: bool
    """Whether the test sees what the program makes of its arguments."""
    limits: Limits
    answer_bytes: int
    """What one call may return; `limits.output_bytes` is for all of them."""

    async def judge(self, tests: Proxied, start_program: Start, start_tests: Start) -> Failure | None:
        """Run both; why the test was not passed, or None.

        Raises:
            BadTest: the test fails before the program has any part in it.
            ProgramKilled: the program killed itself or was killed from outside.
            RunnerUnavailable: the sandbox failed.
        """
        nonce = secrets.token_hex(16)
        async with _talk() as examiner, _talk() as program:
            limits = Limits(
                self.limits.time_s * _TEST_PATIENCE + 5, max(self.limits.memory_mb, 512), self.limits.output_bytes
            )
            examiner.run = asyncio.create_task(
                start_tests(Job(tests.code, Tests(examiner, tests.called, nonce)), limits)
            )
            why = ""
            while (line := await _next_of_test(examiner, program)) is not None:
                try:
                    message = decode_line(line)
                except NotValues:
                    what = "calls the program with what cannot be passed on"
                    if program.run is not None:  # it may be made of what the program has returned
                        return failed(f"the test code {what}")
                    raise BadTest(f"it {what}") from None
                if message.get("end") == nonce:
                    return _verdict(message["how"], message["what"], program.run is not None, why)
                if program.run is None:
                    action = Answers(program, self.entry_point, self.setup)
                    program.run = asyncio.create_task(start_program(Job(self.program, action, self.files), self.limits))
                answer = await self._answer(message["ask"], program, tests.nan)
                if isinstance(answer, Failure):
                    return answer
                if isinstance(answer, NoValue) and not answer.raised:
                    return Failure(Reason.RUNTIME_ERROR, answer.why)
                why = answer.why if isinstance(answer, NoValue) else why
                try:
                    await examiner.say(_reply(answer))
                except ValueError:
                    return failed("returned a value that is nested too deep")
            return _ended(examiner.run, program.run)

    async def _answer(self, ask: list[Any], program: Talk, nan: bool) -> Value | NoValue | Failure:
        name, args, kwargs = ask
        assert program.run is not None
        if program.has_more:
            return Failure(Reason.RUNTIME_ERROR, "the program answered what it was not asked")
        try:
            await program.say(Call(name, args, kwargs, tell_changes=self.in_place))
        except ValueError:
            raise BadTest("it calls the program with a value that is nested too deep") from None
        line = await program.next_line()
        if line is None:
            return _program_ended(await program.run)
        if len(line) > self.answer_bytes:
            return Failure(Reason.OUTPUT_LIMIT, f"one call returned over {self.answer_bytes} bytes")
        return parse_answer(line, nan)


@contextlib.asynccontextmanager
async def _talk() -> AsyncIterator[Talk]:
    """A talk whose run, if it began, is killed at the end of the block."""
    talk = Talk()
    try:
        yield talk
    finally:
        if talk.run is not None:
            talk.run.cancel()
            await asyncio.gather(talk.run, return_exceptions=True)


async def _next_of_test(examiner: Talk, program: Talk) -> bytes | None:
    """The test's next line, None if it or the program has ended instead. A program that has ended within its limits is
    missed only when it is asked again, so that no verdict depends on which of the two was faster."""
    line = await examiner.next_line(program.run)
    if line is not None or program.run is None or not program.run.done():
        return line
    within_limits = program.run.result().end in (End.EXITED, End.FAILED, End.KILLED)
    return await examiner.next_line() if within_limits else None


def _reply(answer: Value | NoValue) -> dict[str, Any]:
    if isinstance(answer, NoValue):
        return {"raised": answer.raised}
    return {"items" if answer.is_iterated else "value": answer.value, "args": answer.args}


def _program_ended(result: RunResult) -> Failure:
    if result.end is End.KILLED:
        raise ProgramKilled(result.detail)
    return broken_run(result) or Failure(Reason.RUNTIME_ERROR, "the process ended without an answer")


def _ended(examiner: asyncio.Task[RunResult], program: asyncio.Task[RunResult] | None) -> Failure:
    """One of the two ended before the verdict."""
    if program is not None and program.done():
        return _program_ended(program.result())
    result = examiner.result()
    if result.end is End.KILLED:
        raise RunnerUnavailable(f"the test: {result.detail}")
    what = result.end.replace("_", " ") if result.end is not End.EXITED else "no verdict"
    if program is None:
        raise BadTest(f"it ends with {what} before it calls the program")
    return failed(f"the test code ended with {what} on what the program returned")


def _verdict(how: str, what: str, called: bool, why: str) -> Failure | None:
    if how == "not_passed":
        raise BadTest(f"it calls the program with a value of type {what}, which cannot be passed to another process")
    if how == "no_module":
        raise BadTest("it imports a module that is not here")
    if not called:
        raise BadTest("it never calls the program" if how == "passed" else "it fails before it calls the program")
    if how == "passed":
        return None
    if how == "failed":
        return failed("an assertion does not hold")
    return Failure(Reason.RUNTIME_ERROR, why) if why else failed(f"the test code raised {what}")
