"""docs/verifiers.md has every policy, and tables that are tables."""

from __future__ import annotations

import re
from pathlib import Path

from rlvr.quality import sets
from rlvr.quality.report import LEGEND
from rlvr.verifier.math import MathSpec, Tolerance

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "verifiers.md").read_text()
[BLOCK] = re.findall(r"^<!-- quality: begin.*?-->\n(.*?)^<!-- quality: end -->$", PAGE, re.MULTILINE | re.DOTALL)


def test_every_policy_of_the_spec_is_documented() -> None:
    for name in [*MathSpec.model_fields, *Tolerance.model_fields]:
        assert re.search(rf"[`\"]{name}[`\"]", PAGE), f"{name} is not in docs/verifiers.md"


def test_every_form_of_policy_has_its_labelled_row() -> None:
    fields = {field for row in sets.built_in() if row.set == "policies" for field in row.spec}
    assert fields == set(MathSpec.model_fields)


def test_the_quality_tables_are_whole() -> None:
    tables = re.findall(r"(?:^\|.*\|\n)+", BLOCK, re.MULTILINE)
    assert len(tables) >= 3
    for table in tables:
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(cells) == 1
        assert re.fullmatch(r"\|( --- \|)+", table.splitlines()[1])
    assert LEGEND in BLOCK


def test_the_quality_tables_are_of_all_sets_beside_math_verify() -> None:
    for name in (*sets.BUILT_IN, *sets.KNOWN_FILES):
        for judge in ("rlvr", "math-verify"):
            assert re.search(rf"^\| {name} \| all \| {judge} \| ", BLOCK, re.MULTILINE), f"{name}, {judge}"
