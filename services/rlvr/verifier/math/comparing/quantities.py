"""Values with units."""

from __future__ import annotations

from fractions import Fraction

from rlvr.verifier.math.comparing.numbers import compare_expressions
from rlvr.verifier.math.comparing.rules import Compare, Match, Rules
from rlvr.verifier.math.comparing.statements import variables_of
from rlvr.verifier.math.reading.units import AMBIGUOUS
from rlvr.verifier.math.tree import EXPRESSIONS, Constant, Node, Number, Product, Quantity, Quotient, Symbol, walk


def compare_quantities(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    gold_value, gold_unit = (gold.value, gold.unit) if isinstance(gold, Quantity) else (gold, "")
    value, unit = (answer.value, answer.unit) if isinstance(answer, Quantity) else (answer, "")
    if rules.match_units and gold_unit and unit and gold_unit != unit:
        return Match(False, f"the unit is {unit}, which is not the one asked for")
    match = compare(gold_value, value, rules)
    if match or (gold_unit and unit):
        return match
    if "degree" in (gold_unit, unit):
        return _compare_degrees(gold_value, value, gold_in_degrees=bool(gold_unit))
    letter = unit or gold_unit
    if letter in AMBIGUOUS and letter in variables_of(gold) | variables_of(answer):
        # `5 m` against `5m`: the letter was a variable after all.
        return compare(_unit_as_factor(gold), _unit_as_factor(answer), rules)
    return match


def _unit_as_factor(node: Node) -> Node:
    return Product((node.value, Symbol(node.unit))) if isinstance(node, Quantity) else node


def _compare_degrees(gold: Node, answer: Node, *, gold_in_degrees: bool) -> Match:
    """45 degrees against pi/4: radians are recognised by their pi."""
    degrees, radians = (gold, answer) if gold_in_degrees else (answer, gold)
    if not isinstance(degrees, EXPRESSIONS) or Constant("pi") not in walk(radians):
        return Match(False, "a different angle")
    converted = Quotient(Product((degrees, Constant("pi"))), Number(Fraction(180)))
    return compare_expressions(radians, converted, Rules(allow_unevaluated=True))
