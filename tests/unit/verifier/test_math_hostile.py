"""Nothing that a completion says is ever evaluated: shown statically, and by the interpreter's own audit."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sympy
import sympy.physics.units
from sympy.parsing import sympy_parser

import rlvr.verifier.math
from math_attacks import ATTACKS, CODE, HUGE
from math_triples import TRIPLES
from rlvr.core.verdict import Reason
from rlvr.verifier import text
from rlvr.verifier.math import MathGold, MathGrader, MathSpec
from rlvr.verifier.pool import forker, member, nursery, pool, wire
from rlvr.verifier.protocol import InvalidSpec

GRADER = MathGrader()
MATH = sorted(Path(rlvr.verifier.math.__file__).parent.rglob("*.py"))
REACHED = [*MATH, *(Path(module.__file__) for module in (text, forker, member, nursery, pool, wire) if module.__file__)]
"""Every module that a candidate's text passes through."""
EVALUATORS = frozenset(
    {
        *("eval", "exec", "compile", "__import__", "execfile", "runpy", "codeop"),
        *("sympify", "parse_expr", "parse_latex", "parse_mathematica", "lambdify", "nsimplify", "S", "sympy_parser"),
        *("pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml", "literal_eval"),
        *("subprocess", "system", "popen", "spawnl", "spawnv", "execv", "execve", "posix_spawn", "pty"),
    }
)
LOADERS = frozenset({"import_module", "create_subprocess_exec", "create_subprocess_shell"})
STARTS_WORKERS = {"nursery.py": {"import_module"}, "forker.py": {"create_subprocess_exec", "subprocess"}}
"""Runs before there is any candidate, on names from `registry`."""


@pytest.mark.parametrize("source", REACHED, ids=lambda source: f"{source.parent.name}/{source.name}")
def test_no_module_that_candidate_text_reaches_names_an_evaluator(source: Path) -> None:
    tree = ast.parse(source.read_text())
    named: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name):
                named.add(name)
            case ast.Attribute(value=ast.Name(id="re"), attr="compile"):
                pass
            case ast.Attribute(attr=name):
                named.add(name)
            case ast.Import(names=names):
                named |= {part for alias in names for part in alias.name.split(".")}
            case ast.ImportFrom(module=module, names=names):
                named |= {alias.name for alias in names} | set((module or "").split("."))
            case ast.Constant(value=str(name)):
                named |= {name} & (EVALUATORS - {"S"})
    found = named & (EVALUATORS | LOADERS)
    assert found <= STARTS_WORKERS.get(source.name, set())


@contextmanager
def audited() -> Iterator[list[str]]:
    """What the interpreter reports meanwhile of code compiled or run, files and processes opened, modules loaded."""
    watched = ("compile", "exec", "open", "import", "pickle", "marshal", "os.", "subprocess", "socket", "ctypes")
    seen: list[str] = []
    active = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if active and event.startswith(watched):
            seen.append(f"{event} {arguments}"[:200])

    sys.addaudithook(watch)  # cannot be removed again, hence `active`
    try:
        yield seen
    finally:
        active = False


def golds() -> list[MathGold]:
    """Golds of different kinds."""
    answers = ("42", r"\sqrt{x^2}+1", r"\begin{pmatrix}1\\2\end{pmatrix}", r"\{1,2\}", "x>3", r"2\pi", "B")
    return [GRADER.prepare(MathSpec(answer=answer)) for answer in answers]


def attack_everything(targets: list[MathGold]) -> None:
    """The attacks as completions and as golds, and answers that SymPy has to settle."""
    for answer, right, wrong in TRIPLES:
        gold = GRADER.prepare(MathSpec(answer=answer))
        GRADER.judge(rf"\boxed{{{right}}}", gold)
        GRADER.judge(rf"\boxed{{{wrong}}}", gold)
    for attack in ATTACKS:
        completion = attack.text
        for gold in targets:
            GRADER.judge(completion, gold)
    for answer in (*CODE, *HUGE.values()):
        for form in ("%s", r"\boxed{%s}", "The answer is %s", "<answer>%s</answer>", "#### %s", r"\boxed{\text{%s}}"):
            for gold in targets:
                GRADER.judge(form % answer, gold)
        try:
            GRADER.judge(r"\boxed{42}", GRADER.prepare(MathSpec(answer=answer)))
        except InvalidSpec:
            continue


def test_no_code_is_compiled_and_no_process_or_file_opened_while_attacks_are_graded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    targets = golds()
    attack_everything(targets)  # what SymPy imports late is imported now
    with audited() as seen:
        attack_everything(targets)
    assert seen == []
    assert list(tmp_path.iterdir()) == []


def test_sympy_is_never_given_a_string_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way into SymPy's parser ends in `parse_expr`; `sympify` reads strings by it."""
    targets = golds()

    def refuse(code: object, *_: object, **__: object) -> None:
        raise AssertionError(f"SymPy was asked to read {code!r}")

    monkeypatch.setattr(sympy_parser, "parse_expr", refuse)
    monkeypatch.setattr(sympy_parser, "eval_expr", refuse)
    with pytest.raises(AssertionError):
        sympy.sympify("x+1")
    attack_everything(targets)


def test_completion_over_the_cap_is_refused_unread() -> None:
    grade = GRADER.judge("a" * 1_000_001 + r"\boxed{42}", GRADER.prepare(MathSpec(answer="42")))
    assert grade.reason is Reason.TOO_LARGE


def test_number_over_the_cap_is_said_to_be_too_large() -> None:
    prepared = GRADER.prepare(MathSpec(answer="42", allow_unevaluated=True))
    for answer in ("9^{9^9}", "9" * 500, "1e99999", "(" * 40 + "1" + ")" * 40):
        assert GRADER.judge(rf"\boxed{{{answer}}}", prepared).reason is Reason.TOO_LARGE
