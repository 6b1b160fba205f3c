"""Where rows come from: package data, folders of known files; and the labels that are disputed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import replace
from importlib import resources
from pathlib import Path

from rlvr.quality.rows import BadRows, Row, parse, read

BUILT_IN = {"forms": "math_forms.jsonl", "policies": "math_policies.jsonl", "answers": "math_answers.jsonl"}
"""`forms`: the decided rows of a table of answer forms that public graders were measured on. `policies`: forms
that are right or wrong by an option of the spec. `answers`: 1,400 answers in 52 forms, right and plausibly wrong,
written for this purpose by somebody who had not seen the grader."""
KNOWN_FILES = {"gsm8k": "gsm8k_labelled.jsonl", "hardverify": "hardverify_dev.jsonl", "math": "math_solutions.jsonl"}
"""Sets that a folder is looked through for."""


def built_in() -> list[Row]:
    """The sets that come with the package."""
    return [
        row
        for name, file in BUILT_IN.items()
        for row in parse(name, (_DATA / file).read_text(), f"rlvr.quality/{file}")
    ]


def in_folder(folder: Path) -> list[Row]:
    """The rows of the known files in a folder.

    Raises:
        BadRows: there is none of them, or one cannot be read.
    """
    found = {name: folder / file for name, file in KNOWN_FILES.items() if (folder / file).is_file()}
    if not found:
        raise BadRows(f"{folder} has none of the files {', '.join(KNOWN_FILES.values())}")
    return [row for name, path in found.items() for row in read(name, path)]


def with_disputes(rows: Iterable[Row]) -> list[Row]:
    """The rows, those whose label is disputed with the reason."""
    reasons = disputed_labels()
    return [replace(row, disputed=reasons.get((row.set, row.id, row.right), "")) for row in rows]


def disputed_labels() -> dict[tuple[str, str, bool], str]:
    """Set, row and label -> why that label is disputed: it is a slip, or the gold answer is."""
    lines = map(json.loads, (_DATA / "disputed.jsonl").read_text().splitlines())
    return {(line["set"], line["id"], line["right"]): line["reason"] for line in lines}


def sample(rows: list[Row], limit: int) -> list[Row]:
    """At most `limit` rows of each set, drawn at random, the same ones each time, in their order."""
    drawn: set[int] = set()
    for name in {row.set: None for row in rows}:
        places = [at for at, row in enumerate(rows) if row.set == name]
        drawn.update(random.Random(name).sample(places, min(limit, len(places))))
    return [rows[at] for at in sorted(drawn)]


_DATA = resources.files("rlvr.quality") / "data"
