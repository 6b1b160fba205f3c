"""The policies of a spec that comparison depends on, and what a comparison says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rlvr.verifier.math.spec import Tolerance, Units
from rlvr.verifier.math.tree import Node


@dataclass(frozen=True, slots=True)
class Rules:
    """The policies of a spec that comparison depends on."""

    units: Units = "convert"
    tolerance: Tolerance | None = None
    allow_unevaluated: bool = False
    round_decimals: bool = True
    bare_percent: bool = True
    """Whether 50 may stand for 50%."""
    keep_order: bool = False
    """Whether bare lists are compared in order."""
    any_variables: bool = False
    optional_constant: bool = False
    """Whether antiderivatives may differ by a constant that is not written."""


@dataclass(frozen=True, slots=True)
class Match:
    """Whether the two are equivalent, and in a few words why (never naming the gold)."""

    equal: bool
    detail: str = ""

    def __bool__(self) -> bool:
        return self.equal


Compare = Callable[[Node, Node, Rules], Match]
"""`compare.compare`, handed to the rules for the parts of what they compare."""
