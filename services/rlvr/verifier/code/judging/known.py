"""The names that `evaluator` knows: pure functions of Python's, bounded in size, and methods of plain values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from rlvr.verifier.code.judging.values import spread

MAX_LENGTH = 2**20
_MAX_DIGITS = 400


class OutOfBounds(OverflowError):
    """Python would go on where this evaluator stops."""


def _items(values: Any) -> list[Any]:
    """What iterating over a value gives."""
    if isinstance(values, range) and len(values) > MAX_LENGTH:
        raise OutOfBounds("a range too long")
    return list(values)


def _total(values: Any, start: Any = 0) -> Any:
    items = _items(values)
    if not all(type(item) in (bool, int, float, complex) for item in (*items, start)):
        raise TypeError("only numbers are summed here")
    return sum(items, start)


def _round(number: Any, digits: Any = None) -> Any:
    if digits is not None and abs(digits) > _MAX_DIGITS:
        raise OutOfBounds("too many digits")
    return round(number, digits)


def _range(*bounds: Any) -> range:
    numbers = range(*bounds)
    _items(numbers)
    return numbers


def _type_of(value: Any) -> type:
    return type(value)


TYPES: dict[str, Any] = {
    kind.__name__: kind for kind in (bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict)
}
CONSTANTS: dict[str, float] = {f"math.{name}": getattr(math, name) for name in ("pi", "e", "tau", "inf", "nan")}
_MATH_FUNCTIONS = "isclose fabs floor ceil sqrt isnan isinf isfinite trunc copysign"
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "all": all,
    "any": any,
    "bool": bool,
    "bytes": lambda values=(): bytes(values) if isinstance(values, list | bytes) else _refuse(),
    "complex": complex,
    "dict": lambda values=(): dict(values) if type(values) is dict else _dict_of(values),
    "enumerate": lambda values, start=0: list(enumerate(values, start)),
    "float": float,
    "frozenset": lambda values=(): frozenset(spread(_items(values))),
    "int": int,
    "isinstance": isinstance,
    "len": len,
    "list": lambda values=(): _items(values),
    "max": max,
    "min": min,
    "range": _range,
    "repr": repr,
    "reversed": lambda values: list(reversed(values)),
    "round": _round,
    "set": lambda values=(): set(spread(_items(values))),
    "sorted": lambda values, reverse=False: sorted(values, reverse=reverse),
    "str": lambda value="": str(value),
    "sum": _total,
    "tuple": lambda values=(): tuple(_items(values)),
    "type": _type_of,
    "zip": lambda *values: list(zip(*values, strict=False)),
}
FUNCTIONS.update({f"math.{name}": getattr(math, name) for name in _MATH_FUNCTIONS.split()})
KEYWORDS = {
    "sorted": {"reverse"},
    "math.isclose": {"rel_tol", "abs_tol"},
}
_METHODS = """
    lower upper strip lstrip rstrip split startswith endswith count find index isdigit isalpha
    keys values items get issubset issuperset isdisjoint union intersection difference
"""
METHOD_NAMES = frozenset(_METHODS.split())
METHODS = {
    kind: frozenset(name for name in METHOD_NAMES if hasattr(kind, name))
    for kind in (str, bytes, list, tuple, dict, set, frozenset, range)
}


def _refuse() -> Any:
    raise TypeError("not made here")


def _dict_of(pairs: Any) -> dict[Any, Any]:
    items = [tuple(pair) for pair in _items(pairs)]
    if any(len(item) != 2 for item in items):
        raise ValueError("not pairs")
    keys = [key for key, _ in items]
    return dict(zip(spread(keys), [value for _, value in items], strict=True))
