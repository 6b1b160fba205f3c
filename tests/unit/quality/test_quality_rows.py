"""Labelled rows are read as their file means them, or refused by line and field."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from rlvr.quality import sets
from rlvr.quality.boxes import comparison_key, last_box
from rlvr.quality.rows import BadRows, parse, read


def lines(*rows: dict[str, Any]) -> str:
    return "\n".join(map(json.dumps, rows))


def test_an_answer_is_put_in_a_box_and_options_join_the_spec() -> None:
    [row] = parse(
        "s", lines({"form": "f", "gold": "5 m", "answer": "5", "right": True, "spec": {"units": "match"}}), ""
    )
    assert (row.completion, row.spec, row.right) == (r"\boxed{5}", {"answer": "5 m", "units": "match"}, True)
    assert row.has_options


def test_a_completion_is_left_as_it_is() -> None:
    [row] = parse("s", lines({"form": "f", "gold": ["5", "6"], "completion": "I say 5", "right": False}), "")
    assert (row.completion, row.spec, row.id) == ("I say 5", {"answer": ["5", "6"]}, "1")
    assert not row.has_options


def test_a_labelled_solution_is_a_row() -> None:
    [row] = parse("s", lines({"id": "a", "completion": "#### 18", "answer": "18", "is_correct": False}), "")
    assert (row.id, row.completion, row.spec, row.right) == ("a", "#### 18", {"answer": "18"}, False)


def test_a_pair_is_two_rows() -> None:
    right, wrong = parse("s", lines({"id": 7, "answer": "1", "right_output": "1", "wrong_output": "2"}), "")
    assert (right.completion, right.right) == (r"\boxed{1}", True)
    assert (wrong.completion, wrong.right, wrong.id) == (r"\boxed{2}", False, "7")


def test_references_are_right_for_themselves_and_wrong_for_others_that_read_differently() -> None:
    boxes = ["1", "2", r"2\text{ cm}", "3"]
    rows = parse("s", lines(*({"id": n, "solution": rf"so \boxed{{{box}}}"} for n, box in enumerate(boxes))), "")
    assert [row.spec["answer"] for row in rows if row.right] == boxes
    crossed = [row.id for row in rows if not row.right]
    assert "0 for 1" in crossed
    assert "1 for 2" not in crossed, "2 and 2 cm cannot be told apart without the questions"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no rows"),
        ("{", "line 1 is not JSON"),
        ("\n[1]", "line 2 is not a JSON object"),
        ('{"gold": "1"}', "line 1 is in no known format: a row has one of the fields right,"),
        ('{"form": "f", "gold": "1", "answer": "1", "right": "yes"}', 'line 1: right must be a bool, and is "yes"'),
        ('{"form": "f", "gold": "1", "right": true}', "line 1: answer must be a str, and is null"),
        ('{"form": "f", "gold": 1, "answer": "1", "right": true}', "line 1: gold must be a str or list, and is 1"),
        ('{"solution": "no box"}', "line 1: solution has no"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(text: str, problem: str) -> None:
    with pytest.raises(BadRows, match="x.jsonl.*") as caught:
        parse("s", text, "x.jsonl")
    assert problem in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRows, match=r"none\.jsonl cannot be read"):
        read("s", tmp_path / "none.jsonl")


def test_a_folder_without_known_files_says_which_are_known(tmp_path: Path) -> None:
    with pytest.raises(BadRows, match=r"gsm8k_labelled\.jsonl, hardverify_dev\.jsonl, math_solutions\.jsonl"):
        sets.in_folder(tmp_path)


def test_a_folder_is_looked_through_for_known_files(tmp_path: Path) -> None:
    (tmp_path / "math_solutions.jsonl").write_text(lines({"solution": r"\boxed{1}"}))
    assert [row.set for row in sets.in_folder(tmp_path)] == ["math"]


@pytest.mark.parametrize(
    ("text", "box"),
    [
        (r"a \boxed{1} b \boxed{\frac{1}{2}} c", r"\frac{1}{2}"),
        (r"\boxed{\{1\}}", r"\{1\}"),
        (r"\boxed{1", None),
        ("", None),
    ],
)
def test_the_last_box_is_balanced(text: str, box: str | None) -> None:
    assert last_box(text) == box


@pytest.mark.parametrize(
    ("first", "second"),
    [("1/2", "0.5"), (r"\dfrac12", r"\frac{1}{2}"), (r"12\text{ cm}", "12"), (r"90^\circ", "90"),
     (r"\$1,\!000", "1000"), ("x=5", "5"), (r"50\%", "50"), ("( 1, 2)", "(1,2)"), (r"\left(1\right)", "(1)")],
)  # fmt: skip
def test_answers_that_differ_only_in_dress_have_one_key(first: str, second: str) -> None:
    assert comparison_key(first) == comparison_key(second)


def test_answers_of_other_values_have_other_keys() -> None:
    answers = ["1", "2", "-1", r"\frac{1}{3}", "1/4", "x+1", "y+1", "(1,2)", "1,2,3", r"\text{B}", r"\text{C}"]
    assert len({comparison_key(answer) for answer in answers}) == len(answers)
    assert comparison_key("3/4") == Fraction(3, 4)


def test_a_sample_is_the_same_each_time_and_of_each_set() -> None:
    rows = sets.built_in()
    drawn = sets.sample(rows, 10)
    assert drawn == sets.sample(rows, 10)
    assert [sum(row.set == name for row in drawn) for name in sets.BUILT_IN] == [10, 10, 10]
    assert sets.sample(rows, 10_000) == rows


def test_the_table_of_forms_has_its_62_decided_rows() -> None:
    forms = [row for row in sets.built_in() if row.set == "forms"]
    assert [sum(row.right is right for row in forms) for right in (True, False)] == [41, 21]


@pytest.mark.shared
def test_every_disputed_label_is_of_a_row_that_there_is(shared_data: Path) -> None:
    rows = sets.with_disputes(sets.in_folder(shared_data))
    disputed = sets.disputed_labels()
    assert len([row for row in rows if row.disputed]) == len(disputed)
    assert all(len(reason) > 20 for reason in disputed.values())
