"""Numbers and formulas."""

from __future__ import annotations

import re
from fractions import Fraction

from rlvr.verifier.math.comparing import numeric, symbolic
from rlvr.verifier.math.comparing.exact import has_operator, number_form, rational
from rlvr.verifier.math.comparing.identities import differ_by_a_constant
from rlvr.verifier.math.comparing.numeric import Agreement
from rlvr.verifier.math.comparing.rounding import is_rounded, may_be_rounded, rounded_to_digits, stands_for
from rlvr.verifier.math.comparing.rules import Match, Rules
from rlvr.verifier.math.tree import Constant, Negation, Node, Percent, Sum, Symbol, free_symbols, walk

_INFINITY = Constant("infinity")
_REAL_PLACES = 30
_SAME_REAL = Fraction(1, 10**25)
_CHOICES = frozenset("ABCDFGH")
_CONSTANT = re.compile(r"[CcKk](?:_\w)?")


def compare_expressions(gold: Node, answer: Node, rules: Rules) -> Match:
    """Numbers by their exact value, formulas as functions of their variables."""
    gold_number, number = number_form(gold), number_form(answer)
    if gold_number is not None and number is not None:
        return _compare_numbers(gold, gold_number, answer, number, rules)
    if gold == answer:
        return Match(True, "the same expression")
    if _infinite(gold) or _infinite(answer):
        return Match(False, "infinite or not")
    if not rules.allow_unevaluated and has_operator(answer) and not has_operator(gold):
        return Match(False, "a sum, integral or limit still to be worked out (allow_unevaluated is off)")
    if gold_number is not None and not rules.allow_unevaluated and not _approximates(gold, answer, rules):
        return Match(False, "not written as a number (allow_unevaluated is off)")
    if _same_choice(gold, answer):
        return Match(True, "the same letter")
    variables = free_symbols(gold), free_symbols(answer)
    if variables[1] and not variables[0]:
        return _compare_antiderivatives(gold, answer, rules) or Match(False, "a formula for a number")
    exact_gold, exact = rational(gold), rational(answer)
    if exact_gold is not None and exact is not None:
        return _compare_numbers(gold, exact_gold, answer, exact, rules)
    if not variables[0] and (rules.tolerance is not None or (rules.round_decimals and is_rounded(gold))):
        return _compare_reals(gold, answer, rules)
    return _compare_antiderivatives(gold, answer, rules) or _compare_formulas(gold, answer)


def _infinite(node: Node) -> bool:
    return not has_operator(node) and any(part == _INFINITY for part in walk(node))


def _approximates(gold: Node, answer: Node, rules: Rules) -> bool:
    """With a tolerance or a rounded gold, an exact irrational answer is finished."""
    return (rules.tolerance is not None or (rules.round_decimals and is_rounded(gold))) and rational(answer) is None


def _same_choice(gold: Node, answer: Node) -> bool:
    """The letter of a choice in lower case."""
    match gold, answer:
        case Symbol(letter), Symbol(name):
            return letter in _CHOICES and name == letter.lower()
        case _:
            return False


def _compare_numbers(gold: Node, gold_value: Fraction, answer: Node, value: Fraction, rules: Rules) -> Match:
    if _close(gold, gold_value, answer, value, rules):
        return Match(True, "" if gold_value == value else "within the tolerance or rounded")
    if rules.bare_percent and isinstance(gold, Percent) != isinstance(answer, Percent):
        # The % may be left out on the gold's side where it could not be a fraction, and on the answer's side.
        if isinstance(gold, Percent) and _close(gold.face, gold_value * 100, answer, value, rules):
            return Match(True, "read as a percentage")
        if isinstance(answer, Percent) and abs(gold_value) > 1:
            return Match(_close(gold, gold_value, answer.face, value * 100, rules), "read as a percentage")
    return Match(False, "a different number")


def _close(gold: Node, gold_value: Fraction, answer: Node, value: Fraction, rules: Rules) -> bool:
    if gold_value == value:
        return True
    tolerance = rules.tolerance
    if tolerance is None:
        return rules.round_decimals and stands_for(gold, gold_value, answer, value)
    digits = tolerance.significant_digits
    if digits and rounded_to_digits(gold_value, digits) == rounded_to_digits(value, digits):
        return True
    bound = max(Fraction(tolerance.absolute), Fraction(tolerance.relative) * abs(gold_value))
    return abs(gold_value - value) <= bound


def _compare_reals(gold: Node, answer: Node, rules: Rules) -> Match:
    values = _real(gold), _real(answer)
    if values[0] is None or values[1] is None:
        return _compare_formulas(gold, answer)
    if rules.tolerance is not None:
        close = _close(gold, values[0], answer, values[1], rules)
    elif abs(values[0] - values[1]) < _SAME_REAL:  # exactly the gold, and so no value that was rounded to it
        close = rules.allow_unevaluated
    else:
        close = may_be_rounded(gold, values[1])
    return Match(close, "within the tolerance or rounded" if close else "a different or unfinished number")


def _real(node: Node) -> Fraction | None:
    """The value of a constant expression to 30 decimal places."""
    exact = rational(node)
    if exact is not None:
        return exact
    value = numeric.real_value(node, digits=60)
    return None if value is None else Fraction(int(value * 10**_REAL_PLACES), 10**_REAL_PLACES)


def _compare_antiderivatives(gold: Node, answer: Node, rules: Rules) -> Match | None:
    """For golds `... + C`; None where neither side has such a constant."""
    constants = _constant_term(gold), _constant_term(answer)
    if constants[0] is None and (constants[1] is None or not rules.optional_constant):
        return None
    if not rules.optional_constant and constants[1] is None:
        return Match(False, "the constant of integration is missing")
    bodies = [_without_constant(side, name) for side, name in ((gold, constants[0]), (answer, constants[1]))]
    if not free_symbols(bodies[0]):
        return None
    if free_symbols(bodies[0]) != free_symbols(bodies[1]):
        return Match(False, "a formula in other variables")
    same = differ_by_a_constant(bodies[0], bodies[1])
    return Match(same, "equal up to the constant" if same else "a different formula")


def _constant_term(node: Node) -> str | None:
    """The name of the constant in `... + C`: a letter of the usual ones that occurs there and nowhere else."""
    if not isinstance(node, Sum):
        return None
    for term in node.terms:
        inner = term.operand if isinstance(term, Negation) else term
        if isinstance(inner, Symbol) and _CONSTANT.fullmatch(inner.name):
            occurrences = sum(part == inner for part in walk(node))
            return inner.name if occurrences == 1 else None
    return None


def _without_constant(node: Node, name: str | None) -> Node:
    if name is None or not isinstance(node, Sum):
        return node
    return Sum(tuple(term for term in node.terms if term not in (Symbol(name), Negation(Symbol(name)))))


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
