"""A published version is whole, is what was trained, and is published once."""

from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast

from rlvr.core.manifest import InvalidManifest, verify_manifest
from rlvr.trainer import checkpoint, publish
from rlvr.trainer.publish import VersionConflict, prune_versions
from rlvr.trainer.step import Learner, Recipe
from rlvr.trainer.tokenizer import build_tokenizer

Policy = Callable[[], LlamaForCausalLM]


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer()


def test_a_version_loads_as_a_hugging_face_folder(
    tmp_path: Path, make_policy: Policy, tokenizer: PreTrainedTokenizerFast
) -> None:
    model = make_policy()
    published = publish.publish(model, tokenizer, str(tmp_path), 3)
    assert published.uri == f"{tmp_path}/v3"
    assert [path.name for path in tmp_path.iterdir()] == ["v3"]
    loaded = AutoModelForCausalLM.from_pretrained(published.uri)
    assert torch.equal(loaded.lm_head.weight, model.lm_head.weight)
    assert AutoTokenizer.from_pretrained(published.uri).decode([62, 37]) == tokenizer.decode([62, 37])
    assert verify_manifest(published.uri, digest=published.manifest_sha256).version == 3


def test_publishing_again_changes_nothing(
    tmp_path: Path, make_policy: Policy, tokenizer: PreTrainedTokenizerFast
) -> None:
    model = make_policy()
    first = publish.publish(model, tokenizer, str(tmp_path), 1)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "v1").iterdir()}
    assert publish.publish(model, tokenizer, str(tmp_path), 1) == first
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "v1").iterdir()} == before


def test_a_model_resumed_from_a_checkpoint_publishes_the_same_version(
    tmp_path: Path, make_policy: Policy, tokenizer: PreTrainedTokenizerFast
) -> None:
    """A trainer killed between checkpoint and registration publishes again after its restart."""
    model = make_policy()
    start = publish.publish(model, tokenizer, str(tmp_path / "p"), 0)
    learner = Learner(AutoModelForCausalLM.from_pretrained(start.uri), Recipe(), pad_token_id=0)
    first = publish.publish(learner.model, AutoTokenizer.from_pretrained(start.uri), str(tmp_path / "p"), 1)
    checkpoint.save(tmp_path / "c", learner, checkpoint.Progress(1))
    again = Learner(AutoModelForCausalLM.from_pretrained(start.uri), Recipe(), pad_token_id=0)
    checkpoint.load_newest(tmp_path / "c", again)
    second = publish.publish(again.model, AutoTokenizer.from_pretrained(start.uri), str(tmp_path / "p"), 1)
    assert second == first


def test_other_content_under_a_published_version_is_refused_unless_it_was_never_registered(
    tmp_path: Path, make_policy: Policy, tokenizer: PreTrainedTokenizerFast
) -> None:
    model = make_policy()
    first = publish.publish(model, tokenizer, str(tmp_path), 1)
    with torch.no_grad():
        model.lm_head.weight.add_(1.0)
    with pytest.raises(VersionConflict, match="v1 was published"):
        publish.publish(model, tokenizer, str(tmp_path), 1)
    verify_manifest(first.uri, digest=first.manifest_sha256)
    second = publish.publish(model, tokenizer, str(tmp_path), 1, replace=True)
    verify_manifest(second.uri, digest=second.manifest_sha256)
    assert [path.name for path in tmp_path.iterdir()] == ["v1"]


def test_a_damaged_version_is_written_again(
    tmp_path: Path, make_policy: Policy, tokenizer: PreTrainedTokenizerFast
) -> None:
    model = make_policy()
    first = publish.publish(model, tokenizer, str(tmp_path), 1)
    (tmp_path / "v1" / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(InvalidManifest):
        verify_manifest(first.uri)
    assert publish.publish(model, tokenizer, str(tmp_path), 1) == first
    verify_manifest(first.uri)


def test_an_object_store_gets_the_manifest_last(
    make_policy: Policy, tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    filesystem = fsspec.filesystem("memory")
    written: list[str] = []
    put_file = type(filesystem).put_file

    def record(self: object, lpath: str, rpath: str, **options: object) -> None:
        written.append(rpath.rpartition("/")[2])
        put_file(self, lpath, rpath, **options)

    monkeypatch.setattr(type(filesystem), "put_file", record)
    published = publish.publish(make_policy(), tokenizer, "memory://policies/p", 2)
    assert written[-1] == "manifest.json" and "model.safetensors" in written
    assert verify_manifest("memory://policies/p/v2", digest=published.manifest_sha256).version == 2
    assert publish.publish(make_policy(), tokenizer, "memory://policies/p", 2) == published
    filesystem.rm("/policies", recursive=True)


def test_versions_below_a_number_are_pruned_and_none_by_rank(
    tmp_path: Path, make_policy: Policy, tokenizer: PreTrainedTokenizerFast
) -> None:
    for version in (0, 2, 9, 10):
        publish.publish(make_policy(), tokenizer, str(tmp_path), version)
    (tmp_path / "notes").mkdir()
    assert prune_versions(str(tmp_path), below=-1) == []
    assert prune_versions(str(tmp_path), below=9) == [0, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes", "v10", "v9"]
    assert prune_versions(str(tmp_path / "absent"), below=9) == []
