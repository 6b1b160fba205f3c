"""Which rule compares which trees. Typed and exact; the rules are in the modules imported here."""

from __future__ import annotations

from collections.abc import Callable

from rlvr.verifier.math.comparing.calendar import compare_calendar
from rlvr.verifier.math.comparing.cases import compare_cases
from rlvr.verifier.math.comparing.containers import compare_matrices, compare_ratios, compare_sequences
from rlvr.verifier.math.comparing.numbers import compare_expressions
from rlvr.verifier.math.comparing.quantities import compare_quantities
from rlvr.verifier.math.comparing.renaming import renamings
from rlvr.verifier.math.comparing.residues import compare_residues, has_residue, is_family
from rlvr.verifier.math.comparing.rules import Compare, Match, Rules
from rlvr.verifier.math.comparing.sets import compare_sets
from rlvr.verifier.math.comparing.statements import (
    compare_chains,
    compare_choices,
    compare_definitions,
    compare_equations,
    compare_labelled,
    compare_qualified,
    compare_quantified,
    compare_relations,
    settled,
)
from rlvr.verifier.math.comparing.words import compare_words
from rlvr.verifier.math.reading.relations import REALS
from rlvr.verifier.math.tree import (
    Cases,
    Chain,
    Choice,
    Date,
    Definition,
    Difference,
    Equation,
    Intersection,
    Labelled,
    Matrix,
    Node,
    Number,
    Qualified,
    Quantified,
    Quantity,
    Ratio,
    Relation,
    Residue,
    Sequence,
    Solutions,
    Time,
    Union,
    Words,
    rename,
)

_Rule = Callable[[Node, Node, Rules, Compare], Match]
_RULES: tuple[tuple[tuple[type, ...], _Rule], ...] = (
    ((Date, Time), compare_calendar),
    ((Qualified,), compare_qualified),
    ((Choice,), compare_choices),
    ((Labelled,), compare_labelled),
    ((Quantity,), compare_quantities),
    ((Words,), compare_words),
    ((Cases,), compare_cases),
    ((Equation,), compare_equations),
    ((Definition,), compare_definitions),
    ((Relation,), compare_relations),
    ((Union, Intersection, Difference, Solutions), compare_sets),
    ((Quantified,), compare_quantified),
    ((Chain,), compare_chains),
    ((Sequence,), compare_sequences),
    ((Matrix,), compare_matrices),
    ((Ratio,), compare_ratios),
)
"""The first rule that is for the kind of either side decides; what has none is a number or a formula."""
_RANKS = {kind: rank for rank, (kinds, _) in enumerate(_RULES) for kind in kinds}
_LAST = len(_RULES)
_WITH_RESIDUES = frozenset({Residue, Equation, Sequence, Qualified})


def equivalent(gold: Node, answer: Node, rules: Rules) -> Match:
    """Decide whether an answer is the gold answer, up to the names of the letters that may have any.

    Raises:
        Unparseable: the answer is a statement that says nothing (`41 = 42`, 1/0).
        OverBudget: a value is out of bounds.
    """
    match = compare(gold, answer, rules)
    if match or isinstance(gold, Number):
        return match
    for names in renamings(gold, answer, any_name=rules.any_variables):
        if compare(gold, rename(answer, names), rules):
            return Match(True, "up to the names of its letters")
    return match


def compare(gold: Node, answer: Node, rules: Rules) -> Match:
    """Whether two trees, or two parts of them, are equivalent with the letters that they have.

    Raises:
        Unparseable: the answer is a statement that says nothing (`41 = 42`, 1/0).
        OverBudget: a value is out of bounds.
    """
    kinds = type(gold), type(answer)
    if not _WITH_RESIDUES.isdisjoint(kinds) and (
        has_residue(gold) or has_residue(answer) or (is_family(gold) and is_family(answer))
    ):
        return compare_residues(gold, answer, rules, compare)
    if Equation in kinds:
        gold, answer = settled(gold, compare), settled(answer, compare)
        kinds = type(gold), type(answer)
    rank = min(_RANKS.get(kinds[0], _LAST), _RANKS.get(kinds[1], _LAST))
    if rank == _LAST:
        return compare_expressions(gold, answer, rules)
    if REALS in (gold, answer):
        return compare_sets(gold, answer, rules, compare)
    return _RULES[rank][1](gold, answer, rules, compare)
