"""The `math` grader: extraction, settling on one answer and comparison put together."""

from __future__ import annotations

from rlvr.core.verdict import Grade, Reason, correct, incorrect
from rlvr.verifier.math.extraction import extract
from rlvr.verifier.math.gold import MathGold, prepare_gold
from rlvr.verifier.math.limits import OverBudget, Unparseable
from rlvr.verifier.math.settle import Settled, conflict, refusal, settle
from rlvr.verifier.math.spec import MathSpec


class MathGrader:
    """Grades a final answer by its value. Pure: no state, no I/O, bounded memory."""

    name = "math"
    version = "2.0.0"
    spec = MathSpec
    warm = ("mpmath", "sympy", "sympy.physics.units", "sympy.combinatorics.named_groups")

    def prepare(self, spec: MathSpec) -> MathGold:
        """Parse the gold answers.

        Raises:
            InvalidSpec: one of them is empty or in no form that is read (reason `gold_unparseable`).
        """
        return prepare_gold(spec)

    def judge(self, completion: str, gold: MathGold) -> Grade:
        """Grade one completion: `correct` iff the one answer it asserts is equivalent to an accepted one."""
        extraction = extract(completion)
        if not extraction.assertions:
            return incorrect(extraction.reason, extraction.detail)
        settled = settle(extraction.assertions)
        return settled if isinstance(settled, Grade) else _grade(settled, gold)


def _grade(settled: Settled, gold: MathGold) -> Grade:
    try:
        if settled.items:
            match = gold.matches_items(settled.items)
            if not match:
                return conflict(settled)
        else:
            match = gold.matches(settled.answer)
    except (Unparseable, OverBudget) as problem:
        return refusal(problem, settled.rule, settled.shown)
    detail = f"{settled.rule}: {match.detail}" if match.detail else settled.rule
    if match:
        return correct(Reason.EQUIVALENT, extracted=settled.shown, detail=detail)
    return incorrect(Reason.NOT_EQUIVALENT, detail, extracted=settled.shown)
