"""Numbers and formulas."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from rlvr.verifier.math.comparing import numeric, symbolic
from rlvr.verifier.math.comparing.exact import number_form, rational
from rlvr.verifier.math.comparing.numeric import Agreement
from rlvr.verifier.math.comparing.rules import Match, Rules
from rlvr.verifier.math.spec import Tolerance
from rlvr.verifier.math.tree import Constant, Node, Percent, free_symbols, walk

_INFINITY = Constant("infinity")


def compare_expressions(gold: Node, answer: Node, rules: Rules) -> Match:
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
