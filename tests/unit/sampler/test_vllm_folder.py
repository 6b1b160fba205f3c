"""A folder is looked at before a server is given its weights, which it could not take back."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

import tiny_policies
from rlvr.core.process import CannotStart
from rlvr.sampler.engine import PolicyLoadFailed
from rlvr.sampler.engines.choice import make_engine
from rlvr.sampler.engines.vllm.folder import INDEX_NAME, find_tensor, read_folder
from rlvr.sampler.engines.vllm.settings import VllmSettings
from rlvr.sampler.engines.vllm.tied import is_tied, spell_out
from rlvr.sampler.settings import SamplerSettings


def changed(policy: Path, folder: Path, file: str, **entries: object) -> Path:
    """A copy with some keys of a JSON file set."""
    shutil.copytree(policy, folder)
    document = json.loads((folder / file).read_bytes()) | entries
    (folder / file).write_text(json.dumps(document))
    return folder


def test_every_end_of_sequence_token_that_the_folder_names_stops_a_completion(policy_v0: Path, tmp_path: Path) -> None:
    folder = changed(policy_v0, tmp_path / "chat", "generation_config.json", eos_token_id=[1, 7])
    assert read_folder(str(policy_v0)).stop_ids == [1]
    assert read_folder(str(folder)).stop_ids == [1, 7]


def test_versions_of_one_architecture_are_served_alike(
    policy_v0: Path, policy_v1: Path, tmp_path: Path, write_policy: Callable[..., Path]
) -> None:
    v0 = read_folder(str(policy_v0))
    rewritten = changed(policy_v1, tmp_path / "later", "config.json", transformers_version="99", use_cache=False)
    assert read_folder(str(rewritten)).is_served_like(v0)
    assert not read_folder(str(write_policy(seed=5, hidden_size=48))).is_served_like(v0)


def test_a_version_with_other_tensors_than_the_one_before_is_refused(
    policy_v0: Path, policy_v1: Path, tmp_path: Path
) -> None:
    v0 = read_folder(str(policy_v0))
    lacking = tiny_policies.with_tensor(policy_v1, tmp_path / "lacking", "model.norm.weight", None)
    with pytest.raises(PolicyLoadFailed, match=r"model\.norm\.weight is missing, but \[32\] in the version before"):
        read_folder(str(lacking)).check_replaces(v0)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_damaged_file_is_refused(policy_v1: Path, tmp_path: Path, file: str) -> None:
    folder = Path(shutil.copytree(policy_v1, tmp_path / "damaged"))
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(PolicyLoadFailed, match=str(folder)):
        read_folder(str(folder))


def test_an_adapter_is_served_on_its_base(policy_v0: Path, tmp_path: Path) -> None:
    first, _ = tiny_policies.write_adapter(policy_v0, tmp_path, seed=1)
    second, _ = tiny_policies.write_adapter(policy_v0, tmp_path, seed=2)
    adapter = read_folder(str(first))
    assert (adapter.base, adapter.lora_rank, adapter.stop_ids) == (str(policy_v0), 4, [1])
    assert read_folder(str(second)).is_served_like(adapter)
    assert not read_folder(str(policy_v0)).is_served_like(adapter)
    assert not adapter.is_served_like(read_folder(str(policy_v0)))


def test_an_adapter_whose_base_is_elsewhere_needs_to_be_told(policy_v0: Path, tmp_path: Path) -> None:
    adapter, _ = tiny_policies.write_adapter(policy_v0, tmp_path, seed=1)
    away = changed(adapter, tmp_path / "away", "adapter_config.json", base_model_name_or_path="org/model")
    with pytest.raises(PolicyLoadFailed, match="RLVR_SAMPLER__VLLM__LORA__BASE"):
        read_folder(str(away))
    assert read_folder(str(away), lora_base=str(policy_v0)).base == str(policy_v0)


@pytest.mark.parametrize("shard_size", ["5GB", "20KB"])
def test_a_tied_head_is_spelled_out_beside_the_policys_own_files(
    policy_v1: Path, tmp_path: Path, shard_size: str
) -> None:
    model = LlamaForCausalLM.from_pretrained(policy_v1)
    published = Path(shutil.copytree(policy_v1, tmp_path / "published"))
    (published / "model.safetensors").unlink()
    model.save_pretrained(published, max_shard_size=shard_size)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "of the version before").mkdir()
    made = Path(spell_out(read_folder(str(published)), scratch))
    assert list(scratch.iterdir()) == [made]
    tensors = {name: tensor for file in made.glob("*.safetensors") for name, tensor in load_file(file).items()}
    assert tensors.keys() == {*model.state_dict()}
    assert torch.equal(tensors["lm_head.weight"], model.model.embed_tokens.weight)
    assert torch.equal(tensors["model.norm.weight"], model.model.norm.weight)
    if (published / INDEX_NAME).exists():
        mapped = json.loads((made / INDEX_NAME).read_bytes())["weight_map"]
        assert mapped.keys() == tensors.keys()


def test_a_tensor_that_is_cut_short_while_it_is_copied_is_told(policy_v0: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(policy_v0, tmp_path / "copy"))
    tensor = find_tensor(copy, "model.embed_tokens.weight")
    os.truncate(copy / "model.safetensors", tensor.begin + 8)
    with (tmp_path / "made").open("wb") as made, pytest.raises(PolicyLoadFailed, match="cut short"):
        tensor.copy_to(made)


def test_a_tokenizer_is_built_anew_only_when_its_files_are_others(policy_v0: Path, tmp_path: Path) -> None:
    before = read_folder(str(policy_v0))
    same = Path(shutil.copytree(policy_v0, tmp_path / "same"))
    (same / "manifest.json").write_text("of its own in each version")
    assert read_folder(str(same), before=before).tokenizer is before.tokenizer
    other = changed(policy_v0, tmp_path / "other", "tokenizer_config.json", model_max_length=17)
    found = read_folder(str(other), before=before).tokenizer
    assert found.model_max_length == 17 != before.tokenizer.model_max_length


def test_a_head_that_is_in_the_files_needs_no_spelling_out(tmp_path: Path, write_policy: Callable[..., Path]) -> None:
    folder = read_folder(str(write_policy(seed=3, tie_word_embeddings=False)))
    assert not is_tied(folder)
    assert spell_out(folder, tmp_path) == folder.path


def test_without_a_vllm_the_room_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="RLVR_SAMPLER__VLLM__PYTHON"):
        make_engine(SamplerSettings(engine="vllm"))
    with pytest.raises(CannotStart, match="is not there"):
        make_engine(SamplerSettings(engine="vllm", vllm=VllmSettings(python=str(tmp_path / "python"))))
