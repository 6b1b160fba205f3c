"""The `code` grader: find the program, run it on each test's inputs, judge its answers here."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from platform import python_version
from typing import Any

from rlvr.core.verdict import Grade, Outcome, Reason, correct, error, incorrect
from rlvr.verifier.code.extract import NoProgram, Program, extract_program
from rlvr.verifier.code.result import NoValue, parse_result, same_output, same_value
from rlvr.verifier.code.runner import Call, End, Job, Limits, NoSlot, Runner, RunnerUnavailable, RunResult, Stdio
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.spec import CallTest, CodeSpec, StdioTest
from rlvr.verifier.code.tiers import start_runner
from rlvr.verifier.protocol import Graded, InvalidSpec

_Run = Callable[[Job, Limits], Awaitable[RunResult]]
"""Runs a job in the slot that its program has."""

_REASONS = {
    End.COMPILE_ERROR: Reason.COMPILE_ERROR,
    End.FAILED: Reason.RUNTIME_ERROR,
    End.KILLED: Reason.RUNTIME_ERROR,
    End.TIME_LIMIT: Reason.TIME_LIMIT,
    End.MEMORY_LIMIT: Reason.MEMORY_LIMIT,
    End.OUTPUT_LIMIT: Reason.OUTPUT_LIMIT,
}


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a test was not passed."""

    reason: Reason
    detail: str


class CodeGrader:
    """Grades programs; see `AsyncGrader`."""

    name = "code"
    version = "1.0.0"
    spec = CodeSpec

    def __init__(self, settings: CodeSettings | None = None, runner: Runner | None = None) -> None:
        """`runner` is a started one to use instead of that which the settings name."""
        self._settings = settings or CodeSettings()
        self._runner = runner

    @property
    def runner(self) -> Runner:
        """What runs the programs.

        Raises:
            RunnerUnavailable: the grader is not started.
        """
        if self._runner is None:
            raise RunnerUnavailable("the code verifier is not started")
        return self._runner

    async def start(self) -> None:
        """Raises RuntimeError if this host cannot isolate a program."""
        if self._runner is None:
            self._runner = await start_runner(self._settings)

    async def close(self) -> None:
        """Kill and reap everything."""
        if self._runner is not None:
            await self._runner.close()

    def describe(self) -> dict[str, Any]:
        """Languages, and the isolation in force."""
        isolation = self._runner.describe() if self._runner is not None else {"tier": None, "isolation": []}
        return {"languages": ["python"], "python": python_version(), **isolation}

    async def grade(self, completion: str, spec: CodeSpec, timeout_s: float) -> Graded:
        """Grade one completion; see `AsyncGrader`.

        Raises:
            InvalidSpec: there are no tests.
            Overloaded: too many programs wait.
        """
        if not spec.tests:
            raise InvalidSpec("tests: must hold at least one test", reason=Reason.NO_TESTS)
        program = extract_program(completion)
        if isinstance(program, NoProgram):
            return Graded(incorrect(Reason.NO_ANSWER, program.why))
        if len(program.source) > self._settings.source_limit_chars:
            limit = self._settings.source_limit_chars
            return Graded(incorrect(Reason.TOO_LARGE, f"the program is over {limit} characters"))
        asked = time.monotonic()
        queue_s = 0.0
        try:
            runner = self.runner
            async with runner.slot(timeout_s) as slot:
                queue_s = time.monotonic() - asked
                failures = await self._run_tests(program.source, spec, partial(runner.run, slot=slot))
                return Graded(_score(program, failures, spec), queue_s)
        except RunnerUnavailable as unavailable:
            return Graded(error(Reason.SANDBOX_UNAVAILABLE, str(unavailable)), queue_s)
        except NoSlot as late:
            return Graded(error(Reason.QUEUE_TIMEOUT, str(late)), time.monotonic() - asked)

    async def _run_tests(self, source: str, spec: CodeSpec, run: _Run) -> list[_Failure | None]:
        """For each test that was run, in order, why it failed or None."""
        failures: list[_Failure | None] = []
        time_left = self._settings.total_time_s
        for test in spec.tests:
            if time_left <= 0:
                limit = self._settings.total_time_s
                failures.append(_Failure(Reason.TIME_LIMIT, f"all tests together: over {limit:g} s"))
            else:
                limits = self._limits(test, spec, time_left)
                result = await _run_fairly(_job(source, test, spec), limits, run)
                failures.append(_judge(test, result))
                time_left -= result.time_s
            if failures[-1] is not None and spec.scoring == "all":
                break
        return failures

    def _limits(self, test: StdioTest | CallTest, spec: CodeSpec, time_left: float) -> Limits:
        settings = self._settings
        output = settings.output_limit_bytes if isinstance(test, StdioTest) else settings.result_limit_bytes
        return Limits(min(spec.time_limit_s, time_left), spec.memory_limit_mb, output)


async def _run_fairly(job: Job, limits: Limits, run: _Run) -> RunResult:
    """Run a job, and once more if that may have failed through no fault of the candidate's."""
    with suppress(RunnerUnavailable):
        result = await run(job, limits)
        if result.end is not End.KILLED:
            return result
    return await run(job, limits)


def _job(source: str, test: StdioTest | CallTest, spec: CodeSpec) -> Job:
    if isinstance(test, StdioTest):
        return Job(source, Stdio(test.stdin.encode("utf-8", "surrogatepass")))
    assert spec.entry_point is not None  # the spec's validator saw to it
    return Job(source, Call(spec.entry_point, test.args))


def _judge(test: StdioTest | CallTest, result: RunResult) -> _Failure | None:
    """Compare what came out of a run with what the test expects."""
    if result.end is not End.EXITED:
        return _Failure(_REASONS[result.end], result.detail or result.end.replace("_", " "))
    if isinstance(test, StdioTest):
        passed = same_output(result.output, test.stdout)
        return None if passed else _Failure(Reason.TESTS_FAILED, "wrong output")
    answer = parse_result(result.output)
    if isinstance(answer, NoValue):
        return _Failure(Reason.RUNTIME_ERROR, answer.why)
    return None if same_value(answer.value, test.expected) else _Failure(Reason.TESTS_FAILED, "wrong value")


def _score(program: Program, failures: list[_Failure | None], spec: CodeSpec) -> Grade:
    breakdown = {f"test_{index}": float(failure is None) for index, failure in enumerate(failures)}
    first = next(((index, failure) for index, failure in enumerate(failures) if failure), None)
    if first is None:
        return correct(Reason.PASSED, extracted=program.source, detail=program.rule, breakdown=breakdown)
    index, failure = first
    detail = f"test_{index}: {failure.detail}; program: {program.rule}"
    reward = sum(breakdown.values()) / len(spec.tests)
    if spec.scoring == "fraction" and reward > 0:
        reason = Reason.PARTIALLY_PASSED
        return Grade(Outcome.PARTIAL, reason, reward, program.source, breakdown, detail)
    return incorrect(failure.reason, detail, extracted=program.source, breakdown=breakdown)
