"""Reading traces for `rlvr verify`."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlvr.cli.failure import Failure
from rlvr.cli.verify import plain, read_items, single_item


def test_empty_lines_of_a_file_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text('{"a": 1}\n\n{"a": 2}\n')
    assert [item["a"] for item in read_items(file)] == [1, 2]


@pytest.mark.parametrize("line", ["{", "[1]", "7"])
def test_a_line_that_is_no_object_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text('{"a": 1}\n' + line + "\n")
    with pytest.raises(Failure, match="line 2 is not"):
        list(read_items(file))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"none\.jsonl cannot be read"):
        list(read_items(tmp_path / "none.jsonl"))


@pytest.mark.parametrize("spec", [None, "", "answer=4", "[4]"])
def test_a_spec_that_is_no_object_is_refused_with_an_example(spec: str | None) -> None:
    with pytest.raises(Failure, match="for example"):
        single_item("math", "4", spec)


def test_control_characters_of_a_completion_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in plain("\x1b[2Jgone\r\n")
    assert len(plain("x" * 1000, 20)) == 20
