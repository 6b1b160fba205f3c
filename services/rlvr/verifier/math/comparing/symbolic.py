"""SymPy, for the identities that sample points cannot settle: those with roots, logarithms or |x| of variables.

Objects are built node by node from our tree; no text is parsed by SymPy. The work is bounded by refusing
large expressions beforehand, and the process that runs it is killed at its deadline (see the pool).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from rlvr.verifier.math.comparing.exact import number_form
from rlvr.verifier.math.comparing.numeric import signs_of_domain
from rlvr.verifier.math.limits import MAX_SYMPY_EXPONENT, MAX_SYMPY_NODES
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
    walk,
)

_NAMES = """
    sqrt root log exp sin cos tan cot sec csc asin acos atan acot asec acsc sinh cosh tanh coth sech csch asinh acosh
    atanh floor factorial binomial
"""
_FUNCTIONS = {name: name for name in _NAMES.split()} | {"ln": "log", "abs": "Abs", "ceil": "ceiling", "max": "Max"}
_FUNCTIONS |= {"min": "Min", "sgn": "sign", "double_factorial": "factorial2"}
"""Our name of a function -> SymPy's."""
_KINDS = (Number, Based, Symbol, Constant, Negation, Percent, Sum, Product, Quotient, Power, Call)


def proves_equal(first: Node, second: Node) -> bool:
    """Whether SymPy shows that the two are the same, for each combination of signs that `first` is real for.

    The caller has compared them at points of every sign. False means not shown, not unequal.
    """
    if not (_within_budget(first) and _within_budget(second)):
        return False
    import sympy

    return all(
        _vanishes(_build(first, sympy, signs) - _build(second, sympy, signs), sympy)
        for signs in signs_of_domain(first, second)
    )


def _vanishes(difference: Any, sympy: Any) -> bool:
    if difference == 0 or sympy.simplify(difference) == 0:
        return True
    # Two forms of one antiderivative: the same slope everywhere, and sample points have shown the same value.
    return all(sympy.simplify(sympy.diff(difference, name)) == 0 for name in difference.free_symbols)


def _within_budget(node: Node) -> bool:
    parts = list(walk(node))
    if len(parts) > MAX_SYMPY_NODES:
        return False
    if not all(isinstance(part, _KINDS) for part in parts):
        return False
    if any(isinstance(part, Call) and part.name not in _FUNCTIONS for part in parts):
        return False
    powers = [part.exponent for part in parts if isinstance(part, Power)]
    literals = [part for power in powers for part in walk(power) if isinstance(part, Number)]
    return all(abs(literal.value) <= MAX_SYMPY_EXPONENT for literal in literals)


def _build(node: Node, sympy: Any, signs: Mapping[str, int]) -> Any:
    def built(part: Node) -> Any:
        return _build(part, sympy, signs)

    match node:
        case Number(value):
            return sympy.Rational(value.numerator, value.denominator)
        case Based(value, _):
            return sympy.Integer(value)
        case Symbol(name):
            return signs[name] * sympy.Symbol(name, positive=True)
        case Constant(name):
            return {"pi": sympy.pi, "e": sympy.E, "i": sympy.I, "infinity": sympy.oo}[name]
        case Negation(operand):
            return sympy.Mul(-1, built(operand))
        case Percent(face):
            return sympy.Mul(built(face), sympy.Rational(1, 100))
        case Sum(terms):
            return sympy.Add(*(built(term) for term in terms))
        case Product(factors):
            return sympy.Mul(*(built(factor) for factor in factors))
        case Quotient(above, below):
            return sympy.Mul(built(above), sympy.Pow(built(below), -1))
        case Power(base, exponent):
            if (literal := number_form(exponent)) is not None and literal.denominator % 2:
                return _real_power(built(base), literal, sympy)
            return sympy.Pow(built(base), built(exponent))
        case Call("root", (radicand, Number(degree))) if degree.denominator == 1 and degree % 2:
            return _real_power(built(radicand), 1 / degree, sympy)
        case Call(name, arguments):
            return getattr(sympy, _FUNCTIONS[name])(*(built(argument) for argument in arguments))
        case _:
            raise TypeError(f"{type(node).__name__} is not an expression")


def _real_power(base: Any, exponent: Fraction, sympy: Any) -> Any:
    """With an odd root: the real one of a negative number, as in `evaluation`."""
    power = sympy.Rational(exponent.numerator, exponent.denominator)
    if exponent.denominator > 1 and base.is_negative:
        return sympy.Pow(-1, exponent.numerator) * sympy.Pow(-base, power)
    return sympy.Pow(base, power)
