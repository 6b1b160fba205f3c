"""Several boxes that are the items of one list, and what stands beside a box."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlvr.core.verdict import Reason
from rlvr.verifier.math import MathGrader, MathSpec

GRADER = MathGrader()


def reward(gold: str | list[str], completion: str) -> float:
    return GRADER.judge(completion, GRADER.prepare(MathSpec(answer=gold))).reward


@pytest.mark.parametrize(
    ("gold", "completion"),
    [
        ("-2, 1", r"Therefore, the answers are $\boxed{-2}$ and $\boxed{1}$."),
        ("-2, 1", r"$\boxed{1}$ and $\boxed{-2}$"), (r"\{-2,1\}", r"$\boxed{1}$ and $\boxed{-2}$"),
        ("41,42,43", r"\boxed{41}\boxed{42}\boxed{43}"), ("-2, 1", r"\boxed{-2} \boxed{1} \boxed{1.0}"),
        ("-2, 1", r"\boxed{-2} \boxed{1}, so \boxed{-2, 1}"), ("(1,2),(3,4)", r"\boxed{(1,2)} and \boxed{(3,4)}"),
        ("x=3,y=4", r"\boxed{x=3}, \boxed{y=4}"), ("(x,y)=(3,4)", r"\boxed{x=3}, \boxed{y=4}"),
        ("(x,y)=(3,4)", r"\boxed{y=4}, \boxed{x=3}"), (["7", "-2, 1"], r"\boxed{-2} \boxed{1}"),
    ],
)  # fmt: skip
def test_the_items_of_a_list_may_be_boxed_one_by_one(gold: str | list[str], completion: str) -> None:
    assert reward(gold, completion) == 1


@pytest.mark.parametrize(
    ("gold", "completion"),
    [
        ("42", r"\boxed{41}\boxed{42}\boxed{43}"), ("41,42", r"\boxed{41}\boxed{42}\boxed{43}"),
        ("41,42", r"\boxed{41}\boxed{43}"), ("41,42,43", r"\boxed{41}\boxed{42}"),
        ("41,42,43", r"\boxed{41,42}\boxed{43}"), ("(1,2)", r"\boxed{1}\boxed{2}"),
        (["41", "42"], r"\boxed{41}\boxed{42}"), ("x=3,y=4", r"\boxed{x=4}, \boxed{y=3}"),
        ("x=3,y=4", r"\boxed{4}, \boxed{3}"), ("-2,1", r"\boxed{-2} \boxed{1} The answer is 3"),
        ("-2,1", r"\boxed{-2} \boxed{1} \boxed{??}"), ("-2,1", r"\boxed{-2} \boxed{2}, so \boxed{-2,1}"),
        ("1", r"\boxed{-2} \boxed{1}, so \boxed{-2,1}"), ("-2,1", "The answer is -2. The answer is 1."),
        ("-2,1", "<answer>-2</answer><answer>1</answer>"),
    ],
)  # fmt: skip
def test_boxes_that_are_not_exactly_the_items_are_a_conflict(gold: str | list[str], completion: str) -> None:
    grade = GRADER.judge(completion, GRADER.prepare(MathSpec(answer=gold)))
    assert (grade.reward, grade.reason) in [(0, Reason.CONFLICTING_ANSWERS), (0, Reason.NOT_EQUIVALENT)]


def test_every_choice_of_boxes_is_right_for_at_most_one_gold_list() -> None:
    golds = ["1", "2", "3", "1,2", "1,3", "2,3", "1,2,3", "(1,2)", "(2,1)", "(1,2,3)"]
    for boxes in (
        r"\boxed{1}\boxed{2}",
        r"\boxed{2}\boxed{1}",
        r"\boxed{1}\boxed{2}\boxed{3}",
        r"\boxed{1,2}\boxed{3}",
    ):
        assert sum(reward(gold, boxes) for gold in golds) <= 1


@pytest.mark.parametrize(
    ("gold", "completion", "right"),
    [
        ("5 m", r"$\boxed{5}$ meters", 1), ("5 m", r"$\boxed{5}$ km", 0), ("5 m", r"\boxed{5}\text{ km}", 0),
        ("5 m", r"\boxed{5}", 1), ("5 m", r"\boxed{5\text{ m}} meters", 1), ("5", r"\boxed{5} is the answer.", 1),
        ("5", r"\boxed{5}$ apples", 1), ("5 m", r"\boxed{5} years later", 0), ("5 in", r"\boxed{5} in.", 1),
        ("5", r"\boxed{5} in total", 1), ("5 m", r"$\boxed{5}$ in all", 1), ("5 m/s", r"\boxed{5} km/h", 0),
        (r"5\text{ cm}^2", r"\boxed{5} square cm", 1), ("5 m", r"\boxed{5} A check shows it", 1),
        ("5 ft^2", r"$\boxed{5}$ square feet", 1), ("0.5", r"\boxed{50}\%", 1), (r"50\%", r"$\boxed{50}\%$", 1),
        (r"45^\circ", r"$\boxed{45}^\circ$", 1), ("-5", r"$x = -\boxed{5}$", 1), ("5", r"$x = -\boxed{5}$", 0),
        ("5", r"$10 - \boxed{5}$", 1), ("5", "- $\\boxed{5}$", 1), ("1/2", r"\boxed{\frac12} or 0.5", 1),
        ("1/2", r"$\boxed\frac12$", 1), ("-3/2", r"$= -\boxed{\frac{3}{2}}$", 1),
    ],
)  # fmt: skip
def test_a_unit_or_a_sign_beside_the_box_belongs_to_the_answer(gold: str, completion: str, right: int) -> None:
    assert reward(gold, completion) == right


@pytest.mark.shared
def test_the_reference_solution_that_boxes_two_elements_gives_the_whole_list(shared_data: Path) -> None:
    lines = (shared_data / "math_solutions.jsonl").read_text().splitlines()
    solution = next(row["solution"] for row in map(json.loads, lines) if row["id"] == "math-414")
    assert [reward(gold, solution) for gold in ("-2, 1", "-2", "1", "(-2, 1)", "-2, 1, 3")] == [1, 0, 0, 0, 0]


def test_named_steps_before_the_last_box_are_no_conflict() -> None:
    gold = GRADER.prepare(MathSpec(answer="10"))
    steps = r"First \boxed{x = 4}, then \boxed{y = 6}, "
    assert GRADER.judge(steps + r"so the sum is \boxed{10}.", gold).reward == 1
    assert GRADER.judge(steps + r"so the sum is \boxed{11}.", gold).reward == 0
    assert GRADER.judge(r"\boxed{x = 10}, \boxed{y = 6}, \boxed{11}", gold).reward == 0
    assert GRADER.judge(r"\boxed{x = 9}, \boxed{x = 10}, \boxed{10}", gold).reason is Reason.CONFLICTING_ANSWERS
