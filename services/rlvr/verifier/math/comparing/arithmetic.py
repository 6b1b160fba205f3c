"""Functions of rational numbers with rational values: factorials, coefficients, gcd, remainders. Exact and bounded."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from rlvr.verifier.math.limits import MAX_FACTORIAL, OverBudget, Unparseable


def value_of(name: str, arguments: list[Fraction]) -> Fraction | None:
    """The value of a function, or None where it is not one of these or not defined for these arguments.

    Raises:
        OverBudget: a factorial or coefficient of more than `MAX_FACTORIAL`.
    """
    if name in _OF_RATIONALS:
        value = _OF_RATIONALS[name](*arguments)
    elif name in _OF_INTEGERS and all(argument.denominator == 1 for argument in arguments):
        value = _OF_INTEGERS[name](*(argument.numerator for argument in arguments))
    else:
        return None
    return None if value is None else Fraction(value)


def modular_power(base: int, exponent: int, modulus: int) -> Fraction:
    """`base^exponent mod modulus` without building the power.

    Raises:
        Unparseable: the modulus is not positive or the exponent is negative.
    """
    if modulus < 1 or exponent < 0:
        raise Unparseable("a remainder of a division by what is not positive, or of a fraction")
    return Fraction(pow(base, exponent, modulus))


def _bounded(n: int) -> int:
    if n > MAX_FACTORIAL:
        raise OverBudget(f"a factorial or coefficient of more than {MAX_FACTORIAL}")
    return n


def _factorial(n: int) -> int | None:
    return math.factorial(_bounded(n)) if n >= 0 else None


def _double_factorial(n: int) -> int | None:
    return math.prod(range(_bounded(n), 0, -2)) if n >= -1 else None


def _binomial(n: int, k: int) -> int | None:
    return math.comb(_bounded(n), k) if n >= 0 and k >= 0 else None


def _permutations(n: int, k: int) -> int | None:
    return math.perm(_bounded(n), k) if n >= 0 and k >= 0 else None


def _multinomial(n: int, *parts: int) -> int | None:
    if n < 0 or min(parts) < 0 or sum(parts) != n:
        return None
    return math.factorial(_bounded(n)) // math.prod(map(math.factorial, parts))


def _remainder(value: Fraction, modulus: Fraction) -> Fraction | None:
    return value - modulus * math.floor(value / modulus) if modulus else None


_OF_RATIONALS: dict[str, Callable[..., Fraction | int | None]] = {
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "max": lambda *values: max(values),
    "min": lambda *values: min(values),
    "sgn": lambda value: (value > 0) - (value < 0),
    "mod": _remainder,
    "re": lambda value: value,
    "conjugate": lambda value: value,
    "im": lambda _: 0,
}
_OF_INTEGERS: dict[str, Callable[..., int | None]] = {
    "factorial": _factorial,
    "double_factorial": _double_factorial,
    "binomial": _binomial,
    "permutations": _permutations,
    "multinomial": _multinomial,
    "gcd": math.gcd,
    "lcm": math.lcm,
}
