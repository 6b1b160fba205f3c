"""Formulas given by cases."""

from __future__ import annotations

from rlvr.verifier.math.comparing.matching import unordered
from rlvr.verifier.math.comparing.rules import Compare, Match, Rules
from rlvr.verifier.math.tree import Cases, Node, Sequence


def compare_cases(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """Branch by branch, in any order: the values and the conditions."""
    if not (isinstance(gold, Cases) and isinstance(answer, Cases)):
        return Match(False, "cases for a formula or a formula for cases")
    expected, given = ([Sequence("(", ")", branch) for branch in side.branches] for side in (gold, answer))
    return unordered(expected, given, rules, compare)
