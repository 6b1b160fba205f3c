"""Two expressions at sample points, to many digits: tells unequal expressions apart, and most equal ones together.

How many digits. A text of n characters can be tuned to agree with a given number to about 2n digits, so
agreement to more digits than both texts hold, on top of 50 and of the decades that the values span, is not
a coincidence: 10^-20 and 10^-21, or sqrt(10^40 + 1) and 10^20, come out different.

What agreement says. Constants: equal, by the above. Expressions that are meromorphic in their variables
(sums, products, quotients, integer powers, exponentials, sin, n!): equal, because functions that agree at
random complex points agree everywhere (Schwartz-Zippel; identity theorem). Expressions with branches in
their variables (roots, logarithms, |x|, floor): probably equal, which `symbolic` has to confirm.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from enum import Enum, auto
from functools import lru_cache
from typing import Any

from rlvr.verifier.math.limits import MAX_DECADES, OverBudget, Unparseable
from rlvr.verifier.math.tree import (
    Based,
    Call,
    Constant,
    Negation,
    Node,
    Number,
    Percent,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    free_symbols,
    walk,
)

Complex = Any
"""An mpmath number."""

_GUARD_DIGITS = 50
_MAX_DIGITS = 4_000
_COMPLEX_POINTS = 3
_REAL_SCALES = (0.01, 0.3, 0.9, 3.0, 40.0, 1e3, 1e6)
_ENOUGH_POINTS = 3
"""Fewer sample points than this where both sides are defined decide nothing."""
_BRANCHING = frozenset({"sqrt", "root", "ln", "log", "asin", "acos", "atan", "abs", "floor", "ceil"})
_MAX_GAMMA_ARGUMENT = 400


class Agreement(Enum):
    DIFFERENT = auto()
    EQUAL = auto()
    PROBABLE = auto()
    """Equal at every sample point, but with branches in between."""
    UNDECIDED = auto()
    """Defined at too few sample points."""


class Undefined(Exception):
    """The expression has no value at this point."""


@lru_cache(maxsize=1)
def _context() -> Any:
    """A private mpmath context: its precision is ours alone. Imported on first use, as it takes 0.1 s."""
    import mpmath

    return mpmath.mp.clone()


def agreement(first: Node, second: Node) -> Agreement:
    """Compare two expressions at sample points.

    Raises:
        OverBudget: a constant expression's value is out of bounds.
        Unparseable: a constant expression has no value.
    """
    symbols = sorted(free_symbols(first) | free_symbols(second))
    digits = _GUARD_DIGITS + _written_digits(first) + _written_digits(second)
    if digits > _MAX_DIGITS:
        raise OverBudget("an expression too long to compare numerically")
    if not symbols:
        try:
            return Agreement.EQUAL if _agree_at(first, second, {}, digits) else Agreement.DIFFERENT
        except Undefined as undefined:
            raise Unparseable(f"the expression has no value: {undefined}") from None
    branching = _branches(first) or _branches(second)
    num_defined = 0
    for values in _points(symbols, branching=branching):
        try:
            if not _agree_at(first, second, values, digits):
                return Agreement.DIFFERENT
        except (Undefined, OverBudget):
            continue
        num_defined += 1
    if num_defined < _ENOUGH_POINTS:
        return Agreement.UNDECIDED
    return Agreement.PROBABLE if branching else Agreement.EQUAL


def proportional(first: Node, second: Node) -> bool:
    """Whether first = c * second for one constant c other than 0, at every sample point."""
    symbols = sorted(free_symbols(first) | free_symbols(second))
    digits = _GUARD_DIGITS + _written_digits(first) + _written_digits(second)
    context = _context()
    ratios = []
    for values in _points(symbols, branching=False):
        try:
            above, _ = _evaluate(first, values, digits)
            below, _ = _evaluate(second, values, digits)
        except (Undefined, OverBudget):
            continue
        context.dps = digits
        if not above or not below:
            return False
        ratios.append(above / below)
    context.dps = digits
    close = context.mpf(10) ** (20 - digits)
    return len(ratios) >= _ENOUGH_POINTS and all(abs(r - ratios[0]) <= close * abs(ratios[0]) for r in ratios)


def real_value(node: Node, digits: int = 30) -> Any | None:
    """The value of a constant expression as a real mpmath number; None if it is not real or not constant."""
    if free_symbols(node):
        return None
    try:
        value, _ = _evaluate(node, {}, digits)
    except Undefined:
        return None
    context = _context()
    if abs(context.im(value)) > context.mpf(10) ** (10 - digits) * (1 + abs(value)):
        return None
    return context.re(value)


def _points(symbols: list[str], *, branching: bool) -> Iterator[dict[str, complex | float]]:
    """Fixed sample points, so that a verdict is the same every time.

    Complex ones; with branches real ones of both signs at all scales, as identities such as
    ln(x^2) = 2 ln|x| are meant for real variables and fail elsewhere.
    """
    source = random.Random(0x5EED)
    if not branching:
        for _ in range(_COMPLEX_POINTS):
            yield {name: complex(source.uniform(0.2, 2.0), source.uniform(0.2, 2.0)) for name in symbols}
        return
    for scale in _REAL_SCALES:
        for signs in ((1,), (-1,), (1, -1)):
            yield {name: scale * source.choice(signs) * source.uniform(0.5, 1.0) for name in symbols}


def _branches(node: Node) -> bool:
    for part in walk(node):
        if isinstance(part, Call) and part.name in _BRANCHING and free_symbols(part):
            return True
        if isinstance(part, Power) and free_symbols(part.base) and not _is_integer(part.exponent):
            return True
    return False


def _is_integer(node: Node) -> bool:
    inner = node.operand if isinstance(node, Negation) else node
    return isinstance(inner, Number) and inner.value.denominator == 1


def _written_digits(node: Node) -> int:
    """An upper bound of the digits that the text of the node could be tuned to."""
    total = 0
    for part in walk(node):
        total += 4
        if isinstance(part, Number):
            total += (part.value.numerator.bit_length() + part.value.denominator.bit_length()) // 3
    return total


def _agree_at(first: Node, second: Node, values: dict[str, complex | float], digits: int) -> bool:
    # A first look at low precision finds the decades that the values span, and most differences.
    left, span_left = _evaluate(first, values, _GUARD_DIGITS)
    right, span_right = _evaluate(second, values, _GUARD_DIGITS)
    span = max(span_left, span_right)
    if span < _GUARD_DIGITS // 4 and abs(left - right) > 1e-10 * (1 + abs(left)):
        return False
    precision = digits + 3 * span
    left, _ = _evaluate(first, values, precision)
    right, _ = _evaluate(second, values, precision)
    return bool(abs(left - right) <= _context().mpf(10) ** -(digits - 10 + span))


def _evaluate(node: Node, values: dict[str, complex | float], digits: int) -> tuple[Complex, int]:
    """The value with `digits` decimal digits, and the largest |log10| of a value on the way."""
    context = _context()
    context.dps = digits
    evaluation = _Evaluation(context, values)
    try:
        value = evaluation.value(node)
    except ZeroDivisionError:
        raise Undefined("division by zero") from None
    return value, evaluation.decades


class _Evaluation:
    def __init__(self, context: Any, values: dict[str, complex | float]) -> None:
        self.context = context
        self.values = values
        self.decades = 0

    def value(self, node: Node) -> Complex:
        value = self._compute(node)
        if value:
            exponent = self.context.mag(value)  # base 2; inf and nan have no finite one
            if not self.context.isfinite(value):
                raise Undefined("not finite")
            decades = int(abs(exponent) * 0.302)
            if decades > MAX_DECADES:
                raise OverBudget(f"a value beyond 10^{MAX_DECADES}")
            self.decades = max(self.decades, decades)
        return value

    def _compute(self, node: Node) -> Complex:
        context = self.context
        match node:
            case Number(value):
                return context.mpf(value.numerator) / value.denominator
            case Based(value, _):
                return context.mpf(value)
            case Symbol(name):
                return context.mpmathify(self.values[name])
            case Constant("pi"):
                return +context.pi
            case Constant("e"):
                return +context.e
            case Constant("i"):
                return context.mpc(0, 1)
            case Negation(operand):
                return -self.value(operand)
            case Percent(face):
                return self.value(face) / 100
            case Sum(terms):
                return context.fsum(map(self.value, terms))
            case Product(factors):
                product = context.mpf(1)
                for factor in factors:
                    product *= self.value(factor)
                return product
            case Quotient(numerator, denominator):
                return self.value(numerator) / self.value(denominator)
            case Power(base, exponent):
                return self._power(self.value(base), self.value(exponent))
            case Call(name, arguments):
                return self._call(name, [self.value(argument) for argument in arguments])
            case _:
                raise Undefined(f"a {type(node).__name__.lower()} is not a number")

    def _power(self, base: Complex, exponent: Complex) -> Complex:
        if not base:
            if self.context.re(exponent) <= 0:
                raise Undefined("zero to a power that is not positive")
            return self.context.mpf(0)
        if abs(exponent) * (abs(self.context.mag(base)) + 2) > 4 * MAX_DECADES:
            raise OverBudget("a power out of bounds")
        return self.context.power(base, exponent)

    def _call(self, name: str, arguments: list[Complex]) -> Complex:
        context, x = self.context, arguments[0]
        match name:
            case "sqrt":
                return context.sqrt(x)
            case "root":
                return self._root(x, arguments[1])
            case "ln" | "log":
                return self._log(x, arguments[1:])
            case "exp" | "sinh" | "cosh" | "tanh":
                self._bound(x, MAX_DECADES)
                return getattr(context, name)(x)
            case "sin" | "cos" | "tan" | "cot" | "sec" | "csc":
                self._bound(context.im(x), MAX_DECADES)
                return getattr(context, name)(x)
            case "asin" | "acos" | "atan" | "floor" | "ceil":
                return getattr(context, name)(x)
            case "abs":
                return abs(x)
            case "factorial":
                self._bound(x, _MAX_GAMMA_ARGUMENT)
                return self._factorial(x)
            case "binomial":
                self._bound(x, _MAX_GAMMA_ARGUMENT)
                self._bound(arguments[1], _MAX_GAMMA_ARGUMENT)
                below = self._factorial(arguments[1]) * self._factorial(x - arguments[1])
                return self._factorial(x) / below
        raise Undefined(f"{name} is not evaluated")

    def _root(self, x: Complex, degree: Complex) -> Complex:
        """The real root of a negative number where the degree is odd, the principal one otherwise."""
        context = self.context
        if not degree:
            raise Undefined("a root of degree zero")
        if not context.im(x) and context.re(x) < 0 and not context.im(degree) and context.re(degree) % 2 == 1:
            return -self._power(-x, 1 / degree)
        return self._power(x, 1 / degree)

    def _log(self, x: Complex, base: list[Complex]) -> Complex:
        if not x or (base and (not base[0] or base[0] == 1)):
            raise Undefined("a logarithm of zero or to an improper base")
        return self.context.log(x) / self.context.log(base[0]) if base else self.context.log(x)

    def _factorial(self, x: Complex) -> Complex:
        context = self.context
        if not context.im(x) and context.re(x) < 0 and context.isint(context.re(x)):
            raise Undefined("a factorial of a negative integer")
        return context.gamma(x + 1)

    def _bound(self, x: Complex, limit: int) -> None:
        if abs(x) > limit:
            raise OverBudget("a function's argument is out of bounds")
