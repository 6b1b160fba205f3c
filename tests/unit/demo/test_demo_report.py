"""What the demo leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlvr.demo.evaluate import Evaluation
from rlvr.demo.report import chart, write_picture, write_traces


def evaluation(version: int, num_right: int, num_wrong: int) -> Evaluation:
    outcomes = ["correct"] * num_right + ["incorrect"] * num_wrong
    return Evaluation(version, [{"completion": "7", "verdict": {"outcome": outcome}} for outcome in outcomes])


def test_accuracy_is_the_share_of_right_completions() -> None:
    assert evaluation(0, 30, 70).accuracy == 0.3


def test_the_interval_holds_the_accuracies_that_the_measurement_does_not_contradict() -> None:
    """Wilson's bounds are the accuracies p at which the measured one is just 1.96 standard errors of p away."""
    for bound in evaluation(0, 30, 70).interval:
        assert abs(0.3 - bound) == pytest.approx(1.959964 * (bound * (1 - bound) / 100) ** 0.5)


def test_the_chart_rises_with_the_rewards() -> None:
    rows = chart([i / 100 for i in range(101)], width=20, height=5).splitlines()
    filled = [row.count("█") for row in rows[:5]]
    assert filled == sorted(filled)
    assert filled[0] < filled[-1]
    assert rows[-1].endswith("step 101")


def test_the_picture_is_a_png_and_the_traces_are_jsonl(tmp_path: Path) -> None:
    before, after = evaluation(0, 1, 3), evaluation(9, 3, 1)
    write_picture(tmp_path / "curve.png", [0.2, 0.5, 0.8], before, after)
    write_traces(tmp_path / "traces.jsonl", before, after)
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert len([json.loads(line) for line in (tmp_path / "traces.jsonl").open()]) == 8
