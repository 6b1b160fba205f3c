"""Problem sources: the three kinds, read by index, and what they refuse."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import datasets
import pytest
from pydantic import TypeAdapter

from rlvr.coordinator.sources import Source, open_source
from rlvr.core.errors import InvalidRequest
from rlvr.core.run_spec import JsonlSource, ProblemSource


def opened(**settings: Any) -> Source:
    return open_source(TypeAdapter(ProblemSource).validate_python(settings))


def refused(**settings: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as failure:
        opened(**settings)
    return failure.value


def write(path: Path, *rows: Any) -> str:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


# JSONL


def test_jsonl_gives_each_line_by_index_in_any_order(tmp_path: Path) -> None:
    rows = [{"prompt": f"ça {i}?", "verifier": "math", "spec": {"answer": str(i)}} for i in range(5)]
    source = opened(kind="jsonl", path=write(tmp_path / "p.jsonl", rows[0], "", *rows[1:]))
    assert len(source) == 5
    assert [source.problem(i).prompt[0].content for i in (4, 0, 2)] == ["ça 4?", "ça 0?", "ça 2?"]
    assert source.problem(1).problem_id == "p.jsonl:3"
    assert json.loads(source.problem(3).spec_json) == {"answer": "3"}


def test_jsonl_takes_messages_and_the_sources_verifier(tmp_path: Path) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1?"}]
    path = write(tmp_path / "p.jsonl", {"prompt": messages, "spec": {"answer": "2"}})
    problem = opened(kind="jsonl", path=path, verifier="math").problem(0)
    assert [(m.role, m.content) for m in problem.prompt] == [("system", "Be brief."), ("user", "1+1?")]
    assert problem.verifier == "math"


def test_a_long_gold_integer_keeps_every_digit(tmp_path: Path) -> None:
    gold = 123456789012345678901
    path = write(tmp_path / "p.jsonl", {"prompt": "?", "verifier": "math", "spec": {"answer": gold}})
    assert json.loads(opened(kind="jsonl", path=path).problem(0).spec_json) == {"answer": gold}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("not json", "not JSON"),
        ("[1]", "must be an object"),
        ({"prompt": "x"}, "must be an object"),
        ({"prompt": "x", "spec": {"answer": "1"}}, "'verifier'"),
        ({"prompt": "x", "verifier": "math", "spec": "1"}, "'spec'"),
        ({"prompt": "", "verifier": "math", "spec": {}}, "prompt"),
        ({"prompt": [], "verifier": "math", "spec": {}}, "prompt"),
        ({"prompt": [{"role": "robot", "content": "x"}], "verifier": "math", "spec": {}}, "prompt"),
        ({"prompt": "x", "verifier": "a b:c", "spec": {}}, "'verifier'"),
    ],
)
def test_jsonl_names_the_line_that_is_wrong(tmp_path: Path, line: Any, says: str) -> None:
    good = {"prompt": "x", "verifier": "math", "spec": {"answer": "1"}}
    failure = refused(kind="jsonl", path=write(tmp_path / "p.jsonl", good, line))
    assert "p.jsonl:2" in failure.detail
    assert says in failure.detail
    assert failure.violations[0].field == "problems.path"


def test_an_absent_or_empty_file_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refused(kind="jsonl", path=str(tmp_path / "none.jsonl")).detail
    assert "empty" in refused(kind="jsonl", path=write(tmp_path / "p.jsonl")).detail


# reasoning-gym


def test_reasoning_gym_gives_the_same_problem_for_the_same_seed_and_index() -> None:
    settings: dict[str, Any] = {"kind": "reasoning_gym", "name": "chain_sum", "size": 1000, "seed": 7}
    one, two = opened(**settings), opened(**settings)
    assert len(one) == 1000
    assert one.problem(999) == two.problem(999)
    assert one.problem(0) != opened(**{**settings, "seed": 8}).problem(0)
    assert one.problem(0).prompt[0].role == "user"
    assert list(json.loads(one.problem(0).spec_json)) == ["answer"]


def test_reasoning_gym_takes_the_configuration() -> None:
    config = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}
    source = opened(kind="reasoning_gym", name="chain_sum", config=config)
    prompts = [source.problem(i).prompt[0].content for i in range(20)]
    assert all(len(prompt.split(":")[1].split()) == 4 for prompt in prompts)


@pytest.mark.parametrize(("name", "puzzle"), [("countdown", "countdown"), ("mini_sudoku", "sudoku")])
def test_a_puzzle_data_set_gives_instances_that_the_puzzle_verifier_takes(name: str, puzzle: str) -> None:
    from rlvr.verifier.puzzle.registry import PUZZLES

    source = opened(kind="reasoning_gym", name=name, size=5, verifier="puzzle")
    for index in range(5):
        spec = json.loads(source.problem(index).spec_json)
        assert spec["puzzle"] == puzzle
        PUZZLES[puzzle].model_validate(spec["instance"])


def test_reasoning_gym_refuses_what_it_cannot_do() -> None:
    gym: dict[str, Any] = {"kind": "reasoning_gym"}
    assert "chain_sum" in refused(**gym, name="chain_sums").detail
    assert "use math" in refused(**gym, name="chain_sum", verifier="puzzle").detail
    assert "use math or puzzle" in refused(**gym, name="chain_sum", verifier="code").detail
    unknown = refused(**gym, name="chain_sum", config={"nope": 1})
    assert unknown.violations[0].field == "problems.config"
    assert "nope" in unknown.detail
    assert "max_terms" in refused(**gym, name="chain_sum", config={"min_terms": 9, "max_terms": 2}).detail


# Hugging Face

ROWS = {"question": ["1+1?", "2+2?"], "answer": ["2", "4"], "number": [2, 4], "spec": [{"tests": ["a"]}] * 2}


@pytest.fixture
def saved(tmp_path: Path) -> str:
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(ROWS)}).save_to_disk(str(tmp_path / "saved"))
    return str(tmp_path / "saved")


@pytest.mark.parametrize("form", ["saved", "parquet", "jsonl"])
def test_a_local_data_set_is_read_in_each_form(
    tmp_path: Path, saved: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    if form != "saved":
        (tmp_path / "files").mkdir()
        table = datasets.Dataset.from_dict(ROWS)
        if form == "parquet":
            table.to_parquet(tmp_path / "files" / "train.parquet")
        else:
            table.to_json(tmp_path / "files" / "train.jsonl")
    path = saved if form == "saved" else str(tmp_path / "files")
    source = opened(kind="huggingface", path=path)
    assert len(source) == 2
    assert source.problem(1).prompt[0].content == "2+2?"
    assert json.loads(source.problem(1).spec_json) == {"answer": "4"}
    assert source.problem(0).verifier == "math"


def test_a_numeric_answer_and_a_whole_spec_are_taken(saved: str) -> None:
    hf: dict[str, Any] = {"kind": "huggingface", "path": saved}
    assert json.loads(opened(**hf, answer_column="number").problem(0).spec_json) == {"answer": "2"}
    problem = opened(**hf, answer_column="spec", verifier="code").problem(0)
    assert json.loads(problem.spec_json) == {"tests": ["a"]}


def test_a_data_set_is_refused_with_what_it_has(saved: str, tmp_path: Path) -> None:
    hf: dict[str, Any] = {"kind": "huggingface"}
    column = refused(**hf, path=saved, prompt_column="query")
    assert column.violations[0].field == "problems.prompt_column"
    assert "question, answer" in column.detail
    assert "there are train" in refused(**hf, path=saved, split="test").detail
    assert "as an object" in refused(**hf, path=saved, verifier="code").detail
    assert refused(**hf, path=str(tmp_path / "absent")).violations[0].field == "problems.path"


def test_a_jsonl_source_can_be_read_by_several_threads_at_once(tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    rows = [{"prompt": "x" * (1 + n % 97), "verifier": "math", "spec": {"answer": str(n)}} for n in range(500)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = open_source(JsonlSource(path=str(file)))
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: json.loads(source.problem(n % 500).spec_json)["answer"], range(8_000)))
    assert found == [str(n % 500) for n in range(8_000)]
