"""The policies of a spec that comparison depends on, and what a comparison says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rlvr.verifier.math.spec import Tolerance
from rlvr.verifier.math.tree import Node


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


Compare = Callable[[Node, Node, Rules], Match]
"""`compare.compare`, handed to the rules for the parts of what they compare."""
