"""Public data sets: right programs pass, and nothing that only wants to pass does.

Every reference solution, and the battery of wrong programs on a sample of tasks; `RLVR_TEST_ALL_TASKS=1` takes all.
"""

import asyncio
import os

import pytest

from code_exploits import battery
from code_tasks import DATA, humaneval, mbpp
from rlvr.core.verdict import Outcome
from rlvr.verifier.code.examine import plan_of
from rlvr.verifier.code.grader import CodeGrader
from rlvr.verifier.code.judging.assertions import Assertions

STEP = 1 if os.environ.get("RLVR_TEST_ALL_TASKS") else 8
WAIT_S = 3600
WRONG_TIME_LIMIT_S = 3
"""Some wrong programs wait for what never comes."""
WEAK_TESTS = {
    ("HumanEval/34", "first test by heart"): "it has one test only",
    ("MBPP/37", "first test by heart"): "its three tests are the same call",
    ("MBPP/899", "harness patched"): "all its answers are True",
}
"""Disputed: what these tests cannot tell from a right program."""
NOT_CUT = {"HumanEval/32", "HumanEval/38", "HumanEval/44", "HumanEval/50"}
"""Loops over inputs that the test makes as it goes."""

pytestmark = [
    pytest.mark.shared,
    pytest.mark.timeout(WAIT_S if STEP == 1 else 300),
    pytest.mark.skipif(not DATA.is_dir(), reason="no shared data here"),
]


@pytest.fixture
async def grader():
    grader = CodeGrader()
    await grader.start()
    yield grader
    await grader.close()


async def grade_all(grader, programs):
    """Grades of (source, spec) pairs."""
    graded = await asyncio.gather(
        *(grader.grade(f"```python\n{source}\n```", spec, WAIT_S) for source, spec in programs)
    )
    return [each.grade for each in graded]


def sample(tasks):
    tasks = list(tasks)
    needed = [task for task in tasks if task.name in NOT_CUT]
    return needed + [task for task in tasks[::STEP] if task not in needed]


@pytest.mark.parametrize("tasks", [humaneval, mbpp])
async def test_every_reference_solution_is_accepted(grader, tasks):
    chosen = list(tasks())
    grades = await grade_all(grader, [(task.solution, task.spec) for task in chosen])
    wrong = {
        task.name: grade.detail
        for task, grade in zip(chosen, grades, strict=True)
        if grade.outcome is not Outcome.CORRECT
    }
    assert wrong == {}


@pytest.mark.parametrize("tasks", [humaneval, mbpp])
async def test_no_exploit_or_mutant_is_rewarded(grader, tasks):
    rewarded = set()
    for task in sample(tasks()):
        programs = battery(task.spec.entry_point, task.solution, task.visible)
        assert len(programs) >= 12
        spec = task.spec.model_copy(update={"time_limit_s": WRONG_TIME_LIMIT_S})
        grades = await grade_all(grader, [(source, spec) for source in programs.values()])
        rewarded |= {(task.name, name) for name, grade in zip(programs, grades, strict=True) if grade.reward != 0.0}
    assert rewarded <= WEAK_TESTS.keys()


def test_all_but_four_tests_are_cut_into_requests_and_a_judgement():
    tests = [(task, test) for tasks in (humaneval(), mbpp()) for task in tasks for test in task.spec.all_tests()]
    run = {task.name for task, test in tests if not isinstance(plan_of(test, task.spec), Assertions)}
    assert run == NOT_CUT


def test_no_request_holds_what_is_expected():
    for task in [*humaneval(), *mbpp()]:
        for test in task.spec.all_tests():
            planned = plan_of(test, task.spec)
            if isinstance(planned, Assertions):
                for request in planned.requests:
                    assert request.startswith((f"{task.spec.entry_point}(", "__entry__(")) and "assert" not in request
