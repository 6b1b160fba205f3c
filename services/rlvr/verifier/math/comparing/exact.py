"""Exact rational values, bounded. No floats."""

from __future__ import annotations

from fractions import Fraction

from rlvr.verifier.math.comparing.arithmetic import modular_power, value_of
from rlvr.verifier.math.limits import MAX_BITS, OverBudget, Unparseable
from rlvr.verifier.math.tree import (
    Based,
    BigOperator,
    Call,
    Negation,
    Node,
    Number,
    Percent,
    Power,
    Product,
    Quotient,
    Ratio,
    Sum,
    Symbol,
    walk,
)


def number_form(node: Node) -> Fraction | None:
    r"""The value of a node that is *written as a number*, or None.

    Numbers are: an integer, decimal, mixed number, `3 million`, a quotient of two of these (reduced or not),
    scientific notation (`10^n`, `a * 10^n`), each with a sign or a %. Not numbers but arithmetic still to
    be done: `17 * 23`, `2 + 3`, `2^{10}`, `5!`, `\sqrt{16}`, `1011_2`, `\frac{1}{2^3}`. Where the gold is a
    number such an answer may just restate the question, so it needs `allow_unevaluated`.

    Raises:
        Unparseable: division by zero.
        OverBudget: the power of ten is too large.
    """
    match node:
        case Number(value):
            return value
        case Negation(operand):
            value_ = number_form(operand)
            return None if value_ is None else -value_
        case Percent(face):
            value_ = number_form(face)
            return None if value_ is None else value_ / 100
        case Quotient(numerator, denominator) if _is_literal(numerator) and _is_literal(denominator):
            return rational(node)
        case Power():
            return _power_of_ten(node)
        case Product((mantissa, Power() as power)) if _is_literal(mantissa):
            scale = _power_of_ten(power)
            return None if scale is None else _bounded(_literal(mantissa) * scale)
        case _:
            return None


def has_operator(node: Node) -> bool:
    """Whether a sum, product, integral or limit is still to be worked out in it."""
    return any(isinstance(part, BigOperator) for part in walk(node))


def _is_literal(node: Node) -> bool:
    return isinstance(node, Number) or (isinstance(node, Negation) and isinstance(node.operand, Number))


def _literal(node: Node) -> Fraction:
    value = rational(node)
    assert value is not None
    return value


def _power_of_ten(node: Power) -> Fraction | None:
    if node.base == Number(Fraction(10)) and _is_literal(node.exponent) and _literal(node.exponent).denominator == 1:
        return rational(node)
    return None


def rational(node: Node) -> Fraction | None:
    """The value of an expression that takes only rational arithmetic, or None if it takes more.

    Raises:
        Unparseable: division by zero.
        OverBudget: a value on the way is over `MAX_BITS`.
    """
    match node:
        case Number(value):
            return value
        case Symbol():
            return None
        case Based(integer, _):
            return Fraction(integer)
        case Negation(operand):
            inner = rational(operand)
            return None if inner is None else -inner
        case Percent(face):
            inner = rational(face)
            return None if inner is None else inner / 100
        case Sum(terms):
            return _fold(terms, multiply=False)
        case Product(factors):
            return _fold(factors, multiply=True)
        case Quotient(above, below):
            return _divide(rational(above), rational(below))
        case Ratio((above, below), False):
            return _divide(rational(above), rational(below))
        case Power(base, exponent):
            return _power(rational(base), rational(exponent))
        case Call("mod", (Power(base, exponent), modulus)):
            return _modular_power(rational(base), rational(exponent), rational(modulus))
        case Call(name, arguments):
            values = [rational(argument) for argument in arguments]
            known = [value for value in values if value is not None]
            return value_of(name, known) if len(known) == len(values) else None
        case _:
            return None


def _fold(nodes: tuple[Node, ...], *, multiply: bool) -> Fraction | None:
    total = Fraction(1 if multiply else 0)
    for node in nodes:
        value = rational(node)
        if value is None:
            return None
        total = _bounded(total * value if multiply else total + value)
    return total


def _divide(above: Fraction | None, below: Fraction | None) -> Fraction | None:
    if below == 0:
        raise Unparseable("division by zero")
    return None if above is None or below is None else _bounded(above / below)


def _power(base: Fraction | None, exponent: Fraction | None) -> Fraction | None:
    if base is None or exponent is None or exponent.denominator != 1:
        return None
    if base == 0 and exponent <= 0:
        raise Unparseable("zero to a power that is not positive")
    if abs(base) == 1:
        return base if exponent % 2 else Fraction(1)
    if base and _bits(base) * abs(exponent.numerator) > MAX_BITS:
        raise OverBudget(f"a power of more than {MAX_BITS} bits")
    return base**exponent.numerator


def _modular_power(base: Fraction | None, exponent: Fraction | None, modulus: Fraction | None) -> Fraction | None:
    if base is None or exponent is None or modulus is None:
        return None
    if not base.denominator == exponent.denominator == modulus.denominator == 1:
        return None
    return modular_power(base.numerator, exponent.numerator, modulus.numerator)


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _bounded(value: Fraction) -> Fraction:
    if _bits(value) > MAX_BITS:
        raise OverBudget(f"a number of more than {MAX_BITS} bits")
    return value
