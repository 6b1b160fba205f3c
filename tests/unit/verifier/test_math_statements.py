"""Answers that are more than one formula: sets, inequalities, systems, functions, labels, words, choices."""

from __future__ import annotations

import pytest

from rlvr.core.verdict import Grade
from rlvr.verifier.math import MathGrader, MathSpec

GRADER = MathGrader()


def boxed(gold: str, answer: str, **options: object) -> Grade:
    prepared = GRADER.prepare(MathSpec.model_validate({"answer": gold, **options}))
    return GRADER.judge(rf"\boxed{{{answer}}}", prepared)


RIGHT = [
    # sets of real numbers
    (r"\{x \mid -1 < x < 1\}", "(-1, 1)"), (r"\{x | x < \frac32\} - \{-6\}", r"(-\infty,-6)\cup(-6,1.5)"),
    (r"a \le -2 \text{ or } a = 1", r"(-\infty,-2]\cup\{1\}"), (r"x \ne 3", r"\mathbb{R}\setminus\{3\}"),
    (r"\mathbb{R}\setminus\{-1,1\}", r"(-\infty,-1)\cup(-1,1)\cup(1,\infty)"), (r"\mathbb R", r"(-\infty,\infty)"),
    (r"\mathbb{R}", "all real numbers"), (r"x>0, x\ne 1", r"(0,1)\cup(1,\infty)"), (r"(0,2)", r"(0,1]\cup(1,2)"),
    ("x<1 or x>3", r"(3,\infty) \cup (-\infty,1)"), ("x < -1 \\text{ and } x > 1", r"(-\infty,-1)\cup(1,\infty)"),
    (r"\{x \in \mathbb{R} : x \ge 2\}", r"[2,\infty)"), (r"[1,3]\cap[2,5]", "[2,3]"),
    (r"\{x : x = 1 \text{ or } x = 2\}", "1, 2"), (r"x \neq \pm 1", r"\mathbb{R}\setminus\{-1,1\}"),
    ("all real numbers except 2", r"x \ne 2"), (r"3 < \lambda \le 4", "(3,4]"), (r"(a,b)", "a<x<b"),
    # inequalities and orders
    ("a+b>c", "c<a+b"), ("a+b>c", "2a+2b>2c"), ("b < a < d < c", "c > d > a > b"), ("b<a<d<c", "b, a, d, c"),
    (r"\forall x>0, 3^x \ge x^2", r"\forall t > 0, 3^t \geq t^2"),
    (r"∃x∈R, x^2 < 0", r"\exists x \in \mathbb{R}, x^2<0"),
    # equations
    ("y+1 = -(2x-1)^2", "-4x^2+4x-2"), ("3 = x", "3"), ("x=3", "3=x"), ("a = (b+c)(b-c) = b^2-c^2", "b^2-c^2"),
    (r"\frac{dy}{dx} = -\frac xy", "y' = -x/y"), ("a_n = 2n-1", "2n-1"), (r"a_n \to 0", "0"),
    # systems
    ("(1,2)", "y=2, x=1"), ("x^2=4", "x^2 - 4 = 0"),
    ("(x,y)=(1,2)", "x=1, y=2"), ("(x,y)=(1,2)", "y=2, x=1"), ("x=1,y=2", "(1,2)"), ("(1,2)", "x=1, y=2"),
    ("(x,y)=(3,4),(4,3)", r"x=3,y=4 \text{ or } x=4,y=3"), ("(x,y)=(3,4),(4,3)", "(4,3),(3,4)"),
    (r"\begin{cases}x=1\\y=2\end{cases}", "(1,2)"),
    ("(k, l) = (1+3x, 2-5x)", r"(1+3t, 2-5t) \text{ for some integer } t"),
    # functions
    ("f(n)=n, g(n)=1", r"(f(n),g(n)) = (n,1) \text{ for all } n"),
    ("f(x)=cx", "f(x) = kx where k is a real constant"), ("f(x) = 0, f(x) = x", "f(x)=x or f(x)=0"),
    (r"f(x)=2x, x\in\mathbb{R}", "2x"), ("(P(x),Q(x)) = (2Cx+1, x)", "(2cx+1, x)"), ("f'(x) = 3x^2", "3x^2"),
    # families
    (r"x = k\pi", r"n\pi"), (r"k\pi, k\in\mathbb{Z}", r"n\pi"), (r"n \equiv 0 \pmod 4", r"n = 4k, k \in \mathbb Z"),
    (r"x \equiv -2 \pmod 9", r"x\equiv 7 \pmod{9}"), (r"n\equiv 1,4 \pmod 5", r"n \equiv \pm 1 \pmod 5"),
    (r"5 \pmod{13}", "5"), ("y = Ce^{2x}", "y(x) = A e^{2x}"), ("C_1 e^x + C_2 e^{-x}", "A e^x + B e^{-x}"),
    # labels
    ("1,2", "Maximum = 2, Minimum = 1"), ("7,14,18", "Paolo: 18, Qing: 14, Rayna: 7"), ("5", "Area = 5"),
    ("Max = 2, Min = 1", "2, 1"), ("Max = 2, Min = 1", "minimum = 1, maximum = 2"),
    (r"\text{maximum } 5, \text{minimum } -1", "5, -1"), ("1,2,3,4", "Sequence 1: 1, 2 and Sequence 2: 3, 4"),
    # vectors and matrices
    (r"\begin{pmatrix}-7\\16\\5\end{pmatrix}", "(-7,16,5)"), (r"3\hat{i}+4\hat{j}", "(3,4)"),
    (r"\langle 1,2\rangle", "(1,2)"),
    # words
    ("Petya will receive the last token.", "Petya"), ("The second player wins.", r"\text{second player}"),
    ("The function is odd.", "odd"), ("The transformed function $f(x+1)-1$ is odd.", "odd"),
    ("the derivative", "derivative"), (r"\text{Any odd number of participants}", "odd"),
    ("No, it cannot be done.", "No"), ("yes", "Yes, it is possible."),
    ("no solution", "There are no real solutions."), ("does not exist", "DNE"), (r"\text{only }x=0", "0"),
    ("5", "The area is 5"), ("right triangle", r"\text{a right triangle}"),
    # choices
    ("B", "(B) 12"), ("B", r"\textbf{(B)}\ 12"), ("12", "B. 12"), ("(B) 12", "B"), ("(B) 12", "12"), ("A", "a"),
    ("C", "Option C"), ("even", r"\displaystyle even"), ("yes", r"\(yes\)"), ("even", "{even}"),
    ("f(x)=c", "f(x)=k"),
    # rounding
    ("30.52", r"\frac{1587}{52}"), ("6.67", "20:3"), (r"6.67\%", "1/15"), ("2.653 m", "2.65"), ("117.95%", "118%"),
    ("3.14", r"\pi"), ("1/3", "0.3333333333"), ("6.01", r"6\frac{1}{64}"), ("0.67", "2/3"),
    ("314", r"100\pi"), ("111.8", r"50\sqrt5"),
    ("0.87", r"\frac{\sqrt3}{2}"),
]  # fmt: skip

WRONG = [
    ("391", r"\sqrt{391^2}"), ("111.8", r"\sqrt{111.8^2}"), ("314", r"99\pi"),
    (r"\{x \mid -1 < x < 1\}", "[-1,1]"), (r"x\ne 3", "x=3"), ("x<1 or x>3", "(1,3)"), ("(0,2)", r"(0,1)\cup(1,2)"),
    ("x>3", "y>3"), (r"a \le -2 \text{ or } a=1", r"(-\infty,-2]"),
    (r"(-\infty,1)\cup(3,\infty)", r"(-\infty,1]\cup[3,\infty)"), (r"\mathbb{R}", r"(0,\infty)"),
    (r"\mathbb{R}\setminus\{1\}", r"\mathbb{R}\setminus\{-1\}"), (r"[1,\infty)", "1"), ("a+b>c", "a+b<c"),
    ("a+b>c", r"a+b\ge c"), ("b<a<d<c", "a<b<c<d"), ("b<a<d<c", "c,d,a,b"), ("x>3", "2x>6"),
    (r"\forall x>0, 3^x \ge x^2", r"\forall x>0, 3^x\ge x"), (r"\forall x>0, x^2>0", r"\exists x>0, x^2>0"),
    ("y+1=-(2x-1)^2", "-4x^2+4x-1"), ("y^2 = x^2", "x"), ("a = (b+c)(b-c) = b^2-c^2", "b^2+c^2"),
    ("(1,2)", "y=1, x=2"), (r"\$99.95", r"\$100"), ("x^2=4", "x^2=9"), ("x=2", "x^2=4"),
    ("(x,y)=(1,2)", "x=2, y=1"), ("x=1,y=2", "(2,1)"), ("x=1,y=2", "2, 1"), ("(1,2)", "y=2,x=3"),
    ("(x,y)=(3,4),(4,3)", "x=3,y=4 or x=4,y=4"), ("(x,y)=(3,4),(4,3)", "3,4,4,3"), ("(x,y)=(3,4),(4,3)", "(3,4)"),
    ("f(n)=n, g(n)=1", "f(n)=1, g(n)=n"), ("f(x)=cx", "f(x)=x"), ("f(x)=x, f(x)=0", "f(x)=x"),
    ("f(x)=cx", "f(x)=cx+1"), (r"x=k\pi", r"2n\pi"), (r"k\pi, k\in\mathbb{Z}", r"k\pi, k\in\mathbb{N}"),
    (r"x \equiv 2\pmod 9", r"x\equiv 2\pmod 7"), (r"5 \pmod{13}", "18"), (r"n \equiv 1 \pmod 4", "n=4k"),
    ("k+1", "n+1"), ("(2c, c)", "(2a, c)"), ("C_1 e^x + C_2 e^{-x}", "A e^x + A e^{-x}"), ("x = 2k", "x = 2y"),
    ("1,2", "Maximum = 2, Minimum = 0"), ("Max = 2, Min = 1", "Max = 1, Min = 2"), ("Max = 2, Min = 1", "1, 2"),
    ("7,14,18", "Paolo: 18, Qing: 14"), ("5", "Area = 5, Perimeter = 6"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", "(2,1)"), (r"3\hat{i}+4\hat{j}", "(4,3)"),
    ("Petya will receive the last token.", "Vasya"), ("Petya will receive the last token.", "token"),
    ("Petya will win", "Petya will not win"), ("The function is odd.", "even"), ("The function is odd.", "function"),
    ("The function is not odd.", "odd"), ("Petya", "Petya wins or Vasya wins"), ("yes", "Yes, no"),
    ("no", "Yes, it is not"), ("yes", "Yes or no"), ("odd", "odd or even"),
    ("The second player wins.", "the first player"), ("no solution", "0"), ("0", "no solution"),
    ("does not exist", "exists"), ("B", "(A) 12"), ("B", "A or B"), ("12", "(B) 13"), ("(B) 12", "(B) 13"),
    ("a", "A"), ("C", "A"), ("C", "D"), ("A, C", "A, D"), ("C_1", "C_2"), ("30.52", "30.53"), ("30.52", "30.514"),
    ("30.52", "31"), ("3.14159", "3.14"), ("12.25", "12.3"), ("1/3", "0.3333"), ("1/7", "0.142857"),
    ("0.67", "0.6651"), ("0.7", "2/3"), ("0.67", "0.665"), ("2/3", "0.67"), ("0.12", "1/8"), ("0.67", "33/50"),
    ("1", "0.99999999999"), ("0.5", "0.4999999999"), ("42", "42.0001"), ("3.125", "3.13"), ("2.653 m", "2.7"),
    ("30.52", "30.52+0.001"), (r"\sqrt2", "1.41421356"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), RIGHT)
def test_right_statement_is_accepted(gold: str, answer: str) -> None:
    grade = boxed(gold, answer)
    assert grade.reward == 1, grade.detail


@pytest.mark.parametrize(("gold", "answer"), WRONG)
def test_wrong_statement_is_rejected(gold: str, answer: str) -> None:
    assert boxed(gold, answer).reward == 0


POLICIES = [
    # spec, gold, answer, reward
    ({"variables": "any"}, "B", "A", 0), ({"variables": "any"}, "2a+b", "a+2b", 1),
    ({"tolerance": {"absolute": 1}}, "12:30", "12:31", 0),
    ({"rounding": "exact"}, "30.52", r"\frac{1587}{52}", 0), ({"rounding": "exact"}, "1/3", "0.3333333333", 0),
    ({"percent": "exact"}, "50%", "50", 0), ({"percent": "exact"}, "50%", "0.5", 1),
    ({"percent": "exact"}, "50", "50%", 0), ({"order": "given"}, "1, 2, 3", "3, 2, 1", 0),
    ({"order": "given"}, "1, 2, 3", "1, 2, 3", 1), ({"order": "given"}, r"\{1,2\}", r"\{2,1\}", 1),
    ({"variables": "any"}, "x+1", "y+1", 1), ({"variables": "any"}, "x>3", "t>3", 1),
    ({"variables": "any"}, "x+2y", "a+2b", 1), ({"variables": "any"}, "x+2y", "2a+b", 1),
    ({"variables": "any"}, "x+2y", "a+b", 0), ({"variables": "any"}, "x=3", "y=3", 1),
    ({"tolerance": {"significant_digits": 3}}, "2.71828", "2.72", 1),
    ({"tolerance": {"significant_digits": 3}}, "2.71828", "2.71", 0),
    ({"tolerance": {"significant_digits": 2}}, "1234", "1200", 1),
    ({"tolerance": {"absolute": 0.1}}, "30.52", "30.6", 1), ({"tolerance": {"absolute": 0.01}}, "30.52", "30.6", 0),
    ({"constant_of_integration": "optional"}, "x^2 + C", "x^2", 1),
    ({"constant_of_integration": "optional"}, "x^2", "x^2 + C", 1),
    ({"constant_of_integration": "optional"}, "x^2 + C", "x^2 + 1", 1),
    ({"constant_of_integration": "optional"}, "x^2 + C", "x^3", 0), ({}, "x^2 + C", "x^2 + K", 1),
    ({}, "x^2 + C", "x^2", 0), ({}, "x^2 + C", "x^2 + 5 + C", 1), ({}, "x^2 + C", "x^2 + 5", 0),
    ({}, r"\frac{\sin^2 x}{2} + C", r"-\frac{\cos^2 x}{2} + C", 1), ({}, "x^2 + C", "x^3 + C", 0),
    ({"choices": {"A": "12", "B": "15"}}, "B", "15", 1), ({"choices": {"A": "12", "B": "15"}}, "B", "12", 0),
    ({"choices": {"A": "12", "B": "15"}}, "15", "b", 1), ({"choices": {"A": "12", "B": "15"}}, "B", "(B) 15", 1),
    ({"choices": {"A": "12", "B": "15"}}, "B", "(B) 12", 0), ({"choices": {"A": "12", "B": "15"}}, "B", "A, B", 0),
    ({"choices": {"A": "12", "B": "15"}}, "B", "30/2", 1), ({"choices": {"A": "12", "B": "15"}}, "B", "16", 0),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "gold", "answer", "reward"), POLICIES)
def test_policy_decides(spec: dict[str, object], gold: str, answer: str, reward: float) -> None:
    assert boxed(gold, answer, **spec).reward == reward
