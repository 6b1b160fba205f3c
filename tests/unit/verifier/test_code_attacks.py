"""Every family of attack, on every tier that isolates; see `code_attacks`. And their table in docs/security.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import pytest_asyncio

from code_attack_rows import ELSEWHERE, PROBES, ROWS
from code_attacks import attacked, observe
from sandboxes import ALL_TIERS, ISOLATING, attacks_on, started

PAGE = Path(__file__).resolve().parents[3] / "docs/security.md"


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ALL_TIERS)
async def tier(request):
    async with attacked(request.param) as grader:
        yield request.param, grader


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_an_attack_gets_nothing_and_leaves_nothing(tier, row):
    name, grader = tier
    if name in row.not_on:
        pytest.skip(row.not_on[name])
    if row.id not in attacks_on(name, [row.id for row in ROWS if name not in row.not_on]):
        pytest.skip("every attack on every tier: RLVR_TEST_ALL_TIERS=1")
    assert await observe(row, grader) in row.expected


# On `unsafe` candidates have a user of their own where the room is root, and then the kernel shows them nothing either.
SHARP = [row for row in PROBES if row.id != "C08 what /proc shows of others"]


@pytest.mark.parametrize("row", SHARP, ids=lambda row: row.id)
async def test_a_probe_is_sharp_where_nothing_isolates(row):
    async with started("unsafe", concurrency=1) as grader:
        assert (await row.run(grader)).startswith("REACHED")


def test_every_row_of_the_list_of_hostile_inputs_is_here():
    assert {row.number for row in ROWS} | ELSEWHERE.keys() == {f"C{number:02}" for number in range(1, 33)}
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_the_table_in_the_docs_has_every_attack_and_nothing_that_must_not_be():
    [block] = re.findall(r"^<!-- attacks: begin.*?-->\n(.*?)^<!-- attacks: end -->$", PAGE.read_text(), re.M | re.S)
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if line[:1] == "|"]
    head, _, *body = lines
    assert head[0] == "attack" and set(head[1:]) >= set(ISOLATING)
    cells = {row[0]: row[1:] for row in body}
    assert list(cells) == [row.id for row in ROWS]
    for row in ROWS:
        assert set(cells[row.id]) <= {*row.expected, "not run", "–"}, row.id
