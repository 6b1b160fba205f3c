"""Is the answer's tree the gold's? Typed and exact: the rules are the functions below, in reading order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from rlvr.verifier.math import numeric, symbolic
from rlvr.verifier.math.exact import number_form, rational
from rlvr.verifier.math.limits import Unparseable
from rlvr.verifier.math.numeric import Agreement
from rlvr.verifier.math.spec import Tolerance
from rlvr.verifier.math.tree import (
    EXPRESSIONS,
    Constant,
    Definition,
    Equation,
    Matrix,
    Negation,
    Node,
    Number,
    Percent,
    Product,
    Quantity,
    Quotient,
    Ratio,
    Sequence,
    Sum,
    Symbol,
    Union,
    Words,
    free_symbols,
    rename,
    walk,
)
from rlvr.verifier.math.units import AMBIGUOUS

_INFINITY = Constant("infinity")


@dataclass(frozen=True, slots=True)
class Rules:
    """The policies of a spec that comparison depends on."""

    match_units: bool = True
    tolerance: Tolerance | None = None
    allow_unevaluated: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """Whether the two are equivalent, and in a few words why (never naming the gold)."""

    equal: bool
    detail: str = ""

    def __bool__(self) -> bool:
        return self.equal


def compare(gold: Node, answer: Node, rules: Rules) -> Match:
    """Decide whether `answer` is equivalent to `gold`.

    Raises:
        Unparseable: the answer is a statement that says nothing (`41 = 42`, 1/0).
        OverBudget: a value is out of bounds.
    """
    gold, answer = _settled(gold), _settled(answer)
    if isinstance(gold, Quantity) or isinstance(answer, Quantity):
        return _compare_quantities(gold, answer, rules)
    if isinstance(gold, Words) or isinstance(answer, Words):
        return _compare_words(gold, answer, rules)
    if isinstance(gold, Equation) or isinstance(answer, Equation):
        return _compare_equations(gold, answer, rules)
    if isinstance(gold, Definition) or isinstance(answer, Definition):
        return _compare_definitions(gold, answer, rules)
    if isinstance(gold, Sequence | Union) or isinstance(answer, Sequence | Union):
        return _compare_sequences(gold, answer, rules)
    if isinstance(gold, Matrix) or isinstance(answer, Matrix):
        return _compare_matrices(gold, answer, rules)
    if isinstance(gold, Ratio) or isinstance(answer, Ratio):
        return _compare_ratios(gold, answer, rules)
    return _compare_expressions(gold, answer, rules)


# Statements


def _settled(node: Node) -> Node:
    """A chain of equalities as what it asserts: `3 + 4 = 7` is 7, `x = 3 + 4 = 7` is x = 7.

    Raises:
        Unparseable: its sides are not equal, or there are several formulas to choose from.
    """
    if not isinstance(node, Equation):
        return node
    first, *rest = node.sides
    named = isinstance(first, Symbol)
    values = rest if named else [first, *rest]
    if not named and any(_variables(side) for side in values):
        if len(values) > 2:
            raise Unparseable("a chain of formulas")
        return node
    for earlier, later in pairwise(values):
        if not compare(earlier, later, Rules(allow_unevaluated=True)):
            raise Unparseable("asserts that different values are equal")
    return Equation((first, values[-1])) if named else values[-1]


def _variables(node: Node) -> frozenset[str]:
    if isinstance(node, Quantity):
        node = node.value
    return free_symbols(node) if isinstance(node, EXPRESSIONS) else frozenset("?")


def _assigned(node: Node) -> tuple[str, Node] | None:
    """The name and the value of `name = value`."""
    if isinstance(node, Equation) and len(node.sides) == 2 and isinstance(node.sides[0], Symbol):
        name = node.sides[0].name
        if name not in _variables(node.sides[1]):
            return name, node.sides[1]
    return None


def _compare_equations(gold: Node, answer: Node, rules: Rules) -> Match:
    left, right = _assigned(gold), _assigned(answer)
    if left and right and (left[0] == right[0]):
        return compare(left[1], right[1], rules)
    if left and not isinstance(answer, Equation):
        return compare(left[1], answer, rules)
    if right and not isinstance(gold, Equation):
        return compare(gold, right[1], rules)
    if not (isinstance(gold, Equation) and isinstance(answer, Equation)):
        return Match(False, "an equation for a value")
    variables = [frozenset().union(*map(_variables, equation.sides)) for equation in (gold, answer)]
    if variables[0] != variables[1] or "?" in variables[0]:
        return Match(False, "equations in different variables")
    if len(variables[0]) < 2:
        return Match(False, "an equation that is still to be solved")
    same = numeric.proportional(_difference(gold), _difference(answer))
    return Match(same, "the same equation" if same else "a different equation")


def _difference(equation: Equation) -> Node:
    return Sum((equation.sides[0], Negation(equation.sides[1])))


def _compare_definitions(gold: Node, answer: Node, rules: Rules) -> Match:
    if isinstance(gold, Definition) and isinstance(answer, Definition):
        if len(gold.parameters) != len(answer.parameters):
            return Match(False, "a function of another number of arguments")
        names = dict(zip(answer.parameters, gold.parameters, strict=True))
        return compare(gold.body, rename(answer.body, names), rules)
    if isinstance(gold, Definition):
        return compare(gold.body, answer, rules)
    assert isinstance(answer, Definition)
    return compare(gold, answer.body, rules)


# Units and words


def _compare_quantities(gold: Node, answer: Node, rules: Rules) -> Match:
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
    if letter in AMBIGUOUS and letter in _variables(gold) | _variables(answer):
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
    return _compare_expressions(radians, converted, Rules(allow_unevaluated=True))


def _compare_words(gold: Node, answer: Node, rules: Rules) -> Match:
    if isinstance(gold, Words) and isinstance(answer, Words):
        return Match(gold.text == answer.text, "compared as words")
    # `ab` alone was read as a word; against a formula it is a product of variables.
    gold, answer = _letters_as_product(gold), _letters_as_product(answer)
    if isinstance(gold, Words) or isinstance(answer, Words):
        return Match(False, "words for a value or a value for words")
    return compare(gold, answer, rules)


def _letters_as_product(node: Node) -> Node:
    if isinstance(node, Words) and len(node.text) <= 3 and node.text.isascii() and node.text.isalpha():
        return Product(tuple(Constant(c) if c in "ei" else Symbol(c) for c in node.text))
    return node


# Containers


def _items(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Sequence):
        return node.items
    return node.parts if isinstance(node, Union) else (node,)


def _compare_sequences(gold: Node, answer: Node, rules: Rules) -> Match:
    if isinstance(gold, Union) or isinstance(answer, Union):
        alike = all(isinstance(side, Union) or _kind(side) == "list" for side in (gold, answer))
        return _unordered(_items(gold), _items(answer), rules) if alike else Match(False, "not the same set")
    kinds = {_kind(gold), _kind(answer)}
    if "single" in kinds:
        return Match(False, "one value for several, or several for one")
    if kinds <= {"list", "set"}:
        return _unordered(_items(gold), _items(answer), rules)
    if len(kinds) == 2 and kinds != {"list", "()"}:
        return Match(False, "delimiters of another meaning")
    return _in_order(_items(gold), _items(answer), rules)


def _kind(node: Node) -> str:
    if not isinstance(node, Sequence):
        return "single"
    return {"": "list", "{}": "set"}.get(node.opening + node.closing, node.opening + node.closing)


def _in_order(gold: tuple[Node, ...], answer: tuple[Node, ...], rules: Rules) -> Match:
    if len(gold) != len(answer):
        return Match(False, "another number of items")
    for position, (left, right) in enumerate(zip(gold, answer, strict=True), start=1):
        match = compare(left, right, rules)
        if not match:
            return Match(False, f"item {position}: {match.detail}")
    return Match(True)


def _unordered(gold: tuple[Node, ...], answer: tuple[Node, ...], rules: Rules) -> Match:
    """Equal as multisets, taking for each item the first partner that fits (any one does: equality is transitive)."""
    if len(gold) != len(answer):
        return Match(False, "another number of items")
    if all(_assigned(item) for item in answer) and not any(_assigned(item) for item in gold):
        return _in_order(gold, answer, rules)
    left = list(gold)
    for position, item in enumerate(answer, start=1):
        partner = next((index for index, other in enumerate(left) if compare(other, item, rules)), None)
        if partner is None:
            return Match(False, f"item {position} is not among those asked for")
        del left[partner]
    return Match(True)


def _compare_matrices(gold: Node, answer: Node, rules: Rules) -> Match:
    if not (isinstance(gold, Matrix) and isinstance(answer, Matrix)):
        return Match(False, "a matrix for a value or a value for a matrix")
    if (len(gold.rows), len(gold.rows[0])) != (len(answer.rows), len(answer.rows[0])):
        return Match(False, "a matrix of another shape")
    return _in_order(sum(gold.rows, ()), sum(answer.rows, ()), rules)


def _compare_ratios(gold: Node, answer: Node, rules: Rules) -> Match:
    clock = any(isinstance(side, Ratio) and side.clock for side in (gold, answer))
    parts = [side.parts if isinstance(side, Ratio) else (side,) for side in (gold, answer)]
    if clock or max(map(len, parts)) > 2:
        return _in_order(parts[0], parts[1], rules)
    gold, answer = (Quotient(*side) if len(side) == 2 else side[0] for side in parts)
    return compare(gold, answer, Rules(rules.match_units, rules.tolerance, allow_unevaluated=True))


# Numbers and formulas


def _compare_expressions(gold: Node, answer: Node, rules: Rules) -> Match:
    gold_number, number = number_form(gold), number_form(answer)
    if gold_number is not None and number is not None:
        return _compare_numbers(gold, gold_number, answer, number, rules.tolerance)
    if gold == answer:
        return Match(True, "the same expression")
    if _infinite(gold) or _infinite(answer):
        return Match(False, "infinite or not")
    if gold_number is not None and not rules.allow_unevaluated and not _approximates(answer, rules):
        return Match(False, "not written as a number (allow_unevaluated is off)")
    if free_symbols(gold) != free_symbols(answer) and not (free_symbols(gold) and free_symbols(answer)):
        return Match(False, "a formula for a number or a number for a formula")
    exact_gold, exact = rational(gold), rational(answer)
    if exact_gold is not None and exact is not None:
        return _compare_numbers(gold, exact_gold, answer, exact, rules.tolerance)
    if rules.tolerance is not None and not free_symbols(gold):
        return _compare_reals(gold, answer, rules.tolerance)
    return _compare_formulas(gold, answer)


def _infinite(node: Node) -> bool:
    return any(part == _INFINITY for part in walk(node))


def _approximates(answer: Node, rules: Rules) -> bool:
    """With a tolerance, an exact irrational answer to an approximate gold is finished."""
    return rules.tolerance is not None and rational(answer) is None


def _compare_numbers(
    gold: Node, gold_value: Fraction, answer: Node, value: Fraction, tolerance: Tolerance | None
) -> Match:
    close = _within(tolerance)
    if close(gold_value, value):
        return Match(True)
    # The % may be left out on the gold's side where it could not be a fraction, and on the answer's side.
    if isinstance(gold, Percent) and not isinstance(answer, Percent) and close(gold_value * 100, value):
        return Match(True, "read as a percentage")
    if isinstance(answer, Percent) and not isinstance(gold, Percent) and abs(gold_value) > 1:
        return Match(close(gold_value, value * 100), "read as a percentage")
    return Match(False, "a different number")


def _within(tolerance: Tolerance | None) -> Callable[[Fraction, Fraction], bool]:
    if tolerance is None:
        return Fraction.__eq__
    absolute, relative = Fraction(tolerance.absolute), Fraction(tolerance.relative)
    return lambda gold, value: abs(gold - value) <= max(absolute, relative * abs(gold))


def _compare_reals(gold: Node, answer: Node, tolerance: Tolerance) -> Match:
    gold_value, value = numeric.real_value(gold), numeric.real_value(answer)
    if gold_value is None or value is None:
        return _compare_formulas(gold, answer)
    bound = max(tolerance.absolute, tolerance.relative * abs(gold_value))
    return Match(bool(abs(gold_value - value) <= bound), "compared within the tolerance")


def _compare_formulas(gold: Node, answer: Node) -> Match:
    match numeric.agreement(gold, answer):
        case Agreement.EQUAL:
            return Match(True, "equal at sample points")
        case Agreement.PROBABLE:
            shown = symbolic.proves_equal(gold, answer)
            return Match(shown, "shown equal by SymPy" if shown else "equal at sample points, but not shown equal")
        case Agreement.UNDECIDED:
            return Match(False, "not defined where the gold answer is")
        case Agreement.DIFFERENT:
            return Match(False, "a different value")
