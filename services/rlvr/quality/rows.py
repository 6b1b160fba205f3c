"""Labelled rows for the math verifier, and the formats that they are read from.

A file is JSONL, and its first line says which format all of it has:

    forms       {"form": "mixed number", "gold": "3/2", "answer": "1\\\\frac12", "right": true}
                An answer is graded in a box; `completion` in its place is graded as it is. `gold` may be a list.
                `spec` adds options of the verifier's spec ({"units": "convert"}), `why` a word for the reader.
    solutions   {"completion": "... #### 18", "answer": "18", "is_correct": true}
    pairs       {"answer": "[-2, 7]", "right_output": "-2 \\\\le x \\\\le 7", "wrong_output": "..."}: two rows, in boxes
    references  {"solution": "... \\\\boxed{2} ..."}: right for its own last box, and wrong for the boxes of two
                other problems of the file unless those read the same once units and wrappers are taken off

`id` is kept where there is one; otherwise a row is known by its line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlvr.quality.boxes import comparison_key, last_box

_CROSSED_WITH = (1, 337)
"""Each reference is put against the answers of the problems so many lines on."""

Json = dict[str, Any]


class BadRows(ValueError):
    """A file has no labelled rows. The message names the file, the line and the field."""


@dataclass(frozen=True, slots=True)
class Row:
    """A completion with its label."""

    set: str
    id: str
    form: str
    """How the answer is written, or the kind of problem; may be empty."""
    spec: Json
    """As the math verifier takes it."""
    completion: str
    right: bool
    """The label."""
    why: str = ""
    disputed: str = ""
    """Why the label is disputed; empty when it is not."""

    @property
    def has_options(self) -> bool:
        """The spec says more than the gold answer."""
        return len(self.spec) > 1


def read(name: str, path: Path) -> list[Row]:
    """The rows of a file, as set `name`.

    Raises:
        BadRows: the file cannot be read, is empty, or a line is in no known format.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as failure:
        raise BadRows(f"{path} cannot be read: {failure}") from None
    return parse(name, text, str(path))


def parse(name: str, text: str, source: str) -> list[Row]:
    """As `read`, from the text of a file; `source` is what errors call it."""
    lines = [(number, _decoded(line, f"{source}, line {number}")) for number, line in _lines(text)]
    if not lines:
        raise BadRows(f"{source} has no rows")
    mark = next((mark for mark in _FORMATS if mark in lines[0][1]), None)
    if mark is None:
        raise BadRows(
            f"{source}, line {lines[0][0]} is in no known format: a row has one of the fields {', '.join(_FORMATS)}"
        )
    try:
        return list(_FORMATS[mark](name, lines))
    except _Field as problem:
        raise BadRows(f"{source}, {problem}") from None


class _Field(Exception):
    """A field is missing or of the wrong type; the message starts with the line."""


def _lines(text: str) -> Iterator[tuple[int, str]]:
    # Not splitlines(), which also splits at characters that JSON strings may hold.
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _decoded(line: str, where: str) -> Json:
    try:
        row = json.loads(line)
    except ValueError as failure:
        raise BadRows(f"{where} is not JSON: {failure}") from None
    if not isinstance(row, dict):
        raise BadRows(f"{where} is not a JSON object")
    return row


def _field(row: Json, number: int, name: str, *types: type) -> Any:
    value = row.get(name)
    if not isinstance(value, types):
        wanted = " or ".join(kind.__name__ for kind in types)
        raise _Field(f"line {number}: {name} must be a {wanted}, and is {json.dumps(value)[:60]}")
    return value


def boxed(answer: str) -> str:
    """The completion that gives `answer` and nothing else."""
    return rf"\boxed{{{answer}}}"


def _read_forms(name: str, lines: list[tuple[int, Json]]) -> Iterator[Row]:
    for number, row in lines:
        gold = _field(row, number, "gold", str, list)
        if "completion" in row:
            completion = _field(row, number, "completion", str)
        else:
            completion = boxed(_field(row, number, "answer", str))
        options = _field({"spec": {}, **row}, number, "spec", dict)
        yield Row(
            set=name,
            id=str(row.get("id", number)),
            form=_field(row, number, "form", str),
            spec={"answer": gold, **options},
            completion=completion,
            right=_field(row, number, "right", bool),
            why=str(row.get("why", "")),
        )


def _read_solutions(name: str, lines: list[tuple[int, Json]]) -> Iterator[Row]:
    for number, row in lines:
        yield Row(
            set=name,
            id=str(row.get("id", number)),
            form="",
            spec={"answer": _field(row, number, "answer", str, list)},
            completion=_field(row, number, "completion", str),
            right=_field(row, number, "is_correct", bool),
        )


def _read_pairs(name: str, lines: list[tuple[int, Json]]) -> Iterator[Row]:
    for number, row in lines:
        for field, right in (("right_output", True), ("wrong_output", False)):
            yield Row(
                set=name,
                id=str(row.get("id", number)),
                form="",
                spec={"answer": _field(row, number, "answer", str, list)},
                completion=boxed(_field(row, number, field, str)),
                right=right,
            )


def _read_references(name: str, lines: list[tuple[int, Json]]) -> Iterator[Row]:
    boxes = []
    for number, row in lines:
        box = last_box(_field(row, number, "solution", str))
        if box is None:
            raise _Field(f"line {number}: solution has no \\boxed{{}}")
        boxes.append(box)
    keys = [comparison_key(box) for box in boxes]
    for at, (number, row) in enumerate(lines):
        own, form, completion = str(row.get("id", number)), str(row.get("type", "")), row["solution"]
        yield Row(name, own, form, {"answer": boxes[at]}, completion, right=True)
        for shift in _CROSSED_WITH:
            other = (at + shift) % len(lines)
            if keys[other] != keys[at]:
                crossed = f"{own} for {lines[other][1].get('id', lines[other][0])}"
                yield Row(name, crossed, form, {"answer": boxes[other]}, completion, right=False)


_FORMATS: dict[str, Callable[[str, list[tuple[int, Json]]], Iterator[Row]]] = {
    "right": _read_forms,
    "is_correct": _read_solutions,
    "right_output": _read_pairs,
    "solution": _read_references,
}
"""By the field that only this format has."""
