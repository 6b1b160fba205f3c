"""Answer forms: which answers are the gold answer and which are not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from rlvr.core.verdict import Grade, Outcome, Reason
from rlvr.verifier.math import MathGrader, MathSpec
from rlvr.verifier.protocol import InvalidSpec

GRADER = MathGrader()


def boxed(gold: str | list[str], answer: str, **options: object) -> Grade:
    gold_answer = GRADER.prepare(MathSpec.model_validate({"answer": gold, **options}))
    return GRADER.judge(rf"So it is \boxed{{{answer}}}.", gold_answer)


RIGHT = [
    # integers, decimals, grouping, signs
    ("42", "42"), ("42", "+42"), ("42", "42.0"), ("42", "042"), ("0.5", ".5"), ("-42", "−42"), ("-5", "- 5"),
    ("1000", "1,000"), ("1000", r"1\,000"), ("1000", "1{,}000"), ("14400", r"14,\!400"), ("1,234.50", "1234.5"),
    # fractions, mixed numbers, percentages, scientific notation
    ("1/2", "0.5"), ("1/2", "2/4"), ("1/2", r"\dfrac12"), ("1/2", r"\frac{1}2"), ("1/2", "50%"), ("0.5", r"50\%"),
    ("50%", "50"), ("50", "50%"), ("-1/2", r"\frac{-1}{2}"), (r"\frac{3}{-4}", "-3/4"), ("5/4", r"\frac 54"),
    ("3/2", r"1\frac12"), ("3/2", "1 1/2"), (r"6 \frac{3}{4}", "27/4"), ("3/2", "1½"), ("3000000", "3 million"),
    ("2500", r"2.5\times10^3"), ("2500", "2.5e3"), ("1000", "10^3"), (r"2\times10^{-10}", "2 × 10^(-10)"),
    ("10^{-20}", "10⁻²⁰"), ("2^{10}", "1024"), (r"\frac{6^6 - 5^6}{6^5}", r"\frac{31031}{7776}"),
    # wrappers and Unicode
    ("42", "$42$"), ("42", "**42**"), ("42", r"\text{42}"), ("42", "4\u200b2"), ("42", "４２"),
    ("42", r"\left(42\right)"),
    ("x^2", "x²"), ("a_1 + a_2", "a₁ + a₂"), ("12", "12^{th}"), ("12", "12th"), ("2.653", r"2.653 \ \mathrm{m}"),
    # units, currency, angles
    ("5", "5 cm"), ("5", r"\$5"), ("5", "$5"), ("5 m", "5"), ("5 m", r"5\text{ meters}"), ("5 dollars", r"\$5"),
    (r"\frac{68}{3}\text{ pounds}", "68/3"), (r"440\text{ cm}^2", "440 square centimeters"), ("45", r"45^{\circ}"),
    (r"\pi/4", r"45^\circ"), ("60 km/h", r"60 \text{ km per hour}"),
    # equations and definitions as values
    ("5", "x=5"), ("x=5", "5"), ("7", "3+4=7"), ("f(x)=2x", "f(z)=2z"), ("f(x)=2x", "2x"), ("y=2x+1", "2x-y+1=0"),
    (r"k=2 n-1", "2n - 1"), (r"\frac{1+\sqrt{97}}{8} \approx 1.36", r"\frac{1+\sqrt{97}}{8}"),
    # formulas and irrational constants
    (r"3\sqrt2", r"\sqrt{18}"), (r"\ln 8", r"3\ln 2"), (r"e^{i\pi}", "-1"), (r"\sqrt[3]{-8}", "-2"), ("1+2i", "2i+1"),
    ("x^2-1", "(x-1)(x+1)"), (r"\frac{x+2}{7}", "(x+2)/7"), (r"\sin^2 x + \cos^2 x + y", "1+y"), ("5m", "5 m"),
    (r"\binom{n}{3}", r"\frac{n(n-1)(n-2)}{6}"), ("2^{k-n}", r"\frac{2^k}{2^n}"), (r"\log_2 8", "3"),
    (r"|x|", r"\sqrt{x^2}"), (r"2\arcsin\sqrt a", r"\arccos(1-2a)"), (r"2 \cdot \pi r", r"2\pi r"),
    (r"\frac{-1+\sqrt5}{2}", r"\frac{\sqrt5 - 1}{2}"), (r"\sin 2x", r"2\sin x\cos x"),
    (r"\tan^{-1} x", r"\arctan x"), (r"\ln((x^2+1)^3)", r"3\ln(x^2+1)"), (r"\ln(x^2)", r"2\ln|x|"),
    # lists, sets, tuples, intervals, matrices, ratios
    (r"\{1,2,3\}", r"\{3,1,2\}"), ("{1,2,3}", "3, 1, 2"), ("1,3", "1 and 3"), (r"\pm 3", "3, -3"),
    ("(1,9/2)", "(1,4.5)"),
    (r"3 \pm 2\sqrt2", r"3-2\sqrt2, 3+2\sqrt2"), ("3,4", "p=3, q=4"), ("(3,2),(-3,2)", r"\{(-3,2),(3,2)\}"),
    (r"(-\infty,1)\cup(2,3)", r"(2,3)\cup(-\infty,1)"), ("(1,2)", "1<x<2"), ("x>3", "3<x"), (r"a \ge 0", r"[0,\infty)"),
    (r"x \in [-2,7]", "[-2,7]"), (r"(-∞, -3) ∪ (3, +∞)", r"(3,\infty) \cup (-\infty,-3)"), ("2:3", "4:6"), ("2:1", "2"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix}1&2\\3&8/2\end{bmatrix}"), ("no solution", r"\emptyset"),
    # words, letters, bases
    ("B", r"\text{B}"), ("C", r"\text{(C)}"), (r"\text{Evelyn}", "evelyn"), ("yes", "Yes."), ("1011_2", "1011_{2}"),
    ("1011_2", "11"),
]  # fmt: skip

WRONG = [
    ("42", "0.42"), ("42", "4200"), ("42", "42,42"), ("42", "42 or 43"), ("3.14", "3,14"), ("1/3", "0.3333"),
    ("123456789012345678", "123456789012345679"), ("10^{-20}", "10^{-21}"), ("1", "0.99999999999999999999"),
    ("0.5", "0.5%"), ("5 m", "5 km"), ("5 cents", r"\$5"), ("5m", "5"), ("42", "4 2"), ("42", "٤٢"),
    ("x=3", "y=3"), ("x=3", "2x+1=7"), ("x>3", "2x+1>7"), ("x>3", r"x \ge 3"), ("42", "41=42"), ("42", "x=41=42"),
    ("x+1", "y+1"), ("x", "х"), ("x^y", "y^x"), ("4", r"4\sqrt(2)"), (r"\sqrt{10^{40}+1}", "10^{20}"),
    (r"\sqrt2", "1.4142135623730950488016887242096980785696718753769480731766797379907324784621"),
    (r"\frac{1}{2004!}", r"\frac{1}{2006!}"), (r"\sqrt{x^2}", "x"), (r"\ln(x^2)", r"2\ln x"),
    ("x", "x+10^{-30}"), (r"|x-1000000|", "1000000-x"),
    ("(1,2)", r"\{1,2\}"), ("(1,2)", "[1,2]"), ("(1,2)", "(2,1)"), ("1,3", "1,3,5"), ("1,2,3", "1,2"), ("B", "A, B"),
    ("12:30", "12:31"), ("1:20", "2:40"), (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}"),
    ("1011_2", "1011_3"), ("B", "not B"), ("B", "A, B, C, or D"), ("no", "on"), ("0", "1/0"), ("0", "nan"),
    (r"\infty", "1e400"), (r"\infty", r"-\infty"), ("f(x)=2x", "f(x)=3x"), ("y=2x+1", "y=2x+2"),
]  # fmt: skip

STILL_TO_BE_DONE = [
    ("391", r"17\cdot 23"), ("120", "5!"), ("1024", "2^{10}"), ("2", r"\sqrt{4}"), ("5", "2+3"),
    ("1/1024", r"\frac{1}{2^{10}}"),
    ("11", "1011_2"), ("-1", r"e^{i\pi}"), ("3", r"\log_2 8"),
]  # fmt: skip
"""Answers that are right in value and may just restate the question: a matter of `allow_unevaluated`."""


@pytest.mark.parametrize(("gold", "answer"), RIGHT)
def test_right_answer_is_accepted_in_this_form(gold: str, answer: str) -> None:
    grade = boxed(gold, answer)
    assert (grade.outcome, grade.reason, grade.reward) == (Outcome.CORRECT, Reason.EQUIVALENT, 1.0), grade.detail


@pytest.mark.parametrize(("gold", "answer"), WRONG)
def test_wrong_answer_is_rejected_in_this_form(gold: str, answer: str) -> None:
    grade = boxed(gold, answer)
    assert (grade.outcome, grade.reward) == (Outcome.INCORRECT, 0.0), grade.detail


@pytest.mark.parametrize(("gold", "answer"), STILL_TO_BE_DONE)
def test_unevaluated_arithmetic_is_an_answer_only_where_the_spec_allows_it(gold: str, answer: str) -> None:
    assert boxed(gold, answer).reason is Reason.NOT_EQUIVALENT
    assert boxed(gold, answer, allow_unevaluated=True).reward == 1


def test_any_of_several_gold_answers_is_accepted() -> None:
    assert boxed(["5 km", "5000 m"], "5000 m").reward == 1
    assert boxed(["5 km", "5000 m"], "5 m").reward == 0


def test_ignored_units_may_differ() -> None:
    assert boxed("5 m", "5 km", units="ignore").reward == 1


def test_tolerance_accepts_what_is_within_it_and_nothing_beyond() -> None:
    absolute = {"absolute": 0.01}
    assert boxed("600/7", "85.71", tolerance=absolute).reward == 1
    assert boxed("600/7", "85.69", tolerance=absolute).reward == 0
    assert boxed("3.14159", r"\pi", tolerance={"relative": 1e-5}).reward == 1
    assert boxed("3.14159", "3.1417", tolerance={"relative": 1e-5}).reward == 0


def test_json_numbers_are_gold_answers() -> None:
    assert boxed(0.5, "1/2").reward == 1  # type: ignore[arg-type]
    assert boxed(7, "7").reward == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "gold", ["", "  ", "$$", r"\boxed{}", r"\frac{1}{", "1/0", "41=42", "nan", "9^{9^{9}}", "(" * 100]
)
def test_gold_that_cannot_be_read_is_the_specs_fault(gold: str) -> None:
    with pytest.raises(InvalidSpec, match="answer: ") as caught:
        GRADER.prepare(MathSpec(answer=gold))
    assert caught.value.reason == "gold_unparseable"


def test_empty_list_of_golds_is_the_specs_fault() -> None:
    with pytest.raises(InvalidSpec, match="the list is empty"):
        GRADER.prepare(MathSpec(answer=[]))


@pytest.mark.parametrize(
    "spec", [{"answer": True}, {"answer": "1", "unit": "match"}, {"answer": "1", "tolerance": {"relative": 1.5}}, {}]
)
def test_spec_of_another_shape_is_refused(spec: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MathSpec.model_validate(spec)
