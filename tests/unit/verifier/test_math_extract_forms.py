"""The ways in which models end a solution, each of which asserts 42."""

from __future__ import annotations

import pytest

from rlvr.verifier.math import MathGrader, MathSpec

GRADER = MathGrader()
GOLD = GRADER.prepare(MathSpec(answer="42"))

BOXES = [
    r"\boxed 42", r"$\boxed{42}$ meters", r"\boxed{42}\text{ cm}", r"$$\boxed{42}$$", r"$x=\boxed{42}$",
    r"\framebox{42}", "\\begin{align*}\nx &= \\boxed{42}\n\\end{align*}", r"\framebox[2cm][c]{42}",
    r"The final answer is: $\boxed{42}$", "The answer is \\boxed{42}. I hope it is correct.",
    "\\boxed{42}\n\nThank you", r"\boxed{42} students who did so", r"\boxed{42} (or 42.0)",
    r"\boxed{42}. Wait, let me double check: yes.", r"Not 41 so \boxed{42}",
]  # fmt: skip
TAGS = [
    "<answer>\n42\n</answer>", "<answer >42</answer >", '<answer type="number">42</answer>',
    "<final_answer>42</final_answer>", "<answer>Answer: 42</answer>", "<answer>The answer is 42.</answer>",
    r"<answer>\boxed{42}</answer>", "<answer>So the total is 42.</answer>", "<answer>draft <answer>42</answer>",
]  # fmt: skip
PHRASES = [
    "Final Answer: The final answer is $42$. I hope it is correct.", "**Answer:** 42", "**Answer**: 42",
    "*Answer*: 42", "Answer: **42**", "**Final Answer:** $42$", "The correct answer is 42.", "the answer must be 42",
    "The answers are 42", "The answer should be 42.", "The answer would be 42.", "The answer comes to 42",
    "So the answer equals 42.", "Ans: 42", "The answer is approximately 42.", "The answer is about 42",
    "I think the answer is 42.", "answer = 42", "I believe that the answer is 42", "The final answer is thus 42.",
    "So the answer is therefore 42.", "The answer is 42!", "The answer is clear: 42",
    "It is clear that the answer is 42", "If x is 3, the answer is 42.", "The answer is [42]",
    "What is the answer? The answer is 42.", "The answer is not 41 but 42.", "The answer is 42 (since 6*7=42).",
    "The answer is 42 (not 41).", "The answer is 42 (or 42.0).", "The answer is 42 or 42.0", "The answer is $42.$",
    "The answer is 42, since it is 6 times 7.", "The answer is $42$, which is even.", "<strong>Answer:</strong> 42",
    "The answer is $42$ for all positive cases.", "The answer is **42** in total.", "The answer is <b>42</b>",
    "One might guess 41, but on reflection the correct answer is 42.", "The answer is 42<|im_end|>", "A: **42**",
    "The answer is easy to find once the two products are seen to be one and the same. The answer is 42.",
]  # fmt: skip
ON_THE_NEXT_LINES = [
    "The answer is:\n42", "The answer is\n\n\\[\n42\n\\]", "The answer is:\n\n- 42", "Answer:\n* 42",
    "### Final Answer\n\n42", "### Final Answer\n\n**42**", "**Final Answer**\n\n$42$",
    "## Answer\n\nThe product is $42$.", "Answer:\n\n1. 42", "### Final Answer:\n$$x = 42$$",
    "# Answer\n\nWe multiply six by seven and are careful to do it right.\n\nAnswer: 42",
]  # fmt: skip
OTHER_LANGUAGES = [
    "最终答案是42。", "答案：42", "答案是 $42$。", "所以答案为42", "La réponse est 42.", "Réponse : 42",
    "La respuesta es 42.", "La respuesta final es $42$", "Die Antwort ist 42.", "Die Antwort lautet 42", "Ответ: 42",
    "정답은 42", "答えは42", "A resposta é 42.", "La risposta è 42.",
]  # fmt: skip
LAST_LINES = [
    "So we get $42$.", "So we get $x = 42$.", "## Solution\n\nThe product is **42**.", "The product is 42.", "> 42",
    "• 42", "Therefore, the total number of apples is 42.", "The sum of the 2 numbers is $42$.",
    "**The product is 42.**", "So 42 is the answer.", "Thus, 42 is the final answer.",
    "So $x = 42$ is the correct answer.\n\nLet me know if it helps!", "$42$ is our answer", "Total = 42", "**42**",
    "- x = 42", "Let y = 3. Then the sum is $42$.", "Hence the number that is left is 42",
]  # fmt: skip
AFTER_REASONING = [
    "<thinking>41</thinking>42", "<reasoning>\\boxed{41}</reasoning>\\boxed{42}", "<scratchpad>41</scratchpad>42",
    "<|begin_of_thought|>41<|end_of_thought|>\n\\boxed{42}", "hm \\boxed{41} </think> The answer is 42",
    "[THINK]41[/THINK]42", "◁think▷\\boxed{1}◁/think▷\\boxed{42}",
    "<think>a</think>\\boxed{41}<think>b</think>\\boxed{42}",
    "<|channel|>analysis<|message|>\\boxed{41}<|end|><|start|>assistant<|channel|>final<|message|>\\boxed{42}<|return|>",
]  # fmt: skip
TAKEN_BACK_BEFORE = [
    "The answer is 41. Wait, let me recheck: 6*7=42. The answer is \\boxed{42}.",
    "The answer is 41. Wait, let me recheck. 6*7 = 42. The answer is 42.", "\\boxed{41}. Scratch that. \\boxed{42}",
    "\\boxed{41}\n\nI made a mistake above. \\boxed{42}", "\\boxed{41}. Wait, that's wrong. \\boxed{42}",
]  # fmt: skip
CODE_AND_ECHOES = [
    "```\n\\boxed{41}\n```\n\\boxed{42}", "```python\nprint(41)\n```\nThe answer is 42", "```\n42\n```",
    "Here it is:\n```\n42\n```", "```latex\n\\boxed{42}\n```", "Put your final answer in \\boxed{}. Ok: \\boxed{42}",
    "as \\boxed{answer}. \\boxed{42}", "as \\boxed{your answer}: \\boxed{42}", "as \\boxed{...}, so \\boxed{42}",
    "Box it, e.g. \\boxed{17}. So: \\boxed{42}", "<answer>...</answer> then <answer>42</answer>",
    "as \\boxed{\\text{answer}}: \\boxed{42}",
]  # fmt: skip
UNSEEN = [
    "<!-- \\boxed{41} -->\\boxed{42}", "\\boxed{4\u200b2}", "\\boxed{42}\U000e0034\U000e0031",
    "% \\boxed{41}\n\\boxed{42}", r"\phantom{\boxed{41}}\boxed{42}", r"\boxed{\phantom{1}42}",
    r"\boxed{\color{red}{42}}", r"\boxed{\textcolor{blue}{42}}", r"{\color{red}\boxed{42}}", r"\boxed{\Large 42}",
    r"\boxed{\bm{42}}", "~~41~~ 42", r"\boxed{\cancel{41}42}", r"\cancel{41} \boxed{42}",
    "~~\\boxed{41}~~ \\boxed{42}", "<del>\\boxed{41}</del> \\boxed{42}", "\\boxed{\uff14\uff12}",
]  # fmt: skip


@pytest.mark.parametrize(
    "completion",
    BOXES + TAGS + PHRASES + ON_THE_NEXT_LINES + OTHER_LANGUAGES + LAST_LINES + AFTER_REASONING + TAKEN_BACK_BEFORE
    + CODE_AND_ECHOES + UNSEEN,
)  # fmt: skip
def test_the_answer_is_found(completion: str) -> None:
    grade = GRADER.judge(completion, GOLD)
    assert grade.reward == 1, grade


@pytest.mark.parametrize(
    ("gold", "completion"),
    [
        ("-5", "- 5"), ("-5", "Then x is found:\n\nx\n- 5"), ("5", "The values:\n- 5"), ("5", "- 4\n- 5"),
        ("5", "- $5$"), ("5 h", "Answer: The trip takes 5 hours."), ("5", "Answer: She has 5 apples left over."),
        ("1000", "The answer: he earned a total of $1,000 in one week."), ("B", "Answer: (B)"),
        ("B", "The answer is option B"), ("B", "**B**"), ("B", "So the answer is **B**."), ("no", "The answer is no."),
        ("5", "**Answer:** 5 apples"), ("1000", "The answer is 1,000."), ("(1,2)", "The answer is $(1,2)$."),
        ("x>3", "The answer is $x > 3$."), ("2,3", "The answer is x = 2 or x = 3"),
        ("7", "The answer is $7$ since $3+4=7$."), ("1/2", "The answer is 1/2 or 50%"),
        ("3.14", "The answer is 3.14."),
    ],
)  # fmt: skip
def test_other_answers_are_found(gold: str, completion: str) -> None:
    grade = GRADER.judge(completion, GRADER.prepare(MathSpec(answer=gold)))
    assert grade.reward == 1, grade


@pytest.mark.parametrize(
    ("completion", "extracted", "rule"),
    [
        (r"so $\boxed{42}$ meters", "42 meters", "boxed"), ("<answer>Answer: 42</answer>", "42", "answer tag"),
        ("text\n#### 42", "42", "####"), ("最终答案：42", "42", "final answer"),
        ("Answer: 42 (or 42.0)", "42", "answer phrase"), ("The product is **42**.", "42", "closing sentence"),
        ("x = 42", "x = 42", "last line"),
    ],
)  # fmt: skip
def test_the_verdict_names_the_rule_and_what_it_took(completion: str, extracted: str, rule: str) -> None:
    grade = GRADER.judge(completion, GOLD)
    assert (grade.reward, grade.extracted, grade.detail.split(":")[0]) == (1, extracted, rule)
