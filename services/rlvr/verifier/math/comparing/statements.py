"""Equations, inequalities, definitions of functions, labels and qualifiers: what is said of names."""

from __future__ import annotations

from itertools import pairwise

from rlvr.verifier.math.comparing import numeric
from rlvr.verifier.math.comparing.identities import linear_in, positive_multiple, vanishes
from rlvr.verifier.math.comparing.matching import in_order
from rlvr.verifier.math.comparing.numeric import Agreement
from rlvr.verifier.math.comparing.rules import Compare, Match, Rules
from rlvr.verifier.math.limits import OverBudget, Unparseable
from rlvr.verifier.math.tree import (
    EXPRESSIONS,
    Chain,
    Choice,
    Constant,
    Definition,
    Equation,
    Labelled,
    Negation,
    Node,
    Qualified,
    Quantified,
    Quantity,
    Relation,
    Sequence,
    Solutions,
    Sum,
    Symbol,
    Words,
    free_symbols,
    rename,
    substitute,
)

_INFINITY = Constant("infinity")
_MINUS_INFINITY = Negation(_INFINITY)


def settled(node: Node, compare: Compare) -> Node:
    """A chain of equalities as what it asserts: `3 + 4 = 7` is 7, `x = 3 + 4 = 7` is x = 7, an identity its value.

    Raises:
        Unparseable: its sides are not equal, or there are several formulas to choose from.
    """
    if not isinstance(node, Equation):
        return node
    first, *rest = node.sides
    if isinstance(first, Symbol):
        _check_equal(rest, compare)
        return Equation((first, rest[-1]))
    if not any(variables_of(side) for side in node.sides):
        _check_equal(list(node.sides), compare)
        return node.sides[-1]
    if all(isinstance(side, EXPRESSIONS) for side in node.sides) and _is_identity(node.sides):
        return node.sides[-1]
    if len(node.sides) > 2:
        raise Unparseable("a chain of different formulas")
    return node


def _check_equal(values: list[Node], compare: Compare) -> None:
    for earlier, later in pairwise(values):
        if not compare(earlier, later, Rules(units="convert", allow_unevaluated=True)):
            raise Unparseable("asserts that different values are equal")


def _is_identity(sides: tuple[Node, ...]) -> bool:
    try:
        return all(numeric.agreement(a, b) in (Agreement.EQUAL, Agreement.PROBABLE) for a, b in pairwise(sides))
    except (OverBudget, Unparseable):
        return False


def variables_of(node: Node) -> frozenset[str]:
    """The variables of a value; `?` for what is no formula."""
    if isinstance(node, Quantity):
        node = node.value
    return free_symbols(node) if isinstance(node, EXPRESSIONS) else frozenset("?")


def assigned(node: Node) -> tuple[str, Node] | None:
    """The name and the value of `name = value`."""
    if isinstance(node, Equation) and len(node.sides) >= 2 and isinstance(node.sides[0], Symbol):
        name = node.sides[0].name
        if name not in variables_of(node.sides[-1]):
            return name, node.sides[-1]
    return None


def compare_equations(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """`x = 5` is 5; equations in several variables are the same curve or not."""
    left, right = assigned(gold), assigned(answer)
    if left and right and (left[0] == right[0]):
        return compare(left[1], right[1], rules)
    if left and not isinstance(answer, Equation):
        return compare(left[1], answer, rules)
    if right and not isinstance(gold, Equation):
        return compare(gold, right[1], rules)
    if left and right and rules.any_variables:
        return compare(left[1], right[1], rules)
    if not isinstance(gold, Equation):
        return Match(False, "an equation for a value")
    if not isinstance(answer, Equation):
        solved = _solves(gold, answer)
        if solved or variables_of(gold.sides[-1]) or variables_of(answer):
            return solved
        return compare(gold.sides[-1], answer, rules)  # `S_1/S_2 = 4/9` is 4/9
    variables = [frozenset().union(*map(variables_of, equation.sides)) for equation in (gold, answer)]
    if variables[0] != variables[1] or "?" in variables[0]:
        return Match(False, "equations in different variables")
    if len(variables[0]) < 2 and left:
        return Match(False, "an equation that is still to be solved")
    same = numeric.proportional(_difference(gold), _difference(answer))
    return Match(same, "the same equation" if same else "a different equation")


def _difference(equation: Equation) -> Node:
    return Sum((equation.sides[0], Negation(equation.sides[1])))


def _solves(gold: Node, answer: Node) -> Match:
    """`y + 1 = 2x` against 2x - 1: the gold is linear in the one variable that the formula lacks."""
    assert isinstance(gold, Equation)
    lacking = frozenset().union(*map(variables_of, gold.sides)) - variables_of(answer)
    if len(lacking) != 1 or "?" in lacking or not isinstance(answer, EXPRESSIONS) or not free_symbols(answer):
        return Match(False, "a value for an equation")
    (name,) = lacking
    difference = _difference(gold)
    if not linear_in(difference, name):
        return Match(False, "a formula for an equation")
    same = vanishes(substitute(difference, {name: answer}))
    return Match(same, "solved for the remaining variable" if same else "a different formula")


def compare_relations(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """Inequalities that are not solved: the same one, up to a positive factor."""
    gold, answer = as_relation(gold), as_relation(answer)
    if not (isinstance(gold, Relation) and isinstance(answer, Relation)):
        return Match(False, "an inequality that is still to be solved")
    if gold.strict != answer.strict or free_symbols(gold.left) | free_symbols(gold.right) != (
        free_symbols(answer.left) | free_symbols(answer.right)
    ):
        return Match(False, "a different inequality")
    differences = [Sum((side.left, Negation(side.right))) for side in (gold, answer)]
    same = positive_multiple(differences[0], differences[1])
    return Match(same, "the same inequality" if same else "a different inequality")


def as_relation(node: Node) -> Node:
    """`c < a + b`, read as the values of c, as an inequality between formulas."""
    match node:
        case Solutions(name, Sequence(_, closing, (low, high))) if low == _MINUS_INFINITY and free_symbols(high):
            return Relation(Symbol(name), high, closing == ")")
        case Solutions(name, Sequence(opening, _, (low, high))) if high == _INFINITY and free_symbols(low):
            return Relation(low, Symbol(name), opening == "(")
        case _:
            return node


def compare_quantified(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """The same quantifier over the same values of the same statement; the variable may have any name."""
    if not (isinstance(gold, Quantified) and isinstance(answer, Quantified)):
        return Match(False, "a statement for a value or a value for a statement")
    if gold.universal != answer.universal:
        return Match(False, "another quantifier")
    if gold.values is not None and answer.values is not None:
        match = compare(gold.values, answer.values, rules)
        if not match:
            return Match(False, f"for other values: {match.detail}")
    return compare(gold.body, rename(answer.body, {answer.variable: gold.variable}), rules)


def compare_chains(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """a < b < c by its items in order; a bare list of them says as much."""
    if isinstance(gold, Chain) and isinstance(answer, Chain):
        if gold.strict != answer.strict:
            return Match(False, "a different order")
        return in_order(gold.items, answer.items, rules, compare)
    chain, other = (gold, answer) if isinstance(gold, Chain) else (answer, gold)
    if isinstance(chain, Chain) and isinstance(other, Sequence) and other.opening and len(chain.items) == 3:
        low, _, high = chain.items
        bounds = Sequence("(" if chain.strict[0] else "[", ")" if chain.strict[1] else "]", (low, high))
        return compare(bounds, other, rules) if chain is gold else compare(other, bounds, rules)
    if isinstance(gold, Chain) and isinstance(other, Sequence) and not other.opening and all(gold.strict):
        return in_order(gold.items, other.items, rules, compare)
    return Match(False, "an order for a value")


def compare_definitions(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """f(x) = body by the body, whatever its parameters are called; the body alone says as much."""
    if isinstance(gold, Definition) and isinstance(answer, Definition):
        if len(gold.parameters) != len(answer.parameters):
            return Match(False, "a function of another number of arguments")
        names = dict(zip(answer.parameters, gold.parameters, strict=True))
        return compare(gold.body, rename(answer.body, names), rules)
    if isinstance(gold, Definition):
        return compare(gold.body, _value(answer), rules)
    assert isinstance(answer, Definition)
    return compare(_value(gold), answer.body, rules)


def _value(node: Node) -> Node:
    """The right side of `y = ...`."""
    named = assigned(node)
    return named[1] if named else node


def compare_labelled(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """`Maximum = 2`: the value, and the label where both sides have one."""
    if isinstance(gold, Labelled) and isinstance(answer, Labelled):
        if not _same_label(gold.label, answer.label):
            return Match(False, "another label")
        return compare(gold.value, answer.value, rules)
    if isinstance(gold, Labelled):
        return compare(gold.value, answer, rules)
    assert isinstance(answer, Labelled)
    return compare(gold, answer.value, rules)


def _same_label(first: str, second: str) -> bool:
    """Whether one is the other or an abbreviation of it: max, maximum."""
    short, long = sorted((first, second), key=len)
    return first == second or (len(short) >= 3 and long.startswith(short))


def compare_qualified(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    r"""`k \pi, k \in \mathbb{Z}`: the bodies, and the domains where both sides name one."""
    domains = [dict(side.domains) if isinstance(side, Qualified) else {} for side in (gold, answer)]
    bodies = [side.body if isinstance(side, Qualified) else side for side in (gold, answer)]
    said = [sorted(filter(None, side.values())) for side in domains]
    if said[0] and said[1] and said[0] != said[1]:
        return Match(False, "letters of another domain")
    return compare(bodies[0], bodies[1], rules)


def compare_choices(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """(B) 12: by letter or text where one side has one of them, by both where both have both."""
    if isinstance(gold, Choice) and isinstance(answer, Choice):
        if gold.letter != answer.letter:
            return Match(False, "another letter")
        return compare(gold.content, answer.content, rules)
    choice, other = (gold, answer) if isinstance(gold, Choice) else (answer, gold)
    assert isinstance(choice, Choice)
    if letter_of(other):
        return Match(letter_of(other) == choice.letter, "compared by letter")
    if isinstance(gold, Choice):
        return compare(choice.content, other, rules)
    return compare(other, choice.content, rules)


def letter_of(node: Node) -> str:
    """The letter of an answer that is nothing but the letter of a choice; empty otherwise."""
    if isinstance(node, Symbol) and len(node.name) == 1 and node.name.upper() in "ABCDEFGHIJ":
        return node.name.upper()
    if isinstance(node, Words) and len(node.text) == 1 and node.text.upper() in "ABCDEFGHIJ":
        return node.text.upper()
    return ""
