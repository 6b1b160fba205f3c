"""The spec of the `puzzle` verifier."""

from __future__ import annotations

from typing import Any

from rlvr.verifier.protocol import Spec


class PuzzleSpec(Spec):
    """Which puzzle, and which instance of it."""

    puzzle: str
    """A name in `registry.PUZZLES`."""
    instance: dict[str, Any]
    """In the shape of that puzzle's own model, e.g. `{"numbers": [3, 7, 25], "target": 46}`."""
