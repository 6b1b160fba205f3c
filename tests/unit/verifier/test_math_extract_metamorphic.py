"""What may stand around an answer without changing its verdict, and what never gives a second try."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rlvr.core.verdict import Reason
from rlvr.verifier.math import MathGrader, MathSpec

GRADER = MathGrader()
DIGITS = [GRADER.prepare(MathSpec(answer=str(digit))) for digit in range(10)]
FORTY_TWO = GRADER.prepare(MathSpec(answer="42"))

BEFORE = st.sampled_from(
    [
        "",
        "We multiply six by seven.\n",
        "Step 1: 6 * 7 = 42.\n\n",
        "Let $x$ be it.\n\n",
        "## Solution\n\n",
        "First, 3 + 4 = 7. ",
    ]
)
AFTER_A_BOX = st.sampled_from(
    [
        "",
        ".",
        " ",
        "\n\n",
        "\n\nThank you",
        ". Let me know if it helps!",
        "\n\nThis uses 2 steps.",
        "<|im_end|>",
        " as required.",
    ]
)
VALUES = st.sampled_from(["42", "42.0", "41", r"\frac{84}{2}", "x = 42", "40+2", "042", "1,042", r"\text{none}"])
MARKED = st.sampled_from(
    [r"\boxed{%s}", r"$\boxed{%s}$", "<answer>%s</answer>", "The final answer is $%s$", r"\[\boxed{ %s }\]"]
)
STATED = st.sampled_from(["The answer is %s", "Answer: %s", "So the answer must be %s", "### Answer\n\n%s", "答案是%s"])
DRESSED = st.sampled_from(["%s", "$%s$", "**%s**", "**$%s$**", " %s ", "%s.", "$%s$.", "\n%s", r"\(%s\)", "$$%s$$"])
FRAGMENTS = st.sampled_from(
    [
        r"\boxed{%d}", r"\boxed{\text{not }%d}", "The answer is %d.", "The answer is not %d.", "<answer>%d</answer>",
        "The final answer is %d.", "It is %d.", "Wait, that's wrong.", "Scratch that.", "or %d", "(or %d)", "maybe %d",
        "not", "```\n%d\n```", "<think>%d</think>", "<think>", "</think>", "<!-- %d -->", "~~%d~~", "\n", "#### %d",
        "\n- %d", "%d, %d", "{%d, %d}", r"\boxed{%d, %d}", r"\boxed{%d or %d}", "Actually,", "if", "The sum is %d.",
        "e.g.", "\nA: %d", "x = %d", "答案是%d。", "### Answer\n%d\n", "-", r"\cancel{%d}", "%d is the answer.", "?",
        "=", "The answer is %d (or %d).", "$%d$",
    ]
)  # fmt: skip


def verdict(completion: str) -> tuple[float, Reason]:
    grade = GRADER.judge(completion, FORTY_TWO)
    return grade.reward, grade.reason


@given(BEFORE, MARKED, VALUES, AFTER_A_BOX)
def test_prose_around_a_marked_answer_changes_no_verdict(before: str, marked: str, value: str, after: str) -> None:
    answer = marked % value
    if marked.startswith("The final"):
        after = ". " + after.lstrip(".")
    assert verdict(before + answer + after) == verdict(answer)


@given(BEFORE, STATED, VALUES, DRESSED)
def test_dress_and_punctuation_change_no_stated_answer(before: str, stated: str, value: str, dress: str) -> None:
    assert verdict(before + stated % (dress % value))[0] == verdict(rf"\boxed{{{value}}}")[0]


@given(BEFORE, MARKED, st.one_of(MARKED, STATED), st.integers(0, 41))
def test_a_second_different_assertion_is_a_conflict(before: str, first: str, second: str, other: int) -> None:
    for one, two in ((42, other), (other, 42)):
        completion = before + first % one + ".\n\n" + second % two + "."
        assert verdict(completion) == (0, Reason.CONFLICTING_ANSWERS)


@given(BEFORE, MARKED, st.one_of(MARKED, STATED))
def test_a_second_equal_assertion_changes_nothing(before: str, first: str, second: str) -> None:
    assert verdict(before + first % "42" + ".\n\n" + second % "42.0")[0] == 1


@given(
    st.lists(FRAGMENTS, max_size=6),
    st.lists(st.integers(0, 9), min_size=12, max_size=12),
    st.sampled_from([" ", "\n", ""]),
)
def test_no_completion_is_right_for_two_golds(fragments: list[str], digits: list[int], between: str) -> None:
    text = between.join(fragments)
    completion = text % tuple(digits[: text.count("%d")])
    assert sum(GRADER.judge(completion, gold).reward for gold in DIGITS) <= 1
