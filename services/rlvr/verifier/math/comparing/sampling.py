"""The points at which two expressions are compared, by the kind of functions in them.

They are drawn from a seed, which callers make of both expressions: the same every time for the same pair, so that
verdicts can be repeated, and others for every answer, so that none can be written to vanish at its own points.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from rlvr.verifier.math.comparing.evaluation import Point, is_evaluated
from rlvr.verifier.math.tree import BigOperator, Call, Constant, Negation, Node, Number, Power, free_symbols, walk

_COMPLEX_POINTS = 3
_QUADRANT_POINTS = 8
_REAL_SCALES = (0.01, 0.3, 0.9, 3.0, 40.0, 1e3, 1e6)
_SMALL_INTEGERS, _MEDIUM_INTEGERS, _LARGE_INTEGERS = (16, 12), (8, 60), (8, 10**6)
"""Number of points, and the largest integer in them."""

_BRANCHING = frozenset(
    {"sqrt", "root", "ln", "log", "asin", "acos", "atan", "acot", "asec", "acsc", "asinh", "acosh", "atanh"}
    | {"abs", "floor", "ceil", "max", "min", "sgn", "mod", "arg"}
)
_NOT_HOLOMORPHIC = frozenset({"re", "im", "conjugate", "arg"})
_OF_INTEGERS = frozenset({"factorial", "double_factorial", "binomial", "permutations", "multinomial", "gcd", "lcm"})
_ROUNDED = frozenset({"floor", "ceil", "mod"})
_INTEGER_LETTERS = frozenset("ijklmnpqrKMN")
"""What is rounded down may be real; by custom it is an integer where it has one of these names."""


def has_branches(node: Node) -> bool:
    """Whether roots, logarithms, |x| and the like are taken of variables."""
    for part in walk(node):
        if isinstance(part, Call) and part.name in _BRANCHING and free_symbols(part):
            return True
        if isinstance(part, Power) and free_symbols(part.base) and not _is_integer(part.exponent):
            return True
    return False


def is_about_complex_numbers(node: Node) -> bool:
    """Whether real and imaginary parts, arguments or conjugates of variables are taken."""
    return any(isinstance(part, Call) and part.name in _NOT_HOLOMORPHIC and free_symbols(part) for part in walk(node))


def is_about_integers(node: Node) -> bool:
    r"""Whether variables stand where they can only be integers: n!, (-1)^n, \binom{n}{k}, a sum up to n."""
    for part in walk(node):
        if isinstance(part, Call) and free_symbols(part) and _takes_integers(part):
            return True
        if isinstance(part, BigOperator) and is_evaluated(part) and any(map(free_symbols, part.bounds)):
            return True
        if isinstance(part, Power) and isinstance(part.base, Negation):
            if free_symbols(part.base) or not free_symbols(part.exponent):
                continue
            return True
    return False


def named_as_integers(node: Node) -> bool:
    """Whether all variables have the names that integers have by custom."""
    return free_symbols(node) <= _INTEGER_LETTERS


def _takes_integers(call: Call) -> bool:
    return call.name in _OF_INTEGERS or (call.name in _ROUNDED and named_as_integers(call))


def takes_only_reals(node: Node) -> bool:
    """Whether no i occurs in the expression."""
    return not any(part == Constant("i") or (isinstance(part, Call) and part.name == "cis") for part in walk(node))


def complex_points(symbols: list[str], seed: str) -> Iterator[Point]:
    source = random.Random(seed)
    for _ in range(_COMPLEX_POINTS):
        yield {name: complex(source.uniform(0.2, 2.0), source.uniform(0.2, 2.0)) for name in symbols}


def points_of_all_quadrants(symbols: list[str], seed: str) -> Iterator[Point]:
    source = random.Random(seed)
    for _ in range(_QUADRANT_POINTS):
        yield {name: complex(source.uniform(-2.0, 2.0), source.uniform(-2.0, 2.0)) for name in symbols}


def real_points(symbols: list[str], seed: str) -> Iterator[Point]:
    """Of both signs, at all scales: identities such as ln(x^2) = 2 ln|x| are meant for real variables."""
    source = random.Random(seed)
    for scale in _REAL_SCALES:
        for signs in ((1,), (-1,), (1, -1)):
            yield {name: scale * source.choice(signs) * source.uniform(0.5, 1.0) for name in symbols}


def integer_points(symbols: list[str], seed: str) -> Iterator[Point]:
    source = random.Random(seed)
    for num_points, largest in (_SMALL_INTEGERS, _MEDIUM_INTEGERS, _LARGE_INTEGERS):
        for _ in range(num_points):
            yield {name: source.randint(1, largest) for name in symbols}


def _is_integer(node: Node) -> bool:
    inner = node.operand if isinstance(node, Negation) else node
    return isinstance(inner, Number) and inner.value.denominator == 1
