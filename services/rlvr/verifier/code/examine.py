"""One test of one program: the runs that it takes, each once more if it failed through no fault of the program's."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from rlvr.core.verdict import Reason
from rlvr.verifier.code.attempts import run_once, run_or_again
from rlvr.verifier.code.judging.answers import NoValue, parse_answers
from rlvr.verifier.code.judging.assertions import Assertions, BadTest
from rlvr.verifier.code.judging.checker import CHECKER_ARGUMENTS, checker_files, says, verdict_without_one
from rlvr.verifier.code.judging.failure import Failure, broken_run, failed
from rlvr.verifier.code.judging.output import same_output
from rlvr.verifier.code.judging.plan import Proxied, plan
from rlvr.verifier.code.judging.values import same_value
from rlvr.verifier.code.programs import Program, Programs
from rlvr.verifier.code.relay import ProgramKilled, Relay
from rlvr.verifier.code.runner import (
    ENTRY,
    Answers,
    Ask,
    Call,
    Job,
    Limits,
    Runner,
    RunnerUnavailable,
    RunResult,
)
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.spec import AssertTest, CallTest, Checker, CodeSpec, ScriptTest, StdioTest

Test = StdioTest | CallTest | AssertTest | ScriptTest
Outcome = tuple[Failure | None, float]
"""Why the test was not passed, and the program's time in seconds."""
_CHECKER_MEMORY_MB = 1024
_CHECKER_OUTPUT_BYTES = 2**20


def plan_of(test: AssertTest | ScriptTest, spec: CodeSpec) -> Assertions | Proxied:
    """How a test is run. Raises BadTest."""
    return plan(test.code, test.setup if isinstance(test, AssertTest) else "", spec.entry_point)


@dataclass(frozen=True, slots=True)
class Examination:
    """A program in its slot, and the tests' common terms."""

    source: str
    program: Program
    """Made of the source."""
    files: Mapping[str, bytes]
    """Beside it."""
    spec: CodeSpec
    programs: Programs
    runner: Runner
    slot: int
    settings: CodeSettings

    async def examine(self, test: Test, time_left_s: float) -> Outcome:
        """Run one test, as often as the spec says. `time_left_s` is what is left of the time for all tests.

        Raises:
            BadTest: it can tell nothing of this program.
            RunnerUnavailable: the sandbox failed twice.
        """
        taken_s = 0.0
        for number in range(self.spec.runs):
            if taken_s >= time_left_s:
                limit = self.settings.total_time_s
                return Failure(Reason.TIME_LIMIT, f"all tests together: over {limit:g} s"), taken_s
            failure, time_s = await self._once(test, time_left_s - taken_s)
            taken_s += time_s
            if failure is not None:
                return replace(failure, unsteady=number > 0), taken_s
        return None, taken_s

    async def _once(self, test: Test, time_left_s: float) -> Outcome:
        printed = isinstance(test, StdioTest)
        output_bytes = self.settings.output_limit_bytes if printed else self.settings.result_limit_bytes
        limits = Limits(min(self.spec.time_limit_s, time_left_s), self.spec.memory_limit_mb, output_bytes)
        if isinstance(test, StdioTest):
            return await self._printed(test, limits)
        if isinstance(test, CallTest):
            return await self._returned(test, limits)
        planned = plan_of(test, self.spec)
        setup = test.setup if isinstance(test, AssertTest) else ""
        if isinstance(planned, Assertions):
            return await self._asserted(planned, setup, limits)
        in_place = isinstance(test, ScriptTest) and test.in_place
        return await self._proxied(planned, setup, in_place, limits)

    async def _printed(self, test: StdioTest, limits: Limits) -> Outcome:
        result = await self._run(*self.program.run(_bytes(test.stdin), self.files, limits))
        failure = broken_run(result)
        if failure is None and self.spec.checker is not None:
            failure = await self._check(self.spec.checker, test, result.output)
        elif failure is None:
            same = same_output(result.output, test.stdout, self.spec.compare, self.spec.printed_tolerance)
            failure = None if same else failed("wrong output")
        return failure, result.time_s

    async def _check(self, checker: Checker, test: StdioTest, output: bytes) -> Failure | None:
        limits = Limits(checker.time_limit_s, max(_CHECKER_MEMORY_MB, self.spec.memory_limit_mb), _CHECKER_OUTPUT_BYTES)
        stdin, expected = _bytes(test.stdin), _bytes(test.stdout)
        program = await self.programs.prepare(checker.language, checker.code, {}, self.slot)
        if isinstance(program, Failure):
            raise BadTest(f"the checker does not compile: {program.detail}")

        async def run(printed: bytes) -> RunResult:
            beside = checker_files(stdin, printed, expected)
            return await self._run(*program.run(printed, beside, limits, CHECKER_ARGUMENTS))

        result = await run(output)
        accepts = says(result)
        if accepts is None:
            if not verdict_without_one(await run(expected)):
                end = result.end.replace("_", " ")
                raise BadTest(f"the checker gives no verdict ({end}, {result.detail}), nor on the expected output")
            return failed("the checker cannot read the output")
        return None if accepts else failed("the checker rejects the output")

    async def _returned(self, test: CallTest, limits: Limits) -> Outcome:
        action = Answers((Call(ENTRY, test.args),), self.spec.entry_point)
        result = await self._run(Job(self.source, action, self.files), limits)
        failure = broken_run(result)
        if failure is None:
            (answer,) = parse_answers(result.output, 1)
            if isinstance(answer, NoValue):
                failure = Failure(Reason.RUNTIME_ERROR, answer.why)
            elif answer.is_iterated:
                failure = failed("returned something to iterate over, and not a list")
            elif not same_value(answer.value, test.expected, self.spec.returned_tolerance):
                failure = failed("wrong value")
        return failure, result.time_s

    async def _asserted(self, assertions: Assertions, setup: str, limits: Limits) -> Outcome:
        action = Answers(tuple(map(Ask, assertions.requests)), self.spec.entry_point, setup)
        result = await self._run(Job(self.source, action, self.files), limits)
        failure = broken_run(result)
        if failure is None:
            failure = assertions.judge(parse_answers(result.output, len(assertions.requests), assertions.nan))
        return failure, result.time_s

    async def _proxied(self, tests: Proxied, setup: str, in_place: bool, limits: Limits) -> Outcome:
        whole = replace(limits, output_bytes=self.settings.output_limit_bytes)
        relay = Relay(self.source, self.files, self.spec.entry_point, setup, in_place, whole, limits.output_bytes)
        start_program = partial(run_once, self.runner, slot=self.slot)
        start_tests = partial(run_once, self.runner, slot=self.runner.beside(self.slot))

        async def judge() -> Failure | None:
            return await relay.judge(tests, start_program, start_tests)

        begin = time.monotonic()
        try:
            failure = await _twice(judge)
        except ProgramKilled as killed:
            failure = Failure(Reason.RUNTIME_ERROR, str(killed))
        return failure, time.monotonic() - begin

    async def _run(self, job: Job, limits: Limits) -> RunResult:
        return await run_or_again(self.runner, job, limits, self.slot)


async def _twice(attempt: Callable[[], Awaitable[Failure | None]]) -> Failure | None:
    with suppress(RunnerUnavailable, ProgramKilled):
        return await attempt()
    return await attempt()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
