"""SymPy, for the identities that sample points cannot settle: those with roots, logarithms or |x| of variables.

Objects are built node by node from our tree; no text is parsed by SymPy. The work is bounded by refusing
large expressions beforehand, and the process that runs it is killed at its deadline (see the pool).
"""

from __future__ import annotations

from typing import Any

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
    """Whether SymPy shows that the two are the same for positive values of their variables.

    The caller has compared them at points of every sign. False means not shown, not unequal.
    """
    if not (_within_budget(first) and _within_budget(second)):
        return False
    import sympy

    difference = _build(first, sympy) - _build(second, sympy)
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


def _build(node: Node, sympy: Any) -> Any:
    match node:
        case Number(value):
            return sympy.Rational(value.numerator, value.denominator)
        case Based(value, _):
            return sympy.Integer(value)
        case Symbol(name):
            return sympy.Symbol(name, positive=True)
        case Constant(name):
            return {"pi": sympy.pi, "e": sympy.E, "i": sympy.I, "infinity": sympy.oo}[name]
        case Negation(operand):
            return sympy.Mul(-1, _build(operand, sympy))
        case Percent(face):
            return sympy.Mul(_build(face, sympy), sympy.Rational(1, 100))
        case Sum(terms):
            return sympy.Add(*(_build(term, sympy) for term in terms))
        case Product(factors):
            return sympy.Mul(*(_build(factor, sympy) for factor in factors))
        case Quotient(above, below):
            return sympy.Mul(_build(above, sympy), sympy.Pow(_build(below, sympy), -1))
        case Power(base, exponent):
            return sympy.Pow(_build(base, sympy), _build(exponent, sympy))
        case Call(name, arguments):
            return getattr(sympy, _FUNCTIONS[name])(*(_build(argument, sympy) for argument in arguments))
        case _:
            raise TypeError(f"{type(node).__name__} is not an expression")
