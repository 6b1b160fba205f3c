"""Properties that hold for every input: no crash, and wrapping never changes a verdict."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from rlvr.core.verdict import Outcome
from rlvr.verifier.math import MathGrader, MathSpec
from rlvr.verifier.protocol import InvalidSpec

GRADER = MathGrader()
GOLDS = [
    GRADER.prepare(MathSpec(answer=gold)) for gold in ("42", "x^2+1", r"\sqrt{2}", "(1,2)", "x=3", "B", r"\{1,2\}")
]

PIECES = [
    r"\frac", r"\sqrt", "{", "}", "(", ")", "[", "]", "1", "23", ".5", "x", "y", "i", "e", r"\pi", "+", "-", "*", "/",
    "^", "_", "=", "<", ">=", ",", "|", "!", "%", "$", r"\$", r"\text{ cm}", "cm", " ", r"\pm", r"\{", r"\}", r"\cup",
    r"\in", r"\infty", r"\sin", r"\log", r"\binom", "f(x)=", ":", r"^\circ", "and", "not", "²", "½", r"\boxed{",
    r"\lfloor",
]  # fmt: skip
MATHS = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)
NUMBERS = st.fractions(min_value=-(10**6), max_value=10**6, max_denominator=999)


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gets_a_scored_grade(text: str) -> None:
    for gold in GOLDS:
        assert GRADER.judge(text, gold).outcome in (Outcome.CORRECT, Outcome.INCORRECT)


@settings(max_examples=600, deadline=None)
@given(MATHS, st.integers(0, len(GOLDS) - 1))
def test_any_jumble_of_mathematical_pieces_gets_a_scored_grade(text: str, which: int) -> None:
    grade = GRADER.judge(rf"\boxed{{{text}}}", GOLDS[which])
    assert grade.outcome in (Outcome.CORRECT, Outcome.INCORRECT)
    assert len(grade.extracted) < 500
    assert len(grade.detail) < 500


@settings(max_examples=600, deadline=None)
@given(MATHS | st.text(max_size=60))
def test_any_gold_is_prepared_or_refused_as_unreadable(text: str) -> None:
    try:
        gold = GRADER.prepare(MathSpec(answer=text))
    except InvalidSpec as failure:
        assert failure.reason == "gold_unparseable"
        assert str(failure).startswith("answer: ")
    else:
        assert GRADER.judge(r"\boxed{}", gold).reward == 0
        assert GRADER.judge("", gold).reward == 0


def latex(value: Fraction) -> str:
    sign = "-" if value < 0 else ""
    return f"{value}" if value.denominator == 1 else rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


WRAPPINGS = [
    "{}", " {} ", "${}$", r"\left({}\right)", "{}.", r"\displaystyle {}", "**{}**", r"x = {}", r"\boxed{{{}}}",
    r"{} \text{{ cm}}", r"\, {} \,",
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(NUMBERS, NUMBERS, st.sampled_from(WRAPPINGS))
def test_wrapping_changes_no_verdict(gold: Fraction, answer: Fraction, wrapping: str) -> None:
    prepared = GRADER.prepare(MathSpec(answer=str(gold)))
    expected = float(gold == answer)
    for form in (latex(answer), latex(answer).replace("frac", "dfrac"), str(answer)):
        wrapped = wrapping.format(form)
        assert GRADER.judge(rf"We compute. \boxed{{{wrapped}}} That is all.", prepared).reward == expected
        assert GRADER.judge(f"First 7, then 8.\nThe final answer is {form}.", prepared).reward == expected


@settings(max_examples=200, deadline=None)
@given(NUMBERS)
def test_a_number_is_equal_to_itself_in_every_form(value: Fraction) -> None:
    prepared = GRADER.prepare(MathSpec(answer=latex(value)))
    forms = [str(value), latex(value), f"{value.numerator * 3}/{value.denominator * 3}"]
    if value.denominator == 1:
        forms += [f"{value.numerator:,}", f"{value.numerator}.00", f"{value.numerator}e0"]
    for form in forms:
        assert GRADER.judge(rf"\boxed{{{form}}}", prepared).reward == 1, form


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=2, max_size=4), st.lists(st.integers(-9, 9), min_size=2, max_size=4))
def test_swapping_gold_and_answer_changes_no_verdict_on_polynomials(left: list[int], right: list[int]) -> None:
    def polynomial(coefficients: list[int]) -> str:
        return "+".join(f"({coefficient})x^{power}" for power, coefficient in enumerate(coefficients)) + "+x^5"

    def grade(gold: str, answer: str) -> float | None:
        return GRADER.judge(rf"\boxed{{{answer}}}", GRADER.prepare(MathSpec(answer=gold))).reward

    first, second = polynomial(left), polynomial(right)
    assert grade(first, second) == grade(second, first)
    width = max(len(left), len(right))
    same = [c + [0] * (width - len(c)) for c in (left, right)]
    assert grade(first, second) == float(same[0] == same[1])
