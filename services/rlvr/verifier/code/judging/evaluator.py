"""A small evaluator for what is left of an assertion once the program has answered its calls.

It knows Python's operators and some pure functions and methods, on plain values only (see `values`), so that
nothing it does can run code of anybody's, and each step is bounded in size. The meaning is Python's own:
`1 == True`, `[1] != (1,)`. What it does not know makes a test one that needs a process of its own.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from typing import Any

from rlvr.verifier.code.judging.known import (
    CONSTANTS,
    FUNCTIONS,
    KEYWORDS,
    MAX_LENGTH,
    METHOD_NAMES,
    METHODS,
    TYPES,
    OutOfBounds,
)
from rlvr.verifier.code.judging.values import spread

_MAX_BITS = 2**17

Answer = Callable[[int], Any]
"""Value of the n-th request; raises `NotAnswered`."""


class Unsupported(ValueError):
    """The expression is not one that is evaluated here."""


class NotAnswered(Exception):
    """The program gave no value where the assertion wants one."""


class Asked(ast.expr):
    """Stands in an expression for the answer to a request."""

    _fields = ()

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index


EVALUATION_ERRORS = (ArithmeticError, TypeError, ValueError, LookupError, AttributeError, RecursionError, MemoryError)
"""What evaluating raises, as Python would, when an operation does not fit its values."""


def evaluate(node: ast.expr, answer: Answer) -> Any:
    """Value of an expression that `check` has let pass.

    Raises:
        NotAnswered: a request that it needs was not answered with a value.
        ArithmeticError, TypeError and the like: see `EVALUATION_ERRORS`.
    """
    return _EVALUATORS[type(node)](node, answer)


def check(node: ast.expr) -> None:
    """Raises Unsupported unless `evaluate` knows every part of an expression."""
    if type(node) not in _EVALUATORS:
        raise Unsupported(f"{type(node).__name__} is not evaluated here")
    if isinstance(node, ast.Name) and node.id not in TYPES:
        raise Unsupported(f"{node.id} is not a known name")
    if isinstance(node, ast.Attribute) and ast.unparse(node) not in CONSTANTS:
        raise Unsupported("attributes of values are not evaluated here")
    if isinstance(node, ast.Call):
        _check_call(node)
        return
    if isinstance(node, ast.BinOp) and type(node.op) not in _BINARY:
        raise Unsupported(f"{type(node.op).__name__} is not evaluated here")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and _is_text(node.left):
        raise Unsupported("text is not formatted here")
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            check(child)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)


def _check_call(node: ast.Call) -> None:
    name = ast.unparse(node.func)
    names = {keyword.arg for keyword in node.keywords}
    if isinstance(node.func, ast.Attribute) and name not in FUNCTIONS:
        if node.func.attr not in METHOD_NAMES or names:
            raise Unsupported(f"the method {node.func.attr} is not evaluated here")
        check(node.func.value)
    elif name not in FUNCTIONS or not names <= KEYWORDS.get(name, set()):
        raise Unsupported(f"{name[:100]} is not evaluated here")
    for value in (*node.args, *(keyword.value for keyword in node.keywords)):
        check(value)


def _collection(make: Callable[[list[Any]], Any]) -> Callable[[Any, Answer], Any]:
    return lambda node, answer: make([evaluate(item, answer) for item in node.elts])


def _dict(node: ast.Dict, answer: Answer) -> dict[Any, Any]:
    if None in node.keys:
        raise TypeError("** in a dict")
    keys = [evaluate(key, answer) for key in node.keys if key is not None]
    return dict(zip(spread(keys), [evaluate(value, answer) for value in node.values], strict=True))


def _bool_op(node: ast.BoolOp, answer: Answer) -> Any:
    stop_at = isinstance(node.op, ast.Or)
    value: Any = None
    for part in node.values:
        value = evaluate(part, answer)
        if bool(value) is stop_at:
            break
    return value


def _compare(node: ast.Compare, answer: Answer) -> bool:
    left = evaluate(node.left, answer)
    for op, part in zip(node.ops, node.comparators, strict=True):
        right = evaluate(part, answer)
        if not _COMPARISONS[type(op)](left, right):
            return False
        left = right
    return True


def _is(left: Any, right: Any) -> bool:
    """Identity, for what has one in every Python: singletons and types; else equality of one type."""
    return type(left) is type(right) and bool(left == right)


def _unary(node: ast.UnaryOp, answer: Answer) -> Any:
    return _UNARY[type(node.op)](evaluate(node.operand, answer))


def _binary(node: ast.BinOp, answer: Answer) -> Any:
    left, right = evaluate(node.left, answer), evaluate(node.right, answer)
    for value in (left, right):
        if type(value) is int and value.bit_length() > _MAX_BITS:
            raise OutOfBounds("an integer too large to calculate with")
    if isinstance(node.op, ast.Mod) and isinstance(left, str | bytes):
        raise TypeError("text is not formatted here")
    if isinstance(node.op, ast.Mult):
        sizes = [len(value) if isinstance(value, Sequence) else value for value in (left, right)]
        if any(isinstance(value, Sequence) for value in (left, right)) and sizes[0] * sizes[1] > MAX_LENGTH:
            raise OutOfBounds("a sequence too long")
    powers = isinstance(node.op, ast.Pow) and type(left) is int and type(right) is int
    if powers and left.bit_length() * abs(right) > _MAX_BITS:
        raise OutOfBounds("a power too large")
    if isinstance(node.op, ast.LShift) and type(right) is int and right > _MAX_BITS:
        raise OutOfBounds("a shift too far")
    return _BINARY[type(node.op)](left, right)


def _subscript(node: ast.Subscript, answer: Answer) -> Any:
    return evaluate(node.value, answer)[evaluate(node.slice, answer)]


def _slice(node: ast.Slice, answer: Answer) -> slice:
    parts = (node.lower, node.upper, node.step)
    return slice(*(None if part is None else evaluate(part, answer) for part in parts))


def _if_exp(node: ast.IfExp, answer: Answer) -> Any:
    return evaluate(node.body if evaluate(node.test, answer) else node.orelse, answer)


def _call(node: ast.Call, answer: Answer) -> Any:
    name = ast.unparse(node.func)
    args = [evaluate(arg, answer) for arg in node.args]
    if name in FUNCTIONS:
        return FUNCTIONS[name](*args, **{str(word.arg): evaluate(word.value, answer) for word in node.keywords})
    assert isinstance(node.func, ast.Attribute)
    owner = evaluate(node.func.value, answer)
    if node.func.attr not in METHODS.get(type(owner), ()):
        raise AttributeError(node.func.attr)
    return getattr(owner, node.func.attr)(*args)


def _asked(node: Asked, answer: Answer) -> Any:
    return answer(node.index)


_EVALUATORS: dict[type[ast.expr], Callable[[Any, Answer], Any]] = {
    Asked: _asked,
    ast.Constant: lambda node, answer: node.value,
    ast.Name: lambda node, answer: TYPES[node.id],
    ast.Attribute: lambda node, answer: CONSTANTS[ast.unparse(node)],
    ast.List: _collection(list),
    ast.Tuple: _collection(tuple),
    ast.Set: _collection(lambda items: set(spread(items))),
    ast.Dict: _dict,
    ast.BoolOp: _bool_op,
    ast.Compare: _compare,
    ast.UnaryOp: _unary,
    ast.BinOp: _binary,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.IfExp: _if_exp,
    ast.Call: _call,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: _is,
    ast.IsNot: lambda left, right: not _is(left, right),
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
