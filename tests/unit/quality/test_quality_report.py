"""What an audit counts, and what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

import pytest

from rlvr.quality import render, report
from rlvr.quality.audit import Judging, audit, over_limits
from rlvr.quality.judges import Judgement
from rlvr.quality.rows import Row


def row(set_: str, right: bool, outcome: str, *, form: str = "f", disputed: str = "") -> Row:
    """A row whose completion says what the judge below makes of it."""
    return Row(set_, outcome, form, {"answer": "a|b"}, outcome, right, disputed=disputed)


class Echo:
    """Judges every row as its completion says."""

    name = "echo"
    version = "1"

    def takes(self, row: Row) -> bool:
        return row.set != "not taken"

    def judge(self, rows: Sequence[Row]) -> Iterator[Judgement]:
        for number, row in enumerate(rows, 1):
            yield Judgement(row.completion, "why", extracted="\x1b[31m`a`|b", ms=float(number))


ROWS = [
    row("one", True, "correct"),
    row("one", True, "incorrect"),
    row("one", True, "invalid", form="g"),
    row("one", True, "error"),
    row("one", False, "correct", disputed="says the same"),
    row("one", False, "incorrect"),
    row("two", False, "incorrect", form=""),
    row("not taken", True, "incorrect"),
]


@pytest.fixture
def judging() -> Judging:
    return audit(ROWS, Echo(), lambda row: None)


def test_outcomes_are_counted_apart(judging: Judging) -> None:
    counts = judging.of_set("one")
    assert (counts.false_positives.count, counts.false_positives.total) == (1, 2)
    assert (counts.false_negatives.count, counts.false_negatives.total) == (3, 4), "invalid and error are not accepted"
    assert (counts.invalid, counts.errors) == (1, 1)


def test_speed_is_rows_over_the_time_spent_on_them(judging: Judging) -> None:
    counts = judging.of_set("one")
    assert counts.grades_per_second == pytest.approx(6 / 0.021)
    assert counts.p50_ms == 3.5


def test_disputed_labels_are_counted_both_ways(judging: Judging) -> None:
    counts = judging.of_set("one", disputed=False).false_positives
    assert (counts.count, counts.total) == (0, 1)


def test_a_form_is_counted_alone(judging: Judging) -> None:
    counts = judging.of_form("one", "g")
    assert (counts.false_negatives.count, counts.false_negatives.total) == (1, 1)
    assert counts.false_positives.value is None


def test_each_row_taken_is_reported_as_it_comes() -> None:
    seen: list[Row] = []
    audit(ROWS, Echo(), seen.append)
    assert seen == ROWS[:-1]


def test_failures_are_wrong_verdicts_and_none(judging: Judging) -> None:
    assert [row.id for row, _ in judging.failures()] == ["incorrect", "invalid", "error", "correct"]


@pytest.mark.parametrize(
    ("max_fp", "max_fn", "words"),
    [
        (None, None, []),
        (0.0, None, ["one: 1 rows got an error"]),
        (None, 0.75, ["one: 1 rows got an error"]),
        (None, 0.74, ["one: false negatives 3/4 are 75.00%, over 74.00%", "one: 1 rows got an error"]),
    ],
)
def test_a_limit_is_of_each_set_without_disputed_labels(
    judging: Judging, max_fp: float | None, max_fn: float | None, words: list[str]
) -> None:
    problems = over_limits(judging, max_fp, max_fn)
    assert len(problems) == len(words)
    for problem, start in zip(problems, words, strict=True):
        assert problem.startswith(start)


def test_the_document_is_json_with_fractions_and_intervals(judging: Judging) -> None:
    document = json.loads(json.dumps(report.document([judging], failures=True)))
    first = document["sets"][0]
    assert (first["set"], first["labels"], first["judge"]) == ("one", "all", "echo")
    assert first["false_negatives"]["rate"] == 0.75
    assert len(first["false_negatives"]["interval"]) == 2
    assert [line["labels"] for line in document["sets"]] == ["all", "undisputed", "all"]
    assert document["disputed"] == [
        {"set": "one", "row": "correct", "right": False, "reason": "says the same", "outcomes": {"echo": "correct"}}
    ]
    assert [failure["reason"] for failure in document["failures"]] == ["why"] * 4


def test_a_judge_that_takes_fewer_rows_stands_beside(judging: Judging) -> None:
    fewer = Judging("other", "2", judging.judged[:1])
    [line] = [
        line
        for line in report.sections([judging, fewer], failures=False)[0].rows
        if line[0:3] == ("two", "all", "other")
    ]
    assert line[3:5] == ("–", "–")


def test_markdown_tables_have_as_many_cells_as_headers_whatever_an_answer_holds(judging: Judging) -> None:
    text = render.markdown(report.sections([judging], failures=True))
    assert "\x1b" not in text
    tables = [part for part in text.split("\n\n") if part.startswith("|")]
    assert len(tables) == 4
    for table in tables:
        cells = [len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()]
        assert len(set(cells)) == 1


def test_the_terminal_gets_no_control_characters(judging: Judging, capsys: pytest.CaptureFixture[str]) -> None:
    render.print_tables(report.sections([judging], failures=True))
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "1/2 = 50.0 %" in shown
