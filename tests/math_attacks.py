r"""The attacks on the math verifier: the M-rows of the adversarial list, each in several variants, and whole families.

Used by the tests, the service flood, the fuzzer's seeds and the benchmark of hostile inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Wanted = Literal["correct", "incorrect", "invalid"]


@dataclass(frozen=True)
class Attack:
    """A completion, what it is graded against, and the outcome that it must have."""

    row: str
    """Its row of the adversarial list: M01 .. M45."""
    completion: str | Callable[[], str]
    """A function where the text is large."""
    gold: str = "42"
    wanted: Wanted = "incorrect"
    reason: str = ""
    """The verdict's reason, where the row settles it."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further fields of the spec."""

    @property
    def text(self) -> str:
        return self.completion if isinstance(self.completion, str) else self.completion()

    @property
    def spec(self) -> dict[str, Any]:
        return {"answer": self.gold, **self.options}


def _boxed(answer: str) -> str:
    return rf"\boxed{{{answer}}}"


def _rows(row: str, *completions: str | Callable[[], str], **common: Any) -> list[Attack]:
    return [Attack(row, completion, **common) for completion in completions]


def _answers(row: str, gold: str, *answers: str, **common: Any) -> list[Attack]:
    return [Attack(row, _boxed(answer), gold, **common) for answer in answers]


CODE = (
    "__import__('os').system('touch ./pwned')",
    r"open('./pwned','w').close() or 2\pi",
    "[x for x in ().__class__.__base__.__subclasses__()]",
    "(lambda: 42)()",
    'f"{42}"',
    "f'{42}'",
    r"\x5f\x5fimport\x5f\x5f('os')",
    r"\begin{pmatrix}__import__('os').system('touch ./pwned')\end{pmatrix}",
    "[__import__('os').system('touch ./pwned')]",
    "exec(compile('open(\"pwned\", \"w\")', '', 'exec'))",
    "eval('42')",
    "sympify(42)",
    "S(42)",
    "lambdify(x)",
    "Symbol('x').func.__globals__",
    "$(touch pwned)",
    "`touch pwned`; touch pwned",
    r"\input{/etc/passwd}",
    r"\write18{touch pwned}",
    "cos\nsystem\n(S'touch pwned'\ntR.",
)
"""Texts that some grader would run as code."""

DETERMINANT = (
    r"\det\begin{pmatrix}"
    + r"\\".join("&".join(f"x_{{{r}{c}}}" for c in range(12)) for r in range(12))
    + r"\end{pmatrix}"
)

HUGE = {
    "tower": r"9^{9^{9^9}}",
    "python tower": "9**9**9**9",
    "powers of ten": "10^{10^{10}}",
    "factorial": "99999999!",
    "factorials": "9!!!!",
    "nested factorials": "(((9!)!)!)!",
    "multinomial": "(x+y+z+w+1)^{300}",
    "product of multinomials": "(x+y+z+w+1)^{12}" * 12,
    "digits": "9" * 100_000,
    "fraction of digits": r"\frac{" + "7" * 20_000 + "}{" + "3" * 20_000 + "}",
    "parentheses": "(" * 400 + "42" + ")" * 400,
    "fractions": r"\frac{1}{" * 200 + "1" + "}" * 200,
    "roots": r"\sqrt" * 180 + "2",
    "signs": "-" * 901 + "42",
    "exponents": "x" + "^x" * 450,
    "divisions": "1/" * 450 + "2",
    "bars": "|" * 900,
    "matrix": DETERMINANT.removeprefix(r"\det"),
    "determinant": DETERMINANT,
    "modular power": "3^{1000000007} mod 7",
    "large factor": "1e900 n m k",
    "large factors": r"1e300 x\ln y+10^{200}\sqrt{n}",
    "factorial to a power": "0^J^8=0/u!^J^8",
    "large shift": r"|x+1e300|+\max(n,-1e200)",
    "largest literal": "1e4999",
    "largest power": "2^{16000}",
    "exponent literal": "1e999999999",
    "cosine of a tower": r"\cos(10^{10^{9}})",
    "exponential": r"e^{e^{e^{e^{e}}}}",
    "gamma": r"(10^9+\pi)!",
    "binomial": r"\binom{10^{9}}{5\cdot 10^{8}}",
    "sum": r"\sum_{k=1}^{10^{12}} k^{k}",
    "product": r"\prod_{k=1}^{10^{9}} k",
    "root of huge order": r"\sqrt[10^{9}]{2}",
    "base of many digits": "1" * 900 + "_2",
    "list": ",".join(str(number) for number in range(300)),
    "union": r"\cup".join(["(1,2)"] * 200),
    "plus-minus": r"\pm 1" * 200,
    "equations": "=".join(["x"] * 400),
    "absolute values": "+".join(f"|x-{number}|" for number in range(80)),
    "nested logarithms": r"\log(" * 30 + "x" + ")" * 30,
    "ratio": ":".join(["1"] * 400),
    "sines": r"\sin(" * 28 + "x" + ")" * 28,
}
"""Answers that ask for a huge number, a deep tree or a long computation."""

LONG = {
    "boxes": r"\boxed{1}" * 20_000,
    "different boxes": "".join(rf"\boxed{{{number}}}" for number in range(5_000)),
    "open boxes": r"\boxed{" * 100_000,
    "dollars": "$" * 20_000,
    "spaces": " " * 50_000,
    "newlines": "\n" * 900_000,
    "answer": "answer" * 20_000,
    "answer is": "answer is " * 20_000,
    "answer to": "answer to " + "x " * 60_000,
    "answer is not": "the answer is not 42. " * 20_000,
    "A:": "A:\n" * 300_000,
    "final": "final" + " " * 60_000 + "answer",
    "negations": "n't " * 200_000 + "the answer is 43",
    "stars": "*" * 900_000,
    "braces": "{" * 900_000,
    "backslashes": "\\" * 900_000,
    "think": "<think>" * 100_000,
    "closed think": "</think>" * 100_000,
    "tags": "<answer>" * 100_000,
    "hashes": "####\n" * 100_000,
    "spaces in a box": r"\boxed{" + " " * 50_000 + "}",
    "prose": "lorem ipsum " * 80_000,
    "combining marks": "4" + "\u0301" * 300_000,
    "ligatures": "\ufdfa" * 30_000,
    "zero-width": "\u200b" * 300_000,
    "or": "42 or " * 5_000,
}
"""Completions that ask a regular expression to backtrack or a loop to be quadratic."""

ATTACKS: list[Attack] = [
    *_rows(
        "M01",
        "The answer is definitely not 42.",
        "The answer isn't 42.",
        "The final answer is not 42.",
        "I doubt that the answer is 42.",
        "It cannot be that the answer is 42.",
    ),
    *_rows(
        "M02",
        "40, 41, 42, 43 or 44",
        "The answer is 40, 41, 42, 43 or 44.",
        "The answer is either 41 or 42.",
        "The answer is 42 or maybe 43.",
        _boxed(r"41 \text{ or } 42"),
    ),
    *_rows("M03", r"\boxed{41}\boxed{42}\boxed{43}", r"\boxed{41} or \boxed{42}", reason="conflicting_answers"),
    *_answers("M04", "42", "42,42", "42;42", r"\{42,42\}", r"42 \text{ and } 42"),
    *_answers("M05", "42", "41=42", "42=41", "43-1=41"),
    *_answers("M06", "42", "x=41=42", "x=42=41", "41=x=42"),
    *_rows(
        "M07",
        "<think>42</think> The answer is 43",
        r"<think>\boxed{42}</think>\boxed{43}",
        r"<think>\boxed{42}</think>",
        r"<think>a</think>\boxed{43}<think>\boxed{42}</think>",
    ),
    *_rows(
        "M08",
        r"The final answer is $42$. I hope it is correct. ... \boxed{17}",
        r"<answer>42</answer> \boxed{17}",
        "The final answer is 42.\n#### 17",
        reason="conflicting_answers",
    ),
    *_rows(
        "M09",
        r"\boxed{17} ... final answer is $42$",
        r"\boxed{17} <answer>42</answer>",
        "\\boxed{17}\nThe answer is 42.",
        reason="conflicting_answers",
    ),
    *_rows(
        "M10", r"<think>\boxed{42}", r"<think>a</think><think>\boxed{42}", "<think>The answer is 42", reason="no_answer"
    ),
    *_rows("M11", r"\boxed{42", r"\boxed{\frac{42}{1}", r"\boxed{42\}", reason="no_answer"),
    *_rows("M12", r"\boxed{}", r"\boxed{ }", "   ", "", "Answer:", "The answer is", "The final answer is .", "####"),
    *_rows("M12", r"\boxed{}", r"\boxed{ }", "   ", "", "Answer:", "The answer is", "<answer></answer>", gold="0"),
    *_rows(
        "M13",
        ", ".join(str(number) for number in range(1, 101)),
        "\n".join(str(number) for number in range(1, 101)),
        "The answer is one of " + ", ".join(str(number) for number in range(1, 101)),
        _boxed(",".join(str(number) for number in range(1, 101))),
        "".join(_boxed(str(number)) for number in range(1, 101)),
    ),
    *_rows(
        "M14",
        r"\boxed{\text{not }42}",
        r"not \boxed{42}",
        r"\boxed{\neg 42}",
        r"\boxed{\neq 42}",
        r"\boxed{\text{un}42}",
    ),
    *_answers("M15", "5 m", "5 km", r"5\text{ km}", r"5\,\mathrm{mm}", "5 m^2", "5 s"),
    *_answers("M16", "5 m", "500 cm", r"0.005\text{ km}", wanted="correct", options={"units": "convert"}),
    *_answers("M16", "5 m", "500 km", "5 cm", "50 cm", options={"units": "convert"}),
    *_answers("M17", "42", "0.42", "4200", "4.2", "420"),
    *_answers("M18", "10^{-20}", "10^{-21}", "1e-21", "0", r"10^{-20.5}"),
    *_answers("M19", r"\frac{1}{2004!}", r"\frac{1}{2006!}", "1/2006!", "0"),
    *_answers("M20", "123456789012345678", "123456789012345679", "1.23456789012345678e16", "123456789012345680"),
    *_answers("M21", r"\sqrt{10^{40}+1}", "10^{20}", "100000000000000000000"),
    *_answers("M21", "10^{20}", r"\sqrt{10^{40}+1}"),
    *_answers("M22", "4", r"4\sqrt(2)", r"4\sqrt{2}", "4x", r"4\pi"),
    *_answers("M23", "1011_2", "1011_3", "1011", "1011_{16}"),
    *_answers("M23", "1011_2", "11", wanted="correct"),
    *_answers("M24", "(1,2)", r"\{1,2\}", "[1,2]", "(1,2]", "(2,1)"),
    *_answers("M24", r"\{1,2,3\}", r"\{3,1,2\}", "{3,2,1}", wanted="correct"),
    *_answers("M24", r"\{1,2,3\}", r"\{1,2\}", r"\{1,2,3,4\}"),
    *_answers("M25", "x>3", r"x\ge 3", "x≥3", "x<3", r"x \geqslant 3"),
    *_answers("M26", "f(x)=2x", "f(z)=2z", "f(z)=z+z", wanted="correct"),
    *_answers("M26", "x+1", "y+1", "X+1"),
    *_rows(
        "M27",
        r"\boxed{A, B}",
        "The answer is not B.",
        r"\boxed{\text{not B}}",
        "The answer is A, B, C, or D",
        r"\boxed{A, B, C, D}",
        "B or C",
        gold="B",
    ),
    *_answers("M27", "C", "A", "B", "D", "K", "(A)", r"\text{not }C", "A, C"),
    *_answers("M27", r"\text{(C)}", "A", r"\text{(A)}", "D", "E"),
    *_answers("M28", "42", "nan", r"\text{nan}", "NaN", "inf", r"\infty", "1e400"),
    *_answers("M28", r"\infty", "1e400", "10^{400}", "nan", r"-\infty"),
    *_answers("M28", "inf", "1e400", "nan"),
    *_answers("M29", "391", r"17\cdot 23", "17*23", r"17 \times 23", "400-9", r"\sqrt{391^2}"),
    *_answers("M29", "391", r"17\cdot 23", wanted="correct", options={"allow_unevaluated": True}),
    *_answers("M30", r"\frac{\pi^2}{6}", r"\sum_{n\ge1}1/n^2", r"\sum_{n=1}^{\infty}\frac{1}{n^2}"),
    *_answers("M30", r"\frac13", r"\int_0^1x^2dx", r"\int_0^1 x^2\,dx"),
    *_answers("M30", "1", r"\lim_{x\to0}\frac{\sin x}{x}", r"\lim_{n\to\infty}\frac{n}{n+1}"),
    *_answers("M31", "3", "2x+1=7", "2x=6", "x-3=0"),
    *_answers("M31", "x=3", "2x+1=7", "2x=6"),
    *_answers("M32", "x>3", "2x+1>7", "2x>6", "x-3>0"),
    *_answers("M32", r"(3,\infty)", "2x+1>7"),
    *_answers(
        "M33", "42", HUGE["tower"], HUGE["python tower"], HUGE["powers of ten"], "-9^{9^{9^9}}", r"2^{-10^{10^{10}}}"
    ),
    *_answers("M34", "42", "99999999!", "1/99999999!", r"\sin(99999999!)", "99999999!/99999998!"),
    *_answers("M35", "42", "9!!!!", HUGE["nested factorials"], HUGE["multinomial"], "((x+y)^{99})^{99}"),
    *_answers("M35", "x", HUGE["multinomial"], HUGE["product of multinomials"]),
    *_answers("M36", "42", HUGE["digits"], HUGE["parentheses"], HUGE["fractions"], DETERMINANT, HUGE["matrix"]),
    *_answers("M36", "x", DETERMINANT, r"\frac{x}{" * 30 + "x" + "}" * 30),
    *_rows(
        "M38", CODE[0], _boxed(CODE[0]), f"The answer is {CODE[0]}", f"<answer>{CODE[0]}</answer>", f"#### {CODE[0]}"
    ),
    *_rows("M39", CODE[1], _boxed(CODE[1]), gold=r"2\pi"),
    *_rows("M39", CODE[1], _boxed(CODE[1])),
    *[Attack("M40", _boxed(code), gold) for code in CODE[2:] for gold in ("42", r"x_5")],
    *_answers("M41", r"\begin{pmatrix}1\\2\end{pmatrix}", CODE[7], CODE[8], f"[[1],[{CODE[0]}]]"),
    *_answers("M42", "42", "4\u200b2", "\uff14\uff12", "\u206042\ufeff", "\u200e42\u200f", wanted="correct"),
    *_answers("M42", "-42", "\u221242", "\uff0d42", wanted="correct"),
    *_answers("M42", "42", "\u202e24\u202c", "\u202e24", "4\u030002", "\u0664\u0662"),
    *_answers("M42", "x", "\u0445", "\u03c7", "\U0001d4cd\u0301"),
    *_answers("M42", "B", "\u0412", "\u0392"),
    *_rows(
        "M43",
        LONG["dollars"],
        LONG["spaces"],
        LONG["answer"],
        LONG["answer is"],
        LONG["open boxes"],
        LONG["stars"],
        LONG["or"],
    ),
    *_rows("M43", LONG["boxes"], LONG["different boxes"]),
    Attack("M44", lambda: "a" * 1_000_000),
    Attack("M44", lambda: "9" * 1_000_000),
    Attack("M44", lambda: "a" * 1_000_001 + _boxed("42"), reason="too_large"),
    Attack("M44", lambda: "a" * 50_000_000 + _boxed("42"), reason="too_large"),
    *_rows("M45", "", r"\boxed{}", _boxed("42"), gold="", wanted="invalid", reason="gold_unparseable"),
    *_rows("M45", r"\boxed{\frac{1}{}", r"\frac{1}{", gold=r"\frac{1}{", wanted="invalid", reason="gold_unparseable"),
    *_rows("M45", "$$", r"\boxed{$$}", gold="$$", wanted="invalid", reason="gold_unparseable"),
    *_rows("M45", _boxed(r"\boxed{}"), gold=r"\boxed{}", wanted="invalid", reason="gold_unparseable"),
    *_rows("M45", _boxed("nan"), gold="nan", wanted="invalid", reason="gold_unparseable"),
    *_rows("M45", _boxed("1/0"), gold="1/0", wanted="invalid", reason="gold_unparseable"),
]
"""Every variant of every row, but M37, whose outcome is open (`OPEN`)."""

OPEN: list[Attack] = [
    *_answers(
        "M37", "5", r"3^{1000000007} \bmod 7", r"3^{1000000007} \pmod 7", "3^{1000000007} mod 7", wanted="correct"
    ),
]
"""Either reward will do, as long as it is bounded."""

BOUNDED = frozenset({"M33", "M34", "M35", "M36", "M37", "M43", "M44"})
"""Rows about hanging and memory: to be graded by real workers under their limits."""
