"""The `math` verifier: what does the completion assert as its final answer, and is it the gold answer?

    extract    completion -> the texts it asserts as its final answer
    reading    answer text -> a typed tree (`tree`), within the budgets of `limits`
    comparing  gold tree, answer tree, policies -> equivalent or not, and why
    grader     these three put together

No text, the candidate's or the gold's, reaches Python's evaluator or a SymPy parser: SymPy objects are
built node by node from our own tree.
"""

from __future__ import annotations

from rlvr.verifier.math.grader import MathGold, MathGrader
from rlvr.verifier.math.spec import MathSpec, Tolerance

__all__ = ["MathGold", "MathGrader", "MathSpec", "Tolerance"]
