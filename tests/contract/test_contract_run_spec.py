"""RUN.toml, the HTTP body and the proto are one thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlvr.core.errors import InvalidRequest
from rlvr.core.run_spec import (
    HuggingFaceSource,
    JsonlSource,
    Lora,
    ReasoningGymSource,
    Recipe,
    RunSpec,
    Sampling,
    from_proto,
    load_toml,
    parse,
)
from rlvr.v1 import common_pb2, coordinator_pb2

EXAMPLES = Path(__file__).parents[2] / "examples"
MINIMAL = {"name": "a", "policy_path": "/p", "problems": {"kind": "jsonl", "path": "x.jsonl"}}


def fields(message: type) -> set[str]:
    return set(message.DESCRIPTOR.fields_by_name)


def test_models_and_messages_have_the_same_fields() -> None:
    assert set(RunSpec.model_fields) == fields(coordinator_pb2.RunSpec)
    assert set(Recipe.model_fields) == fields(coordinator_pb2.Recipe)
    assert set(Lora.model_fields) == fields(coordinator_pb2.Lora)
    assert set(Sampling.model_fields) == fields(common_pb2.SamplingParams)
    sources = set(JsonlSource.model_fields) | set(ReasoningGymSource.model_fields) | set(HuggingFaceSource.model_fields)
    assert sources - {"config"} | {"config_json"} == fields(coordinator_pb2.ProblemSource)


@pytest.mark.parametrize(
    "problems",
    [
        {"kind": "jsonl", "path": "x.jsonl", "verifier": "math"},
        {"kind": "reasoning_gym", "name": "chain_sum", "config": {"min_terms": 3}, "seed": 7, "size": 12},
        {"kind": "huggingface", "path": "org/set", "split": "test"},
    ],
)
def test_a_run_survives_the_wire(problems: dict[str, object]) -> None:
    training = {"max_staleness": 0, "kl_coefficient": 0.0, "importance_cap": 0, "max_replacements": 0, "steps": 3}
    for more in ({}, {"shared_prefixes": False, "lora": {}}, {"lora": {"rank": 4, "target_modules": ["q_proj"]}}):
        spec = parse({**MINIMAL, "problems": problems, "training": training | more})
        assert from_proto(spec.to_proto()) == spec


def test_what_is_left_out_takes_the_default() -> None:
    message = coordinator_pb2.RunSpec(name="a", policy_path="/p", group_size=4)
    message.problems.kind, message.problems.path = "jsonl", "x.jsonl"
    assert from_proto(message).training == Recipe()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Not OK"}, "name"),
        ({"group_size": 1}, "group_size"),
        ({"training": {"steps": 0}}, "training.steps"),
        ({"training": {"learningrate": 1}}, "training.learningrate"),
        ({"problems": {"kind": "csv"}}, "problems"),
        ({"sampling": {"top_p": 0.9}}, "sampling.top_p"),
        ({"training": {"steps": 5, "warmup_steps": 6}}, "(run)"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse({**MINIMAL, **change})
    assert [violation.field for violation in caught.value.violations] == [field]


def test_paths_in_a_file_are_relative_to_it(tmp_path: Path) -> None:
    file = tmp_path / "RUN.toml"
    file.write_text('name = "a"\npolicy_path = "tiny"\n[problems]\nkind = "jsonl"\npath = "p.jsonl"\n')
    spec = load_toml(file)
    assert spec.policy_path == str(tmp_path / "tiny")
    assert isinstance(spec.problems, JsonlSource)
    assert spec.problems.path == str(tmp_path / "p.jsonl")


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.toml")), ids=lambda file: file.name)
def test_the_examples_are_runs(file: Path) -> None:
    assert load_toml(file).name


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "RUN.toml"
    file.write_text("name = ")
    with pytest.raises(InvalidRequest, match="is not TOML"):
        load_toml(file)
