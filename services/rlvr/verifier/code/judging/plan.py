"""From test code to the way it is run: cut into requests and a judgement here, or in a process of its own."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from rlvr.verifier.code.judging.assertions import Assertions, BadTest, cut
from rlvr.verifier.code.judging.evaluator import Unsupported
from rlvr.verifier.code.judging.names import bound, parse, program_names, with_entry_named
from rlvr.verifier.code.runner import ENTRY

_CHECK = "check"
_OWN_MODULES = {"math"}
"""Modules that `evaluator` knows."""


@dataclass(frozen=True, slots=True)
class Proxied:
    """Test code that has to be run, in a process without the program, which it calls through the room."""

    code: str
    called: tuple[str, ...]
    """Names in it that stand for the program's."""
    nan: bool
    """See `Assertions`."""


@lru_cache(maxsize=512)
def plan(code: str, setup: str, entry_point: str | None) -> Assertions | Proxied:
    """How to run a test. Cached: the traces of a group share their tests.

    Raises:
        BadTest: it cannot be run so that it could tell a right program from a wrong one.
    """
    try:
        tree, before = with_entry_named(parse(code), entry_point), parse(setup)
    except ValueError as failure:
        raise BadTest(f"the code {failure}") from None
    nan = "nan" in code.lower()
    try:
        return _cut(tree, before, entry_point, nan)
    except Unsupported:
        return _proxied(tree, before, code, setup, entry_point, nan)
    except RecursionError:
        raise BadTest("the code is nested too deep") from None


def _cut(tree: ast.Module, before: ast.Module, entry_point: str | None, nan: bool) -> Assertions:
    parameter = _check_parameter(tree)
    tests = _tests(tree)
    known = {parameter} | _plainly_imported(tree) | _plainly_imported(before)
    own = (bound(tree) | bound(before)).keys() - known
    unsent = Counter({name: times for name, times in bound(tree).items() if name in own and name not in bound(before)})
    if parameter is not None:
        tree = _Rename(parameter).visit(tree)
    program = (program_names(tree, entry_point) - bound(before).keys() - _OWN_MODULES) | {ENTRY}
    if entry_point:
        program &= {entry_point.partition(".")[0], ENTRY}
    entry_known = bool(entry_point or parameter)
    if not entry_known and "*" in own:
        raise BadTest("with import * there is no telling which names are the program's; name entry_point")
    return cut(tests, program, own, unsent, entry_known, nan)


def _tests(tree: ast.Module) -> list[ast.expr]:
    """What the code asserts, if it does nothing else that matters."""
    tests = []
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == _CHECK:
            tests += [test for inner in statement.body for test in _asserted(inner)]
        else:
            tests += _asserted(statement)
    return tests


def _asserted(statement: ast.stmt) -> list[ast.expr]:
    match statement:
        case ast.Assert(test):
            return [test]
        case ast.Pass() | ast.Expr(ast.Constant()):
            return []
        case ast.Assign([ast.Name()], value) if not _calls_something(value):
            return []
        case ast.Import() | ast.ImportFrom() | ast.FunctionDef(decorator_list=[]):
            return []
    raise Unsupported(f"a {type(statement).__name__} statement is run, not judged")


def _plainly_imported(tree: ast.Module) -> set[str]:
    """Modules known to `evaluator` whose names mean in the code what they mean there."""
    imported = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    rebound = bound(ast.Module([node for node in tree.body if not isinstance(node, ast.Import)], []))
    return (imported & _OWN_MODULES) - rebound.keys()


def _calls_something(value: ast.expr) -> bool:
    return any(isinstance(node, ast.Call) for node in ast.walk(value))


def _check_parameter(tree: ast.Module) -> str | None:
    """Name that `def check(candidate)` gives to the entry point; None if the code has no such function."""
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == _CHECK:
            if len(statement.args.args) != 1:
                raise BadTest("check must take one argument, the function that it checks")
            return statement.args.args[0].arg
    return None


class _Rename(ast.NodeTransformer):
    """Names the entry point as the harness does, where `check` reads its parameter."""

    def __init__(self, parameter: str) -> None:
        self._parameter = parameter

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id == self._parameter and isinstance(node.ctx, ast.Load):
            node.id = ENTRY
        return node


def _proxied(
    tree: ast.Module, before: ast.Module, code: str, setup: str, entry_point: str | None, nan: bool
) -> Proxied:
    if program_names(before, None):
        raise BadTest("setup makes objects of the program's, which cannot be passed to a test that has to be run")
    # Parsed again, since the cut has renamed in the tree what it read.
    whole = with_entry_named(parse(f"{setup}\n{code}"), entry_point)
    called = program_names(whole, entry_point)
    if entry_point or _check_parameter(whole) is not None:
        entry = {(entry_point or "").partition(".")[0], ENTRY}
        if strange := called - entry:
            raise BadTest(f"{min(strange)} is defined neither by the test nor by Python, and is not the entry point")
    for node in ast.walk(whole):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in called:
            raise BadTest(f"{node.value.id}.{node.attr}: of the program's names a test can only call functions")
    if not called and _check_parameter(whole) is None:
        raise BadTest("the test never calls the program")
    return Proxied(ast.unparse(whole), tuple(sorted(called)), nan)
