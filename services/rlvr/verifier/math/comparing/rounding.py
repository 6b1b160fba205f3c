"""Decimals that stand for what rounds to them.

A gold of three or more significant digits such as 30.52 is taken as rounded, unless its fraction is a simple one
(12.25 is 49/4). It then stands for

- every exact value and every longer decimal that rounds to it: 1587/52, 30.5192; an exact value may also be cut off
  (6 1/64 for 6.01, where a data set has truncated), and for a value without a finite decimal two digits are enough
  (2/3 for 0.67);
- the same rounded one or two digits further, if three remain: 2.65 for 2.653, 118 for 117.95.

An exact gold without a finite decimal (1/3) stands for its decimal from eight significant digits on, rounded or cut
off. A finite decimal is never rounded: 0.9999999 is not 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from rlvr.verifier.math.tree import Negation, Node, Number, Percent, Power, Product

_MIN_DIGITS = 3
"""Significant digits of a decimal that may have been rounded, and that have to remain."""
_MIN_DIGITS_OF_INEXACT = 2
"""The same, where the answer has no finite decimal and so has to be rounded."""
_MAX_DROPPED = 100
"""How much coarser the answer may be: two digits."""
_MIN_REPEATING_DIGITS = 8
_SIMPLE_DENOMINATOR = 16
"""12.25, 3.125 and 0.5 are exact, and so is every number with one decimal."""


@dataclass(frozen=True, slots=True)
class Decimal:
    """A decimal as written: its value and the worth of its last digit."""

    value: Fraction
    unit: Fraction

    @property
    def digits(self) -> int:
        """Significant digits."""
        return _num_digits(abs(self.value) // self.unit) if self.value else 0


def written(node: Node) -> Decimal | None:
    """The decimal that a node is written as, or None for fractions and everything else."""
    match node:
        case Number(value, places):
            unit = Fraction(10) ** -places
            return Decimal(value, unit) if (value / unit).denominator == 1 else None
        case Negation(operand):
            inner = written(operand)
            return None if inner is None else Decimal(-inner.value, inner.unit)
        case Percent(face):
            inner = written(face)
            return None if inner is None else Decimal(inner.value / 100, inner.unit / 100)
        case Product((Number() as mantissa, Power(Number(ten), exponent))) if ten == 10:
            power = written(exponent)
            inner = written(mantissa)
            if inner is None or power is None or power.value.denominator != 1 or abs(power.value) > 400:
                return None
            scale = Fraction(10) ** power.value.numerator
            return Decimal(inner.value * scale, inner.unit * scale)
        case _:
            return None


def stands_for(gold: Node, gold_value: Fraction, answer: Node, value: Fraction) -> bool:
    """Whether one of two different numbers may be the other one rounded, by the rules above."""
    if gold_value.denominator == 1:
        return False
    expected, given = written(gold), written(answer)
    if expected is not None and given is None and _is_rounded(expected, _digits_for(value)):
        return _rounds_to(value, expected) or _cut_off_to(value, expected)
    if expected is not None and given is not None and _is_rounded(expected):
        if given.unit < expected.unit:
            return _rounds_to(value, expected)
        coarser = expected.unit < given.unit <= expected.unit * _MAX_DROPPED
        return coarser and given.digits >= _MIN_DIGITS and _rounds_to(gold_value, given)
    if expected is None and given is not None and not _is_finite_decimal(gold_value):
        enough = given.unit < 1 and given.digits >= _MIN_REPEATING_DIGITS
        return enough and (_rounds_to(gold_value, given) or _cut_off_to(gold_value, given))
    return False


def is_rounded(node: Node) -> bool:
    """Whether a gold is a number that may be the rounded value of an irrational one: 111.8, 0.87, 314."""
    decimal = written(node)
    return decimal is not None and (
        (decimal.digits >= _MIN_DIGITS and decimal.unit <= 1) or _is_rounded(decimal, _MIN_DIGITS_OF_INEXACT)
    )


def may_be_rounded(gold: Node, value: Fraction) -> bool:
    """Whether a gold may be the rounded value of an irrational number, given to many places."""
    return is_rounded(gold) and (decimal := written(gold)) is not None and _rounds_to(value, decimal)


def _digits_for(value: Fraction) -> int:
    return _MIN_DIGITS if _is_finite_decimal(value) else _MIN_DIGITS_OF_INEXACT


def _is_rounded(decimal: Decimal, min_digits: int = _MIN_DIGITS) -> bool:
    return decimal.unit < 1 and decimal.digits >= min_digits and decimal.value.denominator > _SIMPLE_DENOMINATOR


def _rounds_to(value: Fraction, decimal: Decimal) -> bool:
    return 2 * abs(value - decimal.value) <= decimal.unit


def _cut_off_to(value: Fraction, decimal: Decimal) -> bool:
    return value * decimal.value > 0 and 0 <= abs(value) - abs(decimal.value) < decimal.unit


def _is_finite_decimal(value: Fraction) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def rounded_to_digits(value: Fraction, digits: int) -> Fraction:
    """The value rounded half up to so many significant digits."""
    if not value:
        return value
    exponent = _num_digits(abs(value.numerator)) - _num_digits(value.denominator)
    while abs(value) < Fraction(10) ** exponent:
        exponent -= 1
    while abs(value) >= Fraction(10) ** (exponent + 1):
        exponent += 1
    unit = Fraction(10) ** (exponent - digits + 1)
    steps = abs(value) / unit + Fraction(1, 2)
    magnitude = steps.numerator // steps.denominator * unit
    return magnitude if value > 0 else -magnitude


def _num_digits(value: int) -> int:
    """Decimal digits of a positive integer; of a long one, which Python does not print, to within one."""
    return len(str(value)) if value.bit_length() < 1_000 else int(value.bit_length() * 0.30103)
