"""The grader on the labelled sets that come with the package. The figures are to be raised and never lowered."""

from __future__ import annotations

import pytest

from rlvr.quality.rows import Row
from rlvr.quality.sets import BUILT_IN, built_in
from rlvr.verifier.math import MathGrader, MathSpec
from rlvr.verifier.protocol import InvalidSpec

GRADER = MathGrader()
MAX_REJECTED = {"forms": 0, "policies": 0, "answers": 9}


def accepted(row: Row) -> bool:
    try:
        gold = GRADER.prepare(MathSpec.model_validate(row.spec))
    except InvalidSpec:
        return False
    return GRADER.judge(row.completion, gold).reward == 1


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_wrong_answer_is_accepted_and_few_right_ones_are_not(name: str) -> None:
    rows = [row for row in built_in() if row.set == name]
    assert [row for row in rows if not row.right and accepted(row)] == []
    rejected = [row for row in rows if row.right and not accepted(row)]
    assert len(rejected) <= MAX_REJECTED[name], rejected
