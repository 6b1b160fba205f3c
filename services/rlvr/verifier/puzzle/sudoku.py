"""Sudoku of 9x9, and of 4x4 and 6x6 (mini)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pydantic import model_validator

from rlvr.verifier.puzzle.instance import PuzzleInstance, RuleViolated, UnreadableAnswer

_BOXES = {4: (2, 2), 6: (2, 3), 9: (3, 3)}
"""Side -> rows and columns of a box."""
_RULE_LINE = re.compile(r"[-+=|\s]*")
_ROW_CELLS = re.compile(r"[0-9]+", re.ASCII)
_ROW = re.compile(r"[\s|,;\[\]]*[0-9]+(?:[\s|,;\]]+[0-9]+)*[\s|,;\[\]]*", re.ASCII)


class Sudoku(PuzzleInstance):
    """Fill `grid` (0 is blank) so that every row, column and box holds 1..n once, keeping the givens.

    Any such grid is right. It is read as JSON rows, or as lines of numbers or of bare digits.
    """

    grid: list[list[int]]

    @model_validator(mode="after")
    def _well_posed(self) -> Sudoku:
        side = len(self.grid)
        if side not in _BOXES:
            raise ValueError(f"grid: has {side} rows; must be 4x4, 6x6 or 9x9")
        for index, row in enumerate(self.grid):
            if len(row) != side:
                raise ValueError(f"grid: row {index} has {len(row)} cells; must have {side}")
            if any(not 0 <= cell <= side for cell in row):
                raise ValueError(f"grid: row {index} has a cell outside 0..{side}")
        for name, cells in _units(self.grid):
            givens = [cell for cell in cells if cell]
            if len(set(givens)) != len(givens):
                raise ValueError(f"grid: the givens conflict in {name}")
        return self

    @property
    def answer_lines(self) -> int:
        return len(self.grid)

    def check(self, answer: str) -> None:
        side = len(self.grid)
        rows = _read_grid(answer.strip().removesuffix(".").rstrip())
        if len(rows) != side or any(len(row) != side for row in rows):
            raise RuleViolated(f"the grid is not {side}x{side}")
        for name, cells in _units(rows):
            if sorted(cells) != list(range(1, side + 1)):
                raise RuleViolated(f"{name} does not hold each of 1..{side} once")
        for given, row in zip(self.grid, rows, strict=True):
            if any(want not in (0, cell) for want, cell in zip(given, row, strict=True)):
                raise RuleViolated("a given cell was changed")


def _units(grid: list[list[int]]) -> Iterator[tuple[str, list[int]]]:
    """Rows, columns and boxes of a square grid, with a name for a person."""
    side = len(grid)
    height, width = _BOXES[side]
    for index in range(side):
        yield f"row {index + 1}", grid[index]
        yield f"column {index + 1}", [row[index] for row in grid]
    for top in range(0, side, height):
        for left in range(0, side, width):
            cells = [cell for row in grid[top : top + height] for cell in row[left : left + width]]
            yield f"the box at row {top + 1}, column {left + 1}", cells


def _read_grid(text: str) -> list[list[int]]:
    if text.startswith("["):
        try:
            rows = json.loads(text)
        except (ValueError, RecursionError):
            rows = None
        if isinstance(rows, list) and all(isinstance(row, list) for row in rows):
            if any(type(cell) is not int for row in rows for cell in row):
                raise UnreadableAnswer("a cell is not an integer")
            return rows
    return [_read_row(line) for line in text.splitlines() if not _RULE_LINE.fullmatch(line)]


def _read_row(line: str) -> list[int]:
    if not _ROW.fullmatch(line):
        raise UnreadableAnswer("a line is not a row of numbers")
    cells = _ROW_CELLS.findall(line)
    if len(cells) == 1 or any(len(cell) > 1 for cell in cells):  # 534678912 or 534|678|912
        cells = list("".join(cells))
    return [int(cell) for cell in cells]
