"""The value of an expression at one point, to a given number of digits, by mpmath. Bounded in size."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import fields
from fractions import Fraction
from functools import lru_cache
from typing import Any

from rlvr.verifier.math.comparing.arithmetic import value_of
from rlvr.verifier.math.comparing.exact import number_form, rational
from rlvr.verifier.math.limits import MAX_DECADES, MAX_TERM_NODES, MAX_TERMS, OverBudget
from rlvr.verifier.math.tree import (
    NODES,
    Based,
    BigOperator,
    Bound,
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
    children,
    free_symbols,
    walk,
)

Complex = Any
"""An mpmath number."""
Point = Mapping[str, complex | float | int]
"""A value for each variable."""

_MAX_GAMMA_DIGITS = 200
"""Beyond, the gamma function takes its time; formulas with factorials are then compared at integers alone."""
_MAX_GAMMA_ARGUMENT = 400
_SNAPPED_DIGITS = 25
"""A value this close to an integer, by evaluation to more digits, is taken for it before it is rounded down."""
_REAL_WHERE_POSITIVE = frozenset({"sqrt", "ln", "log"})
_REAL_WITHIN_ONE = frozenset({"asin", "acos"})
_INTEGER_FUNCTIONS = frozenset(
    {"floor", "ceil", "gcd", "lcm", "mod", "max", "min", "sgn", "binomial", "permutations", "multinomial"}
    | {"double_factorial"}
)


class Undefined(Exception):
    """The expression has no value at this point."""


@lru_cache(maxsize=1)
def context() -> Any:
    """A private mpmath context: its precision is ours alone. Imported on first use, as it takes 0.1 s."""
    import mpmath

    return mpmath.mp.clone()


def evaluate(node: Node, point: Point, digits: int, *, real: bool = False, seed: str = "") -> tuple[Complex, int]:
    """The value with `digits` decimal digits, and the largest |log10| of a value on the way.

    Args:
        real: whether a root or logarithm that takes the value off the real line makes it undefined.
        seed: what the values of unknown functions and of integrals are drawn from.

    Raises:
        Undefined: there is no value.
        OverBudget: a value on the way is out of bounds.
        Unparseable: as `exact.rational` does, for parts without variables.
    """
    mp = context()
    mp.dps = digits
    evaluation = _Evaluation(mp, point, real, seed)
    try:
        value = evaluation.value(node)
    except ZeroDivisionError:
        raise Undefined("division by zero") from None
    return value, evaluation.decades


def is_evaluated(operator: BigOperator) -> bool:
    """Whether a big operator is worked out: finite sums and products. The others stand for themselves."""
    infinite = Constant("infinity")
    return operator.kind in ("sum", "prod") and infinite not in operator.bounds


def is_opaque(node: Node) -> bool:
    """Whether the node's value is unknown, so that it is equal to nothing but itself."""
    if isinstance(node, BigOperator):
        return not is_evaluated(node)
    return isinstance(node, Call) and node.name.endswith("()")


def signature(node: Node) -> str:
    """The node as text, the same for sums and products in another order."""
    if isinstance(node, Sum | Product):
        parts = sorted(map(signature, children(node)))
        return f"{type(node).__name__}({','.join(parts)})"
    values = (getattr(node, slot.name) for slot in fields(node) if slot.compare)
    return f"{type(node).__name__}({','.join(map(_field_signature, values))})"


def _field_signature(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({','.join(map(_field_signature, value))})"
    if isinstance(value, Fraction):  # in base 16, which has no limit of digits
        return f"{value.numerator:x}/{value.denominator:x}"
    return signature(value) if isinstance(value, NODES) else str(value)


class _Evaluation:
    def __init__(self, mp: Any, point: Point, real: bool, seed: str) -> None:
        self.mp = mp
        self.point = point
        self.real = real
        self.seed = seed
        self.bound: dict[int, int] = {}
        self.decades = 0
        self.num_terms = 0
        self.num_nodes = 0

    def value(self, node: Node) -> Complex:
        value = self._compute(node)
        if value:
            exponent = self.mp.mag(value)  # base 2; inf and nan have no finite one
            if not self.mp.isfinite(value):
                raise Undefined("not finite")
            decades = int(abs(exponent) * 0.302)
            if decades > MAX_DECADES:
                raise OverBudget(f"a value beyond 10^{MAX_DECADES}")
            self.decades = max(self.decades, decades)
        return value

    def _compute(self, node: Node) -> Complex:
        mp = self.mp
        match node:
            case Number(value):
                return mp.mpf(value.numerator) / value.denominator
            case Based(value, _):
                return mp.mpf(value)
            case Symbol(name):
                return mp.mpmathify(self.point[name])
            case Bound(level):
                return mp.mpf(self.bound[level])
            case Constant("pi"):
                return +mp.pi
            case Constant("e"):
                return +mp.e
            case Constant("i"):
                return mp.mpc(0, 1)
            case Negation(operand):
                return -self.value(operand)
            case Percent(face):
                return self.value(face) / 100
            case Sum(terms):
                return mp.fsum(map(self.value, terms))
            case Product(factors):
                product = mp.mpf(1)
                for factor in factors:
                    product *= self.value(factor)
                return product
            case Quotient(numerator, denominator):
                return self.value(numerator) / self.value(denominator)
            case Power(base, exponent):
                return self._power_of(self.value(base), exponent)
            case BigOperator():
                return self._series(node) if is_evaluated(node) else self._opaque(node)
            case Call("mod", (Power(), _)) if not free_symbols(node) and (exact := rational(node)) is not None:
                return mp.mpf(exact.numerator)
            case Call(name, arguments):
                values = [self.value(argument) for argument in arguments]
                return self._unknown(name, values) if name.endswith("()") else self._call(name, values)
            case _:
                raise Undefined(f"a {type(node).__name__.lower()} is not a number")

    # powers and roots

    def _power_of(self, base: Complex, exponent: Node) -> Complex:
        if base and not self.mp.im(base) and self.mp.re(base) < 0:
            literal = number_form(exponent)
            if literal is not None and literal.denominator > 1:
                return self._real_power(base, literal)
        return self._power(base, self.value(exponent))

    def _real_power(self, base: Complex, exponent: Fraction) -> Complex:
        """x^(1/3) of a negative x is the real root, as with the sign of a root."""
        if exponent.denominator % 2:
            magnitude = self._power(-base, self.mp.mpf(exponent.numerator) / exponent.denominator)
            return -magnitude if exponent.numerator % 2 else magnitude
        if self.real:
            raise Undefined("an even root of a negative number")
        return self._power(base, self.mp.mpf(exponent.numerator) / exponent.denominator)

    def _power(self, base: Complex, exponent: Complex) -> Complex:
        if not base:
            if self.mp.re(exponent) <= 0:
                raise Undefined("zero to a power that is not positive")
            return self.mp.mpf(0)
        if abs(exponent) * (abs(self.mp.mag(base)) + 2) > 4 * MAX_DECADES:
            raise OverBudget("a power out of bounds")
        if self.real and self.mp.re(base) < 0 and not self.mp.isint(exponent):
            raise Undefined("a power of a negative number")
        return self.mp.power(base, exponent)

    def _root(self, x: Complex, degree: Complex) -> Complex:
        """The real root of a negative number where the degree is odd, the principal one otherwise."""
        mp = self.mp
        if not degree:
            raise Undefined("a root of degree zero")
        if not mp.im(x) and mp.re(x) < 0 and not mp.im(degree) and mp.re(degree) % 2 == 1:
            return -self._power(-x, 1 / degree)
        return self._power(x, 1 / degree)

    # functions

    def _call(self, name: str, arguments: list[Complex]) -> Complex:
        mp, x = self.mp, arguments[0]
        if self.real:
            self._stay_real(name, arguments)
        match name:
            case "sqrt":
                return mp.sqrt(x)
            case "root":
                return self._root(x, arguments[1])
            case "ln" | "log":
                return self._log(x, arguments[1:])
            case "exp" | "sinh" | "cosh" | "tanh" | "coth" | "sech" | "csch":
                self._bound(x, MAX_DECADES)
                return getattr(mp, name)(x)
            case "sin" | "cos" | "tan" | "cot" | "sec" | "csc":
                self._bound(mp.im(x), MAX_DECADES)
                return getattr(mp, name)(x)
            case "cis":
                self._bound(mp.im(x), MAX_DECADES)
                return mp.expj(x)
            case "asin" | "acos" | "atan" | "acot" | "asec" | "acsc" | "asinh" | "acosh" | "atanh":
                return getattr(mp, name)(x)
            case "abs":
                return abs(x)
            case "re" | "im" | "arg":
                return getattr(mp, name)(mp.mpmathify(x))
            case "conjugate":
                return mp.conj(x)
            case "factorial":
                self._bound(x, _MAX_GAMMA_ARGUMENT)
                return self._factorial(x)
        if name in _INTEGER_FUNCTIONS:
            return self._integer_function(name, arguments)
        raise Undefined(f"{name} is not evaluated")

    def _stay_real(self, name: str, arguments: list[Complex]) -> None:
        x = self.mp.re(arguments[0])
        if name in _REAL_WHERE_POSITIVE and any(self.mp.re(argument) < 0 for argument in arguments):
            raise Undefined(f"{name} of a negative number")
        if name in _REAL_WITHIN_ONE and abs(x) > 1:
            raise Undefined(f"{name} of what is beyond 1")

    def _log(self, x: Complex, base: list[Complex]) -> Complex:
        if not x or (base and (not base[0] or base[0] == 1)):
            raise Undefined("a logarithm of zero or to an improper base")
        return self.mp.log(x) / self.mp.log(base[0]) if base else self.mp.log(x)

    def _factorial(self, x: Complex) -> Complex:
        mp = self.mp
        if not mp.im(x) and mp.re(x) < 0 and mp.isint(mp.re(x)):
            raise Undefined("a factorial of a negative integer")
        if mp.dps > _MAX_GAMMA_DIGITS:
            raise OverBudget("a factorial to too many digits")
        return mp.gamma(x + 1)

    def _integer_function(self, name: str, arguments: list[Complex]) -> Complex:
        snapped = [self._snapped(argument) for argument in arguments]
        known = [value for value in snapped if value is not None]
        if len(known) == len(snapped):
            exact = value_of(name, known)
            if exact is not None:
                return self.mp.mpf(exact.numerator) / exact.denominator
        x = arguments[0]
        match name:
            case "floor" | "ceil":
                return getattr(self.mp, name)(x)
            case "mod" if not any(self.mp.im(argument) for argument in arguments):
                return x - arguments[1] * self.mp.floor(x / arguments[1])
            case "max" | "min" if not any(self.mp.im(argument) for argument in arguments):
                return (max if name == "max" else min)(arguments, key=self.mp.re)
            case "sgn" if not self.mp.im(x):
                return self.mp.sign(x)
            case "binomial" | "permutations":
                for argument in arguments:
                    self._bound(argument, _MAX_GAMMA_ARGUMENT)
                value = self._factorial(x) / self._factorial(x - arguments[1])
                return value / self._factorial(arguments[1]) if name == "binomial" else value
        raise Undefined(f"{name} of what is not an integer")

    def _snapped(self, x: Complex) -> Fraction | None:
        """The integer that the value is, but for rounding."""
        if abs(x) > 10**_SNAPPED_DIGITS:
            return None
        nearest = self.mp.nint(self.mp.re(x))
        return Fraction(int(nearest)) if abs(x - nearest) < self.mp.mpf(10) ** -_SNAPPED_DIGITS else None

    def _bound(self, x: Complex, limit: int) -> None:
        if abs(x) > limit:
            raise OverBudget("a function's argument is out of bounds")

    # big operators and unknown functions

    def _series(self, operator: BigOperator) -> Complex:
        lower, upper = (self._snapped(self.value(bound)) for bound in operator.bounds)
        if lower is None or upper is None:
            raise Undefined("bounds that are no integers")
        num_terms = max(0, int(upper - lower) + 1)
        self.num_terms += num_terms
        if self.num_terms > MAX_TERMS:
            raise OverBudget(f"more than {MAX_TERMS} terms")
        self.num_nodes += num_terms * sum(1 for _ in walk(operator.body))
        if self.num_nodes > MAX_TERM_NODES:
            raise OverBudget(f"terms with more than {MAX_TERM_NODES} nodes")
        multiply = operator.kind == "prod"
        total = self.mp.mpf(1 if multiply else 0)
        for index in range(int(lower), int(upper) + 1):
            self.bound[operator.level] = index
            term = self.value(operator.body)
            total = total * term if multiply else total + term
        return total

    def _opaque(self, operator: BigOperator) -> Complex:
        """A value of its own for each integral, limit or infinite sum; callers see to it that both sides have them."""
        return self.mp.mpf(random.Random(self.seed + signature(operator)).uniform(0.5, 2.0))

    def _unknown(self, name: str, values: list[Complex]) -> Complex:
        """An arbitrary analytic function for each name, which satisfies no identity."""
        source = random.Random(self.seed + name)
        total = self.mp.mpf(source.uniform(0.5, 2.0))
        for value in values:
            self._bound(value, MAX_DECADES)
            total += source.uniform(0.5, 2.0) * value
        return self.mp.cos(total) * source.uniform(0.5, 2.0) + total * total
