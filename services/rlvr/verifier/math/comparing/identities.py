"""What can be said of formulas by comparing them with themselves after a substitution."""

from __future__ import annotations

from fractions import Fraction

from rlvr.verifier.math.comparing.numeric import Agreement, agreement, proportional, real_value
from rlvr.verifier.math.tree import Negation, Node, Number, Product, Sum, Symbol, free_symbols, substitute

_ZERO = Number(Fraction(0))


def vanishes(node: Node) -> bool:
    """Whether the formula is zero for all values of its variables."""
    return agreement(node, _ZERO) in (Agreement.EQUAL, Agreement.PROBABLE)


def linear_in(node: Node, name: str) -> bool:
    """Whether the formula is a + b * name with a constant b other than 0: the second difference vanishes."""
    at = [substitute(node, {name: Number(Fraction(value))}) for value in range(3)]
    slope = Sum((at[1], Negation(at[0])))
    second = Sum((at[2], Negation(Product((Number(Fraction(2)), at[1]))), at[0]))
    return vanishes(second) and not vanishes(slope)


def differ_by_a_constant(first: Node, second: Node) -> bool:
    """Whether first - second does not depend on the variables.

    A function with f(x) = f(3x/2 + 1/7) takes its value at the fixed point x = -2/7 everywhere near it, hence
    is constant where it is analytic.
    """
    difference = Sum((first, Negation(second)))
    moved = {
        name: Sum((Product((Number(Fraction(3, 2)), Symbol(name))), Number(Fraction(1, 7))))
        for name in free_symbols(difference)
    }
    return agreement(difference, substitute(difference, moved)) in (Agreement.EQUAL, Agreement.PROBABLE)


def positive_multiple(first: Node, second: Node) -> bool:
    """Whether first = c * second for one constant c > 0."""
    if not proportional(first, second):
        return False
    point = {
        name: Number(Fraction(5 + 2 * index, 7)) for index, name in enumerate(sorted(free_symbols(first)), start=1)
    }
    at = [real_value(substitute(side, point)) for side in (first, second)]
    return at[0] is not None and at[1] is not None and bool(at[0] * at[1] > 0)
