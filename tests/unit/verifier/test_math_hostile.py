"""Inputs that are meant to run code, to hang or to fill the memory."""

from __future__ import annotations

import ast
import sys
import time
from pathlib import Path

import pytest

import rlvr.verifier.math
from rlvr.core.verdict import Reason
from rlvr.verifier.math import MathGrader, MathSpec

GRADER = MathGrader()
SOURCES = sorted(Path(rlvr.verifier.math.__file__).parent.rglob("*.py"))

INJECTIONS = [
    "__import__('os').system('touch ./pwned')",
    r"open('./pwned','w').close() or 2\pi",
    "[x for x in ().__class__.__base__.__subclasses__()]",
    "(lambda: 42)()",
    'f"{42}"',
    r"\x5f\x5fimport\x5f\x5f('os')",
    r"\begin{pmatrix}__import__('os').system('touch ./pwned')\end{pmatrix}",
    "exec(compile('open(\"pwned\", \"w\")', '', 'exec'))",
]

HUGE = {
    "tower": r"9^{9^{9^9}}",
    "python tower": "9**9**9**9",
    "powers of ten": "10^{10^{10}}",
    "factorial": "99999999!",
    "factorials": "9!!!!",
    "multinomial": "(x+y+z+w+1)^{300}",
    "digits": "9" * 100_000,
    "parentheses": "(" * 400 + "42" + ")" * 400,
    "fractions": r"\frac{1}{" * 200 + "1" + "}" * 200,
    "roots": r"\sqrt" * 180 + "2",
    "signs": "-" * 901 + "42",
    "exponents": "x" + "^x" * 450,
    "divisions": "1/" * 450 + "2",
    "bars": "|" * 900,
    "matrix": r"\begin{pmatrix}"
    + r"\\".join("&".join(f"x_{{{r}{c}}}" for c in range(12)) for r in range(12))
    + r"\end{pmatrix}",
    "modular power": "3^{1000000007} mod 7",
    "exponent literal": "1e999999999",
    "cosine of a tower": r"\cos(10^{10^{9}})",
    "exponential": r"e^{e^{e^{e^{e}}}}",
    "gamma": r"(10^9+\pi)!",
}

LONG = {
    "boxes": r"\boxed{1}" * 20_000,
    "open boxes": r"\boxed{" * 100_000,
    "dollars": "$" * 20_000,
    "spaces": " " * 50_000,
    "newlines": "\n" * 900_000,
    "answer": "answer" * 20_000,
    "answer is": "answer is " * 20_000,
    "answer to": "answer to " + "x " * 60_000,
    "A:": "A:\n" * 300_000,
    "final": "final" + " " * 60_000 + "answer",
    "negations": "n't " * 200_000 + "the answer is 42",
    "stars": "*" * 900_000,
    "braces": "{" * 900_000,
    "think": "<think>" * 100_000,
    "closed think": "</think>" * 100_000,
    "tags": "<answer>" * 100_000,
    "hashes": "####\n" * 100_000,
    "spaces in a box": r"\boxed{" + " " * 50_000 + "}",
    "prose": "lorem ipsum " * 80_000,
}


@pytest.mark.parametrize("gold", ["42", "x+1", r"\sqrt{2}", r"\begin{pmatrix}1\\2\end{pmatrix}"])
@pytest.mark.parametrize("answer", INJECTIONS)
def test_code_in_an_answer_is_only_text(
    gold: str, answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prepared = GRADER.prepare(MathSpec(answer=gold))
    for completion in (answer, rf"\boxed{{{answer}}}", f"The answer is {answer}"):
        assert GRADER.judge(completion, prepared).reward == 0
    assert list(tmp_path.iterdir()) == []


def test_no_source_of_the_verifier_calls_an_evaluator() -> None:
    forbidden = {"eval", "exec", "compile", "sympify", "parse_expr", "parse_latex", "lambdify", "pickle", "S"}
    forbidden |= {"marshal", "subprocess", "system", "popen", "__import__", "nsimplify"}
    for source in SOURCES:
        tree = ast.parse(source.read_text())
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        attributes = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "re")
        }
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert not (names | attributes | imported) & forbidden, source.name


def test_no_code_is_compiled_and_no_process_or_file_opened_while_attacks_are_graded() -> None:
    golds = [GRADER.prepare(MathSpec(answer=gold)) for gold in ("42", r"\sqrt{x^2}+1")]
    GRADER.judge(r"\boxed{1+|x|}", golds[1])  # SymPy is imported and warm
    watched = {
        "compile",
        "exec",
        "os.system",
        "subprocess.Popen",
        "os.exec",
        "os.fork",
        "open",
        "import",
        "pickle.find_class",
    }
    seen: list[str] = []
    active = True

    def watch(event: str, _: tuple[object, ...]) -> None:
        if active and event in watched:
            seen.append(event)

    sys.addaudithook(watch)  # cannot be removed again, hence `active`
    try:
        for answer in INJECTIONS:
            for gold in golds:
                GRADER.judge(rf"\boxed{{{answer}}}", gold)
    finally:
        active = False
    assert seen == []


@pytest.mark.parametrize("gold", ["42", "x+1", r"\sqrt{2}", r"\sqrt{x}+1"])
@pytest.mark.parametrize("answer", HUGE.values(), ids=HUGE.keys())
def test_huge_values_are_refused_and_never_built(gold: str, answer: str) -> None:
    prepared = GRADER.prepare(MathSpec(answer=gold, allow_unevaluated=True))
    started = time.process_time()
    grade = GRADER.judge(rf"\boxed{{{answer}}}", prepared)
    assert time.process_time() - started < 5  # orders of magnitude above what it takes, and below a hang
    assert grade.reward == 0


@pytest.mark.parametrize("completion", LONG.values(), ids=LONG.keys())
def test_long_completions_take_linear_time(completion: str) -> None:
    prepared = GRADER.prepare(MathSpec(answer="42"))
    started = time.process_time()
    grade = GRADER.judge(completion, prepared)
    assert time.process_time() - started < 2
    assert grade.reward == 0


def test_completion_over_the_cap_is_refused_unread() -> None:
    grade = GRADER.judge("a" * 1_000_001 + r"\boxed{42}", GRADER.prepare(MathSpec(answer="42")))
    assert grade.reason is Reason.TOO_LARGE


def test_number_over_the_cap_is_said_to_be_too_large() -> None:
    prepared = GRADER.prepare(MathSpec(answer="42", allow_unevaluated=True))
    for answer in ("9^{9^9}", "9" * 500, "1e99999", "(" * 40 + "1" + ")" * 40):
        assert GRADER.judge(rf"\boxed{{{answer}}}", prepared).reason is Reason.TOO_LARGE
