"""Assertions cut in two: calls that the program answers, and what is then judged here.

    assert math.isclose(area(3), 28.27, rel_tol=0.01)

becomes the request `area(3)`, sent to the candidate's process, and the rest `math.isclose(#0, 28.27, rel_tol=0.01)`,
which `evaluator` works out on the plain value that came back. The candidate sees arguments and nothing else.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rlvr.core.verdict import Reason
from rlvr.verifier.code.judging.answers import NoValue, Value
from rlvr.verifier.code.judging.evaluator import (
    EVALUATION_ERRORS,
    Asked,
    NotAnswered,
    Unsupported,
    check,
    evaluate,
)
from rlvr.verifier.code.judging.failure import Failure, failed
from rlvr.verifier.code.judging.known import OutOfBounds
from rlvr.verifier.code.judging.names import bound, loaded


class BadTest(ValueError):
    """The test cannot pass or fail anything; the message says why."""


@dataclass(frozen=True, slots=True)
class Assertions:
    """Requests to the program, in order, and what must hold of the answers."""

    requests: tuple[str, ...]
    """Expressions that call the program."""
    rests: tuple[ast.expr, ...]
    nan: bool
    """Whether NaN is an answer: to a test that does not speak of it, `not abs(f(1) - 2) > 0.1` would hold."""

    def judge(self, answers: Sequence[Value | NoValue]) -> Failure | None:
        """Whether all hold, given an answer to each request; the first that does not."""

        def answer(index: int) -> Any:
            given = answers[index]
            if isinstance(given, NoValue):
                raise NotAnswered(given.why)
            return iter(given.value) if given.is_iterated else given.value

        for rest in self.rests:
            try:
                if not evaluate(rest, answer):
                    return failed("an assertion does not hold")
            except NotAnswered as failure:
                return Failure(Reason.RUNTIME_ERROR, str(failure))
            except EVALUATION_ERRORS as failure:
                return failed(f"an assertion cannot be worked out of the answers: {type(failure).__name__}")
        return None


def cut(
    tests: Sequence[ast.expr], program: set[str], own: set[str], unsent: Counter[str], entry_known: bool, nan: bool
) -> Assertions:
    """Cut the tests of assertions.

    `program` are the names that may be called for, `own` the ones to which the test gives a meaning, and `unsent` those
    of them that mean nothing in the candidate's process, with how often the test binds them: a call may bind a name
    itself, as a lambda's parameter is. `nan`: see `Assertions`.

    Raises:
        Unsupported: a part of them can only be judged by running the test.
        BadTest: one cannot hold, or fails by itself, or leaves the whole judgement to the program.
    """
    cutter = _Cutter(program, unsent)
    rests = []
    for test in tests:
        if not entry_known:
            _refuse_self_judgement(test, cutter)
        rest = cutter.visit(test)
        if strange := loaded([rest]) & own:
            raise Unsupported(f"{min(strange)} is the test's own")
        check(rest)
        try:
            rest = _fold(rest)
        except OutOfBounds as failure:
            raise Unsupported(str(failure)) from None
        except EVALUATION_ERRORS as failure:
            raise BadTest(f"an assertion fails by itself, with {type(failure).__name__}") from None
        if not isinstance(rest, ast.Constant):
            rests.append(rest)
        elif not rest.value:
            raise BadTest("an assertion is false whatever the program does")
    if not rests:
        raise BadTest("no assertion calls the program; if it should, name the function in entry_point")
    return Assertions(tuple(cutter.requests), tuple(rests), nan)


class _Cutter(ast.NodeTransformer):
    def __init__(self, program: set[str], unsent: Counter[str]) -> None:
        self._program = program
        self._unsent = unsent
        self.requests: list[str] = []

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not self.is_request(node):
            return self.generic_visit(node)
        within = bound(node)
        strange = {name for name in loaded([node]) & self._unsent.keys() if self._unsent[name] > within[name]}
        if strange:
            raise Unsupported(f"the call uses {min(strange)}, which the test defines")
        self.requests.append(ast.unparse(node))
        return Asked(len(self.requests) - 1)

    def is_request(self, node: ast.expr) -> bool:
        """Whether this is a call of a name of the program's, or of an attribute of one: never of a result's."""
        if not isinstance(node, ast.Call):
            return False
        root = node.func
        while isinstance(root, ast.Attribute):
            root = root.value
        return isinstance(root, ast.Name) and root.id in self._program


def _refuse_self_judgement(test: ast.expr, cutter: _Cutter) -> None:
    """Refuse `assert close(f(1), 2)`, with nothing to tell which of the two is the program's and which the judge."""
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test = test.operand
    if cutter.is_request(test):
        inner = (part for part in ast.walk(test) if part is not test)
        if any(isinstance(part, ast.expr) and cutter.is_request(part) for part in inner):
            raise BadTest("an assertion leaves the judgement to a function of the program; name entry_point")


def _fold(node: ast.expr) -> ast.expr:
    """Work out what does not depend on the program, once; an error there is the test's own."""
    if not any(isinstance(part, Asked) for part in ast.walk(node)):
        if isinstance(node, ast.Slice | ast.Starred):
            return node
        return ast.Constant(evaluate(node, _no_answer))
    for name, part in ast.iter_fields(node):
        if name == "func":  # a function's name is not a value; a method's owner is
            if isinstance(part, ast.Attribute) and any(isinstance(inner, Asked) for inner in ast.walk(part)):
                part.value = _fold(part.value)
        elif isinstance(part, list):
            setattr(node, name, [_fold(item) if isinstance(item, ast.expr) else item for item in part])
        elif isinstance(part, ast.expr):
            setattr(node, name, _fold(part))
        if name == "keywords":
            for keyword in part:
                keyword.value = _fold(keyword.value)
    return node


def _no_answer(index: int) -> Any:
    raise AssertionError("a part without requests asks for nothing")
