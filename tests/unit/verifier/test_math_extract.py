"""What a completion asserts as its final answer."""

from __future__ import annotations

import pytest

from rlvr.core.verdict import Reason
from rlvr.verifier.math import MathGrader, MathSpec

GRADER = MathGrader()
GOLD = GRADER.prepare(MathSpec(answer="42"))

ASSERTS_42 = [
    "42", "42.", "$42$", r"\[42\]", "`42`", "x = 42", "So, 40 + 2 = 42.", "Therefore, x = 42.",
    r"\boxed{42}", r"\fbox{42}", r"\boxed{\boxed{42}}", r"We get \boxed{42}. Again \boxed{42.0}.",
    r"Put it in \boxed{}. Then \boxed{42}.", "<answer>42</answer>", "<ANSWER> 42 </ANSWER>", "#### 42",
    "#### Step 1\n6 * 7\n#### Step 2\nso \\boxed{42}", "#### Solution\nSix by seven.\n#### 42",
    "The final answer is 42", "The final answer is:\n\n$$42$$", r"The final answer is \(42\).",
    "final answer: 42 apples",
    "**Answer:** 42", "Answer: $42$", "The answer is **42**.", "The answer is x=42.", "The correct answer is 42.",
    "The answer is 42, not 41.", "The answer is 42 because 6*7=42.", "The answer to the question is 42.",
    "Since 5 is not prime, the answer is 42.", "The answer cannot be 41, so the answer is 42.", "A: 42", "A: $42",
    "will not be used\nA: 42", r"<think>maybe \boxed{41}</think>The answer is 42.", "reason</think>\n\\boxed{42}",
    r"\boxed{42}, so our answer is correct.", "The answer is 41 at first sight.\nBut in truth \\boxed{42}",
]  # fmt: skip

ASSERTS_NOTHING = [
    "", "  \n ", "Answer:", r"\boxed{}", r"\boxed{ }", r"\boxed{42", r"\boxed{42}\boxed{4", r"<think>\boxed{42}",
    "<think>a</think>b<think>42", "I don't think the answer is 42", "I cannot say that the answer is 42",
    r"It is not \boxed{42}", "She has 42 apples", "#### ", "<answer></answer>",
]  # fmt: skip

CONFLICTING = [
    r"\boxed{41}\boxed{42}\boxed{43}", r"The final answer is $42$. I hope it is correct. ... \boxed{17}",
    r"\boxed{17} and the final answer is $42$", "<answer>41</answer><answer>42</answer>",
    "The answer is 41. The answer is 42.", r"\boxed{42}. Actually the answer is 17.", r"<answer>41</answer> \boxed{42}",
    r"\boxed{42} \boxed{???}", " ".join(rf"\boxed{{{n}}}" for n in range(30, 60)),
]  # fmt: skip

NOT_42 = [
    "The answer is definitely not 42.", "40, 41, 42, 43 or 44", "The answer is 42 or 43.",
    "The answer is either 41 or 42",
    "<think>42</think> The answer is 43", "\n".join(map(str, range(1, 101))), "41=42", r"\boxed{\text{not }42}",
    "The answer is not known, maybe 42", "no, 42", "= 42", r"\boxed{about 42}", r"\boxed{42 is wrong}",
    r"The answer is $4\cdot 10 + 2$", "Is the answer 42? The answer is 43",
]  # fmt: skip


@pytest.mark.parametrize("completion", ASSERTS_42)
def test_answer_is_found(completion: str) -> None:
    grade = GRADER.judge(completion, GOLD)
    assert grade.reward == 1, grade


@pytest.mark.parametrize("completion", ASSERTS_NOTHING)
def test_nothing_is_asserted(completion: str) -> None:
    assert GRADER.judge(completion, GOLD).reason is Reason.NO_ANSWER


@pytest.mark.parametrize("completion", CONFLICTING)
def test_contradicting_answers_are_no_answer(completion: str) -> None:
    assert GRADER.judge(completion, GOLD).reason is Reason.CONFLICTING_ANSWERS


@pytest.mark.parametrize("completion", NOT_42)
def test_mentioning_the_answer_is_not_asserting_it(completion: str) -> None:
    assert GRADER.judge(completion, GOLD).reward == 0


def test_verdict_names_the_rule_and_the_answer_it_found() -> None:
    grade = GRADER.judge(r"... so \boxed{\frac{84}{2}}", GOLD)
    assert (grade.extracted, grade.detail) == (r"\frac{84}{2}", "boxed")


def test_detail_never_names_the_gold_answer() -> None:
    gold = GRADER.prepare(MathSpec(answer="271828"))
    for completion in ("\\boxed{3}", "\\boxed{x+1}", "\\boxed{5 m}", "\\boxed{1,2}", "\\boxed{9^{9^9}}", "nothing"):
        assert "271828" not in GRADER.judge(completion, gold).detail
