"""The `math` verifier: what does the completion assert as its final answer, and is it the gold answer?

    extraction completion -> the texts it asserts as its final answer
    reading    answer text -> a typed tree (`tree`), within the budgets of `limits`
    comparing  gold tree, answer tree, policies -> equivalent or not, and why
    settle     several assertions -> the one answer that they agree on, or a conflict
    grader     all of these put together

No text, the candidate's or the gold's, reaches Python's evaluator or a SymPy parser: SymPy objects are
built node by node from our own tree.
"""

from __future__ import annotations

from rlvr.verifier.math.gold import MathGold
from rlvr.verifier.math.grader import MathGrader
from rlvr.verifier.math.spec import MathSpec, Tolerance

__all__ = ["MathGold", "MathGrader", "MathSpec", "Tolerance"]
