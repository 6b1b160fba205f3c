"""Which rule compares which trees. Typed and exact; the rules are in the modules imported here."""

from __future__ import annotations

from rlvr.verifier.math.comparing.containers import compare_matrices, compare_ratios, compare_sequences
from rlvr.verifier.math.comparing.numbers import compare_expressions
from rlvr.verifier.math.comparing.quantities import compare_quantities
from rlvr.verifier.math.comparing.rules import Match, Rules
from rlvr.verifier.math.comparing.statements import compare_definitions, compare_equations, settled
from rlvr.verifier.math.comparing.words import compare_words
from rlvr.verifier.math.tree import Definition, Equation, Matrix, Node, Quantity, Ratio, Sequence, Union, Words

_RULES = (
    (Quantity, compare_quantities),
    (Words, compare_words),
    (Equation, compare_equations),
    (Definition, compare_definitions),
    (Sequence | Union, compare_sequences),
    (Matrix, compare_matrices),
    (Ratio, compare_ratios),
)
"""The first rule that is for the kind of either side decides."""


def compare(gold: Node, answer: Node, rules: Rules) -> Match:
    """Decide whether `answer` is equivalent to `gold`.

    Raises:
        Unparseable: the answer is a statement that says nothing (`41 = 42`, 1/0).
        OverBudget: a value is out of bounds.
    """
    gold, answer = settled(gold, compare), settled(answer, compare)
    for kind, rule in _RULES:
        if isinstance(gold, kind) or isinstance(answer, kind):
            return rule(gold, answer, rules, compare)
    return compare_expressions(gold, answer, rules)
