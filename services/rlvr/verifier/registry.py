"""The verifier kinds there are, by name. Importing this imports none of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

POOLED = {
    "math": "rlvr.verifier.math.grader:MathGrader",
    "puzzle": "rlvr.verifier.puzzle.grader:PuzzleGrader",
    "format": "rlvr.verifier.format.grader:FormatGrader",
}
"""Pure graders, run in worker processes."""

ISOLATED = {"code": "rlvr.verifier.code.grader:CodeGrader"}
"""Graders that isolate candidates themselves."""

KINDS = (*POOLED, *ISOLATED)


def load(path: str) -> Any:
    """The grader class at `module:class`, imported now."""
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)
