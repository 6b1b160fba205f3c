"""Agreement with labelled real data. The figures are what the verifier reaches, to be raised and never lowered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlvr.verifier.math import MathGold, MathGrader, MathSpec
from rlvr.verifier.math.extraction import extract
from rlvr.verifier.protocol import InvalidSpec

pytestmark = pytest.mark.shared
GRADER = MathGrader()

DISPUTED = {52}
"""HardVerify rows whose label is a slip. 52: `wrong_output` is the gold's set in another order."""
ONE_BY_ONE = {"math-414": "-2, 1"}
"""Reference solutions that box the elements of their answer one by one, and the whole answer."""


def rows(data: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data / name).read_text().splitlines()]


def accepts(gold: MathGold, completion: str) -> bool:
    return GRADER.judge(completion, gold).reward == 1


def test_gsm8k_agrees_with_every_label(shared_data: Path) -> None:
    wrong = [
        row["id"]
        for row in rows(shared_data, "gsm8k_labelled.jsonl")
        if accepts(GRADER.prepare(MathSpec(answer=row["answer"])), row["completion"]) != row["is_correct"]
    ]
    assert wrong == []


def test_math_reference_solutions_are_right_and_right_for_no_other_problem(shared_data: Path) -> None:
    solutions = rows(shared_data, "math_solutions.jsonl")
    answers = [ONE_BY_ONE.get(row["id"]) or extract(row["solution"]).assertions[-1].text for row in solutions]
    golds = [GRADER.prepare(MathSpec(answer=answer)) for answer in answers]
    refused = {row["id"] for row, gold in zip(solutions, golds, strict=True) if not accepts(gold, row["solution"])}
    assert refused == set()
    crossed = [(i, (i + shift) % len(golds)) for shift in (1, 337) for i in range(len(golds))]
    different = [(i, j) for i, j in crossed if answers[i] != answers[j]]
    accepted = sum(accepts(golds[j], solutions[i]["solution"]) for i, j in different)
    assert accepted <= 0.001 * len(different)


def test_hardverify_accepts_no_wrong_output_and_most_right_ones(shared_data: Path) -> None:
    right, wrong, total = 0, [], 0
    for row in rows(shared_data, "hardverify_dev.jsonl"):
        total += 1
        try:
            gold = GRADER.prepare(MathSpec(answer=row["answer"]))
        except InvalidSpec:
            continue
        right += accepts(gold, rf"\boxed{{{row['right_output']}}}")
        if accepts(gold, rf"\boxed{{{row['wrong_output']}}}"):
            wrong.append(row["id"])
    assert set(wrong) <= DISPUTED
    assert right >= 0.9 * total
