"""The puzzles there are. A new one is a file with a `PuzzleInstance`, and a line here."""

from __future__ import annotations

from rlvr.verifier.puzzle.countdown import Countdown
from rlvr.verifier.puzzle.instance import PuzzleInstance
from rlvr.verifier.puzzle.sudoku import Sudoku

PUZZLES: dict[str, type[PuzzleInstance]] = {
    "countdown": Countdown,
    "sudoku": Sudoku,
}
