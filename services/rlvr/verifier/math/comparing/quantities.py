"""Values with units: the policy `units` of the spec.

Whatever the policy, a unit may be left out on either side, and what is counted (`7 goats`) decides nothing by
itself; only in a list do nouns say which number belongs to which (`nouns`).
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from rlvr.verifier.math.comparing.exact import number_form
from rlvr.verifier.math.comparing.numbers import compare_expressions
from rlvr.verifier.math.comparing.rounding import written
from rlvr.verifier.math.comparing.rules import Compare, Match, Rules
from rlvr.verifier.math.comparing.statements import variables_of
from rlvr.verifier.math.reading.units import CURRENCIES, DEGREE, Measure, measure, readings, spelled
from rlvr.verifier.math.tree import (
    EXPRESSIONS,
    Constant,
    Negation,
    Node,
    Number,
    Power,
    Product,
    Quantity,
    Sum,
    Symbol,
    Unit,
    free_symbols,
    walk,
)

_RADIAN: Unit = (("rad", 1),)
_LENGTH = "m"
_OPPOSITES_WORDS = """
    increase decrease rise fall gain loss profit up down above below under north south east west northeast
    northwest southeast southwest left right forward backward ahead behind early earlier late later before after
    bc ad clockwise counterclockwise anticlockwise win debit credit hot cold shallow deep inside outside ago old
    young
"""
_OPPOSITES = frozenset(_OPPOSITES_WORDS.split())
"""Words beside a number that turn it around: 5 km north is not 5 km south."""


def compare_quantities(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """Values by their units; see `MathSpec.units`."""
    left, right = _quantity(gold), _quantity(answer)
    if _opposed(left, right):
        return Match(False, "the other direction")
    if _money(left.unit) and written(right.value) is not None:
        rules = replace(rules, round_decimals=False)  # cents are exact
    if rules.units == "ignore":
        return compare(left.value, right.value, rules)
    if left.unit and right.unit:
        return _compare_measured(left, right, rules, compare)
    if (left.unit and right.noun) or (right.unit and left.noun):
        return Match(False, "a measurement for a count or a count for a measurement")
    if DEGREE in (left.unit, right.unit) and _in_radians(right if left.unit else left):
        return _compare_without_unit(left, right, rules, compare)
    match = compare(left.value, right.value, rules)
    return match or _compare_without_unit(left, right, rules, compare) or match


def _quantity(node: Node) -> Quantity:
    return node if isinstance(node, Quantity) else Quantity(node, ())


def _opposed(left: Quantity, right: Quantity) -> bool:
    if not (left.noun and right.noun):
        return False
    directions = [_OPPOSITES.intersection(side.noun.split()) for side in (left, right)]
    return bool(directions[0] and directions[1] and directions[0] != directions[1])


# both sides have a unit


def _compare_measured(gold: Quantity, answer: Quantity, rules: Rules, compare: Compare) -> Match:
    for gold_unit in readings(gold.unit):
        for unit in readings(answer.unit):
            if _same_unit(gold_unit, unit):
                return compare(gold.value, answer.value, rules)
    if {gold.unit, answer.unit} == {DEGREE, _RADIAN} or rules.units == "convert":
        for gold_unit in readings(gold.unit):
            for unit in readings(answer.unit):
                if measure(gold_unit).dimension == measure(unit).dimension:
                    return _compare_converted(gold.value, measure(gold_unit), answer.value, measure(unit), rules)
    return Match(False, f"the unit is {spelled(answer.unit)}, which is not the one asked for")


def _same_unit(gold: Unit, answer: Unit) -> bool:
    if gold == answer or measure(gold) == measure(answer):
        return True
    if _money(gold) == _money(answer) != ():  # 8 dollars an hour, said to be 8 dollars
        return len(gold) == 1 or len(answer) == 1
    # `square units` are nobody's in particular.
    for neutral, other in ((gold, answer), (answer, gold)):
        if len(neutral) == 1 and neutral[0][0] == "unit" and other and other[0][0] != "unit":
            power = neutral[0][1]
            return power == 1 or measure(other).dimension == ((_LENGTH, power),)
    return False


def _money(unit: Unit) -> Unit:
    return tuple((symbol, power) for symbol, power in unit if symbol in CURRENCIES and power > 0)


def _compare_converted(gold: Node, gold_unit: Measure, answer: Node, unit: Measure, rules: Rules) -> Match:
    """The answer in the gold's unit, exactly."""
    if not isinstance(gold, EXPRESSIONS) or not isinstance(answer, EXPRESSIONS):
        return Match(False, "only numbers and formulas are converted")
    ratio, pi_power = unit.factor / gold_unit.factor, unit.pi_power - gold_unit.pi_power
    number = number_form(answer)
    if number is not None and not pi_power:
        value = (number + unit.offset) * ratio - gold_unit.offset
        return compare_expressions(gold, Number(value), rules)
    factors: list[Node] = [Sum((answer, Number(unit.offset))) if unit.offset else answer, Number(ratio)]
    if pi_power:
        factors.append(Power(Constant("pi"), _integer(pi_power)))
        rules = replace(rules, allow_unevaluated=True)
    converted: Node = Product(tuple(factors))
    if gold_unit.offset:
        converted = Sum((converted, Negation(Number(gold_unit.offset))))
    return compare_expressions(gold, converted, rules)


def _integer(value: int) -> Node:
    return Number(Fraction(value)) if value >= 0 else Negation(Number(Fraction(-value)))


# one side has none


def _compare_without_unit(gold: Quantity, answer: Quantity, rules: Rules, compare: Compare) -> Match:
    """What a bare value may still be: radians, known by their pi, or a formula in what looked like a unit."""
    with_unit, bare = (gold, answer) if gold.unit else (answer, gold)
    if with_unit.unit == DEGREE:
        if _in_radians(bare):
            radian, degree = measure(_RADIAN), measure(DEGREE)
            units = (degree, radian) if gold.unit else (radian, degree)
            return _compare_converted(gold.value, units[0], answer.value, units[1], rules)
        return Match(False, "a different angle")
    letters = {letter for symbol, _ in with_unit.unit for letter in symbol}
    variables = variables_of(bare.value)
    if variables and variables <= letters | free_symbols(with_unit.value) and variables & letters:
        # `5 m` against `5m`: the letter was a variable after all.
        return compare(_as_formula(gold), _as_formula(answer), rules)
    return Match(False)


def _in_radians(bare: Quantity) -> bool:
    """Whether a bare angle is one of radians: it has a pi."""
    return isinstance(bare.value, EXPRESSIONS) and Constant("pi") in walk(bare.value)


def _as_formula(quantity: Quantity) -> Node:
    powers = [Power(Symbol(letter), _integer(power)) for symbol, power in quantity.unit for letter in symbol]
    return Product((quantity.value, *powers)) if powers else quantity.value
