"""The `code` grader: find the program, run it on each test's inputs, judge its answers here."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from rlvr.core import metrics
from rlvr.core.verdict import Grade, Outcome, Reason, correct, error, incorrect
from rlvr.verifier.code.examine import Examination, plan_of
from rlvr.verifier.code.extract import NoProgram, Program, extract_program, joined
from rlvr.verifier.code.judging.assertions import BadTest
from rlvr.verifier.code.judging.failure import Failure
from rlvr.verifier.code.programs import Programs, find_toolchains, folders_of
from rlvr.verifier.code.runner import NoSlot, Runner, RunnerUnavailable
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.spec import AssertTest, CodeSpec, ScriptTest
from rlvr.verifier.code.tiers import start_runner
from rlvr.verifier.protocol import Graded, InvalidSpec


class CodeGrader:
    """Grades programs; see `AsyncGrader`."""

    name = "code"
    version = "2.0.0"
    spec = CodeSpec

    def __init__(self, settings: CodeSettings | None = None, runner: Runner | None = None) -> None:
        """`runner` is a started one to use instead of that which the settings name; until `start`, for Python only."""
        self._settings = settings or CodeSettings()
        self._runner = runner
        self._programs = Programs(runner, self._settings, {}) if runner is not None else None

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
        toolchains = await asyncio.to_thread(find_toolchains, self._settings)
        if self._runner is None:
            self._runner = await start_runner(self._settings, folders_of(toolchains))
        self._programs = Programs(self._runner, self._settings, toolchains)
        await self._programs.start()
        metrics.SANDBOX_SLOTS.labels(self._runner.describe()["tier"]).set(self._settings.concurrency)

    async def close(self) -> None:
        """Kill and reap everything."""
        if self._runner is not None:
            await self._runner.close()

    def describe(self) -> dict[str, Any]:
        """Languages, how many programs run at a time, and the isolation in force."""
        isolation = self._runner.describe() if self._runner is not None else {"tier": None, "isolation": []}
        languages = self._programs.describe() if self._programs is not None else {}
        runs = {"concurrency": self._settings.concurrency, "max_queue": self._settings.max_queue}
        return {"languages": languages, **runs, **isolation}

    async def grade(self, completion: str, spec: CodeSpec, timeout_s: float, *, patient: bool = False) -> Graded:
        """Grade one completion; see `AsyncGrader`.

        Raises:
            InvalidSpec: there are no tests.
            Overloaded: too many programs wait, and the caller is not `patient`.
        """
        _refuse_bad_tests(spec)
        program = extract_program(completion, spec.language, spec.entry_point, spec.blocks)
        if isinstance(program, NoProgram):
            return Graded(incorrect(Reason.NO_ANSWER, program.why))
        if len(program.source) > self._settings.source_limit_chars:
            limit = self._settings.source_limit_chars
            return Graded(incorrect(Reason.TOO_LARGE, f"the program is over {limit} characters"))
        asked = time.monotonic()
        queue_s = 0.0
        try:
            runner = self.runner
            async with runner.slot(timeout_s, patient=patient) as slot:
                queue_s = time.monotonic() - asked
                failures = await self._failures_of(program.source, spec, runner, slot)
                return Graded(_score(program, failures, spec), queue_s)
        except RunnerUnavailable as unavailable:
            return Graded(error(Reason.SANDBOX_UNAVAILABLE, str(unavailable)), queue_s)
        except NoSlot as late:
            return Graded(error(Reason.QUEUE_TIMEOUT, str(late)), time.monotonic() - asked)

    async def _failures_of(self, source: str, spec: CodeSpec, runner: Runner, slot: int) -> list[Failure | None]:
        if self._programs is None:
            raise RunnerUnavailable("the code verifier is not started")
        source = joined([spec.preamble, source]) if spec.preamble else source
        files = {name: text.encode("utf-8", "surrogatepass") for name, text in spec.files.items()}
        program = await self._programs.prepare(spec.language, source, files, slot)
        if isinstance(program, Failure):
            return [program] * (1 if spec.scoring == "all" else len(spec.all_tests()))
        return await self._failures(
            Examination(source, program, files, spec, self._programs, runner, slot, self._settings)
        )

    async def _failures(self, examination: Examination) -> list[Failure | None]:
        """For each test that was run, in order, why it was not passed or None."""
        failures: list[Failure | None] = []
        time_left = self._settings.total_time_s
        for index, test in enumerate(examination.spec.all_tests()):
            try:
                failure, time_s = await examination.examine(test, time_left)
            except BadTest as bad:
                raise InvalidSpec(f"tests[{index}]: {bad}") from None
            failures.append(failure)
            time_left -= time_s
            if failures[-1] is not None and examination.spec.scoring == "all":
                break
        return failures


def _refuse_bad_tests(spec: CodeSpec) -> None:
    """Raises InvalidSpec if there are no tests, or one of them can be seen to tell nothing."""
    tests = spec.all_tests()
    if not tests:
        raise InvalidSpec("tests: must hold at least one test", reason=Reason.NO_TESTS)
    for index, test in enumerate(tests):
        if isinstance(test, AssertTest | ScriptTest):
            try:
                plan_of(test, spec)
            except BadTest as bad:
                raise InvalidSpec(f"tests[{index}]: {bad}") from None


def _score(program: Program, failures: list[Failure | None], spec: CodeSpec) -> Grade:
    breakdown = {f"test_{index}": float(failure is None) for index, failure in enumerate(failures)}
    reward = sum(breakdown.values()) / len(spec.all_tests())
    if unsteady := sum(failure.unsteady for failure in failures if failure):
        breakdown["unsteady"] = float(unsteady)
    first = next(((index, failure) for index, failure in enumerate(failures) if failure), None)
    if first is None:
        return correct(Reason.PASSED, extracted=program.source, detail=program.rule, breakdown=breakdown)
    index, failure = first
    detail = f"test_{index}: {failure.detail}; program: {program.rule}"
    if spec.scoring == "fraction" and reward > 0:
        reason = Reason.PARTIALLY_PASSED
        return Grade(Outcome.PARTIAL, reason, reward, program.source, breakdown, detail)
    return incorrect(failure.reason, detail, extracted=program.source, breakdown=breakdown)
