"""Equations and definitions of functions, and what a chain of equalities asserts."""

from __future__ import annotations

from itertools import pairwise

from rlvr.verifier.math.comparing import numeric
from rlvr.verifier.math.comparing.rules import Compare, Match, Rules
from rlvr.verifier.math.limits import Unparseable
from rlvr.verifier.math.tree import (
    EXPRESSIONS,
    Definition,
    Equation,
    Negation,
    Node,
    Quantity,
    Sum,
    Symbol,
    free_symbols,
    rename,
)


def settled(node: Node, compare: Compare) -> Node:
    """A chain of equalities as what it asserts: `3 + 4 = 7` is 7, `x = 3 + 4 = 7` is x = 7.

    Raises:
        Unparseable: its sides are not equal, or there are several formulas to choose from.
    """
    if not isinstance(node, Equation):
        return node
    first, *rest = node.sides
    named = isinstance(first, Symbol)
    values = rest if named else [first, *rest]
    if not named and any(variables_of(side) for side in values):
        if len(values) > 2:
            raise Unparseable("a chain of formulas")
        return node
    for earlier, later in pairwise(values):
        if not compare(earlier, later, Rules(allow_unevaluated=True)):
            raise Unparseable("asserts that different values are equal")
    return Equation((first, values[-1])) if named else values[-1]


def variables_of(node: Node) -> frozenset[str]:
    if isinstance(node, Quantity):
        node = node.value
    return free_symbols(node) if isinstance(node, EXPRESSIONS) else frozenset("?")


def assigned(node: Node) -> tuple[str, Node] | None:
    """The name and the value of `name = value`."""
    if isinstance(node, Equation) and len(node.sides) == 2 and isinstance(node.sides[0], Symbol):
        name = node.sides[0].name
        if name not in variables_of(node.sides[1]):
            return name, node.sides[1]
    return None


def compare_equations(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    left, right = assigned(gold), assigned(answer)
    if left and right and (left[0] == right[0]):
        return compare(left[1], right[1], rules)
    if left and not isinstance(answer, Equation):
        return compare(left[1], answer, rules)
    if right and not isinstance(gold, Equation):
        return compare(gold, right[1], rules)
    if not (isinstance(gold, Equation) and isinstance(answer, Equation)):
        return Match(False, "an equation for a value")
    variables = [frozenset().union(*map(variables_of, equation.sides)) for equation in (gold, answer)]
    if variables[0] != variables[1] or "?" in variables[0]:
        return Match(False, "equations in different variables")
    if len(variables[0]) < 2:
        return Match(False, "an equation that is still to be solved")
    same = numeric.proportional(_difference(gold), _difference(answer))
    return Match(same, "the same equation" if same else "a different equation")


def _difference(equation: Equation) -> Node:
    return Sum((equation.sides[0], Negation(equation.sides[1])))


def compare_definitions(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    if isinstance(gold, Definition) and isinstance(answer, Definition):
        if len(gold.parameters) != len(answer.parameters):
            return Match(False, "a function of another number of arguments")
        names = dict(zip(answer.parameters, gold.parameters, strict=True))
        return compare(gold.body, rename(answer.body, names), rules)
    if isinstance(gold, Definition):
        return compare(gold.body, answer, rules)
    assert isinstance(answer, Definition)
    return compare(gold, answer.body, rules)
