"""What asserts nothing: denial, hedging, choice, retraction, and what no reader sees."""

from __future__ import annotations

import pytest

from rlvr.core.verdict import Reason
from rlvr.verifier.math import MathGrader, MathSpec

GRADER = MathGrader()
GOLD = GRADER.prepare(MathSpec(answer="42"))

HEDGED = [
    "The answer could be 42.", "The answer might be 42", "The answer may be 42", "The answer is maybe 42",
    "The answer is probably 42", "Maybe the answer is 42", "Perhaps the answer is 42.",
    "The answer is 42, but I'm not sure", "I'm not sure but the answer is 42", "The answer is 42, maybe",
    "The answer is 42, I guess.", "Is the answer 42?", "The answer is 42?", "Could it be that the answer is 42?",
    "If the answer is 42, then 42 is even.", "A possible answer is 42", "I think it's 42 but I'm not sure",
    "答案可能是42", "答案是42吗？", "The product could be 42.", "I guess the product is 42.",
    "I cannot say. Maybe 42.", "Nobody knows whether the product is 42", "Is the product 42?", r"\boxed{42?}",
]  # fmt: skip
DENIED = [
    "It is false that the answer is 42.", "We can rule out 42.", "It is certainly not 42, though.",
    "The answer is not 42.", "So the answer isn't 42", "The product is not 42.", "The product isn't 42",
    r"It cannot be \boxed{42}", r"\boxed{42} is wrong.", r"\boxed{42} is not the answer", r"We rule out \boxed{42}",
    r"\boxed{\text{not }42}", "The incorrect answer is 42", "The wrong answer is 42.", "I doubt the product is 42",
    "答案不是42", "我不认为答案是42", "No creo que la respuesta es 42", "La réponse n'est pas 42",
    "Die Antwort ist nicht 42", "I cannot solve this. It is certainly not 42, though.",
]  # fmt: skip
TAKEN_BACK = [
    "\\boxed{42}. Scratch that.", "The answer is 42. Scratch that, it is not.", "The answer is 42. Wait, that's wrong.",
    r"\boxed{\cancel{42}}", "~~42~~", "The answer is ~~42~~", "<del>42</del>", "\\boxed{42}\nDisregard that.",
]  # fmt: skip
SEVERAL = [
    "The answer is between 41 and 43", "The answer is either 42 or 43", "The answer could be 40, 41, or 42.",
    "41 or 42", "The product is either 41 or 42.", "The product is 42 or 43.", "The product is 41 and the sum is 42.",
    "42 apples or 43", "The first is 41, the second is 42.", "The answer is one of 41, 42", "Neither 41 nor 42",
    "The answer is 42 and 43", "The answer is 42 if x > 0 and 43 otherwise",
    "The answer is 42 for even n and 43 for odd n", r"\boxed{42 or 43}", "The answer is 41, or maybe 42",
    "The answer is 42 (or 43)", "The answer is 42 or 43", r"\boxed{\{41,42,43\}}",
    "Find the answer to 6*7: it is one of 41, 42", "The score is 42 to 41", "The product is 41. The product is 42.",
    "#### 41\n#### 42, 43", "Possible answers: 42, 43",
]  # fmt: skip
BOUNDS_AND_MENTIONS = [
    "The answer is no more than 42", "Answer: She has 42 times as much", "Answer: 3 workers take 42 hours",
    "Answer: It costs 42 more", "The answer is the square root of 42", "Answer: She has at least 42",
    "The answer is at least 42", "The answer is more than 42", "It is at most 42.",
    "The sum of these is greater than 42", "The value is 42 times 2.", "We start with 42.", "She has 42 apples",
    "- 42", r"$-\boxed{42}$", "What is 6 times 7? Is it 42? Let me think.", "Possible answers: 42",
]  # fmt: skip
UNSEEN = [
    "<!-- \\boxed{42} -->", "<!-- \\boxed{42}", "% \\boxed{42}", r"\phantom{\boxed{42}}", r"\boxed{\phantom{42}}",
    "\\boxed{\U000e0034\U000e0032}", "\u202e24", "\\boxed{\u202e24}", "\\boxed{42\u202e}",
    r"The answer is $\phantom{42}$", "<think>\\boxed{42}", "<thinking>42", "\\boxed{42}<think>",
    "<reasoning>\\boxed{42}", "[THINK]42", "<|begin_of_thought|>42", "<|channel|>analysis<|message|>\\boxed{42}",
    "```python\nprint(42)\n```", "```python\n# The answer is 42\n```",
]  # fmt: skip
PLACEHOLDERS = ["<answer>...</answer>", "\\boxed{answer}", "\\boxed{...}", "<answer> your answer here </answer>"]
CYRILLIC = ["\\boxed{\u0447\u0435\u0442\u044b\u0440\u0435}"]


@pytest.mark.parametrize(
    "completion",
    HEDGED + DENIED + TAKEN_BACK + SEVERAL + BOUNDS_AND_MENTIONS + UNSEEN + PLACEHOLDERS + CYRILLIC,
)
def test_nothing_is_accepted(completion: str) -> None:
    grade = GRADER.judge(completion, GOLD)
    assert grade.reward == 0, grade


@pytest.mark.parametrize("gold", ["0", "42", "x", r"\text{answer}"])
@pytest.mark.parametrize(
    "completion", ["", " ", "Answer:", r"\boxed{}", r"\boxed{ }", "<answer></answer>", "#### ", "$$"]
)
def test_an_empty_answer_is_right_for_no_gold(gold: str, completion: str) -> None:
    assert GRADER.judge(completion, GRADER.prepare(MathSpec(answer=gold))).reward == 0


@pytest.mark.parametrize(
    "completion",
    [
        "\\boxed{42} (or 43)", "\\boxed{42} or 43", r"\boxed{42} or \boxed{43}", "\\boxed{42}\nThe answer is 43.",
        "The answer is 42. The answer is 43.", "The final answer is 42. The final answer is 43",
        "<answer>42</answer> The answer is 43", "\\boxed{41}. Actually, \\boxed{42}", "答案是41。答案是42。",
        "The answer is 42. Another answer is 43.", "The answer is 42 (i.e. 43).",
        "43 is the answer.\nThe answer is 42.",
    ],
)  # fmt: skip
def test_two_different_answers_are_a_conflict(completion: str) -> None:
    assert GRADER.judge(completion, GOLD).reason is Reason.CONFLICTING_ANSWERS
