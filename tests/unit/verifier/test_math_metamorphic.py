"""What must not matter does not: typesetting, spaces, wrappers and surrounding prose never change a verdict, and
exchanging gold and answer changes one only where a policy says so."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from math_triples import TRIPLES
from rlvr.verifier.math import MathGold, MathGrader, MathSpec

GRADER = MathGrader()
GOLDS: dict[str, MathGold] = {}


def reward(gold: str, completion: str, **options: object) -> float | None:
    key = f"{gold} {options}"
    if key not in GOLDS:
        GOLDS[key] = GRADER.prepare(MathSpec.model_validate({"answer": gold, **options}))
    return GRADER.judge(completion, GOLDS[key]).reward


def boxed(answer: str) -> str:
    return rf"\boxed{{{answer}}}"


FULLWIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
IS_LATEX = re.compile(r"[\\^_{}$]")


def spaced(answer: str) -> str:
    """Spaces around relations, sums and the arguments of fractions and roots."""
    answer = re.sub(r"(?<=[\w)}])([+=<>])(?=[\w(\\{-])", r" \1 ", answer) if "e+" not in answer else answer
    return re.sub(r"(\\(?:frac|sqrt))\{([^{}]*)\}", r"\1{ \2 }", answer)


def in_text(answer: str) -> str:
    """Only what has no formula in it is set in text."""
    return answer if IS_LATEX.search(answer) else rf"\text{{{answer}}}"


def with_left_right(answer: str) -> str:
    if r"\left" in answer or r"\{" in answer:
        return answer
    return (
        re.sub(r"[)\]]", r"\\right\g<0>", re.sub(r"(?<!\\sqrt)[(\[]", r"\\left\g<0>", answer))
        if "[3]" not in answer
        else answer
    )


TYPESETTING: dict[str, Callable[[str], str]] = {
    "outer spaces": "  {}  ".format,
    "inner spaces": spaced,
    "newlines": "\n{}\n".format,
    "left right": with_left_right,
    "dfrac": lambda answer: answer.replace(r"\frac", r"\dfrac"),
    "tfrac": lambda answer: answer.replace(r"\frac", r"\tfrac"),
    "cfrac": lambda answer: answer.replace(r"\frac", r"\cfrac"),
    "text": in_text,
    "mathrm": lambda answer: answer if IS_LATEX.search(answer) or " " in answer else rf"\mathrm{{{answer}}}",
    "braces": lambda answer: f"{{{answer}}}",
    "dollars": lambda answer: answer if "$" in answer else f"${answer}$",
    "double dollars": lambda answer: answer if "$" in answer else f"$${answer}$$",
    "inline math": r"\({}\)".format,
    "display math": r"\[{}\]".format,
    "displaystyle": r"\displaystyle {}".format,
    "thin spaces": r"\,{}\,".format,
    "negative space": r"\!{}".format,
    "quad": r"\quad {} \quad".format,
    "no-break spaces": lambda answer: f"\u00a0{answer}\u00a0".replace(" ", "\u00a0"),
    "thin Unicode spaces": "\u2009{}\u202f".format,
    "zero-width spaces": lambda answer: "\u200b".join(("", *answer, "")),
    "fullwidth digits": lambda answer: answer.translate(FULLWIDTH),
    "Unicode minus": lambda answer: answer.replace("-", "\u2212"),
    "times": lambda answer: answer.replace(r"\cdot", r"\times"),
    "le and leq": lambda answer: re.sub(r"\\(le|ge)(?![a-z])", r"\\\1q", answer),
    "mathbf": lambda answer: answer if IS_LATEX.search(answer) or " " in answer else rf"\mathbf{{{answer}}}",
    "trailing period": "{}.".format,
}
"""Ways to write the same answer, in the order in which they are put together. Each leaves alone what it cannot be
applied to."""

PROSE: dict[str, str] = {
    "box": r"\boxed{%s}",
    "box in a sentence": r"We add 7 and 8, and so it is \boxed{%s}. That is all.",
    "box in display math": "Thus\n$$\\boxed{%s}$$\n",
    "fbox": r"So \fbox{%s}",
    "box after reasoning": r"<think>Is it \boxed{17}? The answer is 18.</think> No: \boxed{%s}",
    "the same box twice": r"First \boxed{%s}. Again: \boxed{%s}",
    "final answer": "First 7, then 8.\nThe final answer is $%s$.",
    "final answer and hope": "The final answer is $%s$. I hope it is correct.",
    "bold answer": "Some words.\n\n**Answer:** $%s$",
    "tags": "Some words. <answer>%s</answer>",
    "tags and a box": r"<answer>\boxed{%s}</answer>",
    "hashes": "Some words with 7.\n#### %s",
    "bold": "So the final answer is **$%s$**.",
}
"""Ways to assert an answer."""


def asserted(answer: str, form: str) -> str:
    if "$" in form and "$" in answer:
        form = form.replace("$%s$", "%s")
    return form.replace("%s", answer)


@pytest.mark.parametrize(("gold", "right", "wrong"), TRIPLES)
def test_a_form_is_told_apart_from_its_wrong_neighbour(gold: str, right: str, wrong: str) -> None:
    assert reward(gold, boxed(gold)) == 1
    assert reward(gold, boxed(right)) == 1
    assert reward(gold, boxed(wrong)) == 0


@pytest.mark.parametrize("typesetting", TYPESETTING)
def test_typesetting_changes_no_verdict(typesetting: str) -> None:
    typeset = TYPESETTING[typesetting]
    for gold, right, wrong in TRIPLES:
        assert reward(gold, boxed(typeset(right))) == 1, (gold, typeset(right))
        assert reward(gold, boxed(typeset(wrong))) == 0, (gold, typeset(wrong))


@pytest.mark.parametrize("typesetting", TYPESETTING)
def test_typesetting_of_the_gold_changes_no_verdict(typesetting: str) -> None:
    typeset = TYPESETTING[typesetting]
    for gold, right, wrong in TRIPLES:
        assert reward(typeset(gold), boxed(right)) == 1, (typeset(gold), right)
        assert reward(typeset(gold), boxed(wrong)) == 0, (typeset(gold), wrong)


@pytest.mark.parametrize("prose", PROSE)
def test_surrounding_prose_changes_no_verdict(prose: str) -> None:
    for gold, right, wrong in TRIPLES:
        assert reward(gold, asserted(right, PROSE[prose])) == 1, (gold, asserted(right, PROSE[prose]))
        assert reward(gold, asserted(wrong, PROSE[prose])) == 0, (gold, asserted(wrong, PROSE[prose]))


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(TRIPLES),
    st.lists(st.sampled_from(sorted(TYPESETTING)), min_size=2, max_size=4, unique=True),
    st.sampled_from(sorted(PROSE)),
)
def test_typesetting_and_prose_together_change_no_verdict(
    triple: tuple[str, str, str], typesettings: list[str], prose: str
) -> None:
    gold, right, wrong = triple
    if "box" not in prose:  # an answer within a sentence is on its line
        typesettings = [name for name in typesettings if name not in ("newlines", "double dollars", "display math")]
    for name in sorted(typesettings, key=list(TYPESETTING).index):
        right, wrong = TYPESETTING[name](right), TYPESETTING[name](wrong)
    assert reward(gold, asserted(right, PROSE[prose])) == 1
    assert reward(gold, asserted(wrong, PROSE[prose])) == 0


NOT_SYMMETRIC: dict[str, tuple[dict[str, object], list[tuple[str, str]]]] = {
    "unevaluated": (
        {"allow_unevaluated": True},
        [
            ("391", r"17\cdot 23"),
            ("120", "5!"),
            ("1024", "2^{10}"),
            ("2", r"\sqrt{4}"),
            ("5", "2+3"),
            ("11", "1011_2"),
            ("-1", r"e^{i\pi}"),
            ("3", r"\log_2 8"),
            (r"\frac{31031}{7776}", r"\frac{6^6-5^6}{6^5}"),
        ],
    ),
    "rounding": ({"rounding": "exact"}, [(r"\frac{22}{7}", "3.14"), (r"\pi", "3.14"), ("1/3", "0.333")]),
    "percent": ({"percent": "exact"}, [("0.5", "0.5%"), ("0.07", r"0.07\%")]),
}
"""Policies that make a pair unequal one way round: (gold, answer) is wrong and (answer, gold) is right. Each with the
option under which both ways are the same."""
GOLDS_DOMAIN = [(r"2\ln|x|", r"2\ln x"), (r"\ln(x^2)", r"2\ln x")]
"""The same of formulas: the answer is to agree wherever the gold has a value. No option changes that."""
SYMMETRIC = {name: value for options, _ in NOT_SYMMETRIC.values() for name, value in options.items()}


def test_exchanging_gold_and_answer_changes_no_verdict_where_no_policy_says_so() -> None:
    for gold, right, wrong in TRIPLES:
        assert reward(right, boxed(gold), **SYMMETRIC) == 1, (right, gold)
        for answer in (gold, right):
            expected = (answer, wrong) in GOLDS_DOMAIN
            assert reward(wrong, boxed(answer), **SYMMETRIC) == expected, (wrong, answer)


@pytest.mark.parametrize("policy", NOT_SYMMETRIC)
def test_a_policy_that_is_not_symmetric_can_be_turned_off(policy: str) -> None:
    options, pairs = NOT_SYMMETRIC[policy]
    for gold, answer in pairs:
        assert (reward(gold, boxed(answer)), reward(answer, boxed(gold))) == (0, 1), (gold, answer)
        assert reward(gold, boxed(answer), **options) == reward(answer, boxed(gold), **options), (gold, answer)
