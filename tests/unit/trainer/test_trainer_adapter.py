"""Training an adapter: what moves, what is kept, what is published."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

from rlvr.core.manifest import verify_manifest
from rlvr.core.run_spec import Lora
from rlvr.trainer import checkpoint
from rlvr.trainer.adapter import Adapter, NoSuchLayers
from rlvr.trainer.checkpoint import CheckpointMismatch, Progress
from rlvr.trainer.publish import publish
from rlvr.trainer.step import Learner, Recipe
from rlvr.trainer.tokenizer import build_tokenizer
from rlvr.trainer.traces import Group

Policy = Callable[[], LlamaForCausalLM]
Groups = Callable[[int], list[Group]]
RECIPE = Recipe(learning_rate=1e-2, warmup_updates=0, max_completion_length=12)


def learner(model: LlamaForCausalLM, settings: Lora = Lora(rank=4, alpha=8)) -> Learner:  # noqa: B008 - it is frozen
    torch.set_num_threads(1)
    torch.manual_seed(3)
    return Learner(model, RECIPE, pad_token_id=0, adapter=Adapter(model, settings, base="/base"))


def tensors(model: LlamaForCausalLM, *, trained: bool) -> dict[str, torch.Tensor]:
    return {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad is trained}


def test_only_the_adapter_moves_and_prompts_are_still_shared(make_policy: Policy, make_groups: Groups) -> None:
    policy = make_policy()
    trained = learner(policy)
    frozen, adapter = tensors(policy, trained=False), tensors(policy, trained=True)
    assert len(adapter) == 2 * 7 * 2, "A and B for seven linear layers in each of two blocks"
    assert trained.unshared == ""
    assert trained.step(make_groups(0)).grad_norm > 0
    assert all(torch.equal(tensor, frozen[name]) for name, tensor in tensors(policy, trained=False).items())
    assert not any(torch.equal(t, adapter[n]) for n, t in tensors(policy, trained=True).items() if "lora_B" in n)


def test_an_untrained_adapter_changes_nothing(make_policy: Policy) -> None:
    ids = torch.tensor([[2, 3, 4]])
    with torch.no_grad():
        plain = make_policy().eval()(ids).logits
        assert torch.equal(learner(make_policy()).model(ids).logits, plain)


def test_layers_can_be_chosen_and_one_that_is_not_there_is_named(make_policy: Policy) -> None:
    policy = make_policy()
    learner(policy, Lora(rank=2, target_modules=["q_proj", "v_proj"]))
    assert {name.split(".")[-4] for name in tensors(policy, trained=True)} == {"q_proj", "v_proj"}
    for wrong in ("qproj", "lm_head"):
        with pytest.raises(NoSuchLayers, match=f"ends in '{wrong}'; there are down_proj, gate_proj"):
            learner(make_policy(), Lora(target_modules=["q_proj", wrong]))


def test_a_checkpoint_holds_the_adapter_alone_and_training_goes_on_from_it(
    tmp_path: Path, make_policy: Policy, make_groups: Groups
) -> None:
    straight = learner(make_policy())
    for step in range(4):
        straight.step(make_groups(step))
    first = learner(make_policy())
    for step in range(2):
        first.step(make_groups(step))
    folder = checkpoint.save(tmp_path, first, Progress(2))
    assert all("lora_" in name for name in load_file(folder / "model.safetensors"))
    second = learner(make_policy())
    assert checkpoint.load_newest(tmp_path, second) == Progress(2)
    for step in range(2, 4):
        second.step(make_groups(step))
    expected = tensors(straight.model, trained=True)
    assert all(torch.equal(t, expected[name]) for name, t in tensors(second.model, trained=True).items())
    with pytest.raises(CheckpointMismatch, match="does not fit this run's model"):
        checkpoint.load_newest(tmp_path, learner(make_policy(), Lora(rank=8)))
    with pytest.raises(CheckpointMismatch, match="in one of them only"):
        checkpoint.load_newest(tmp_path, Learner(make_policy(), RECIPE, pad_token_id=0))


def test_a_version_is_the_adapter_and_what_loads_it_and_is_the_same_each_time(
    tmp_path: Path, make_policy: Policy, make_groups: Groups
) -> None:
    trained = learner(make_policy())
    trained.step(make_groups(0))
    tokenizer = build_tokenizer()
    first = publish(trained.model, tokenizer, str(tmp_path), 1, adapter=trained.adapter)
    folder = tmp_path / "v1"
    assert set(verify_manifest(str(folder)).files) == {"adapter_config.json", "adapter_model.safetensors"}
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["peft_type"], config["r"], config["lora_alpha"]) == ("LORA", 4, 8)
    assert config["base_model_name_or_path"] == "/base"
    again = publish(trained.model, tokenizer, str(tmp_path / "again"), 1, adapter=trained.adapter)
    assert again.manifest_sha256 == first.manifest_sha256


def test_peft_itself_reads_what_is_published(tmp_path: Path, make_policy: Policy, make_groups: Groups) -> None:
    from peft import PeftModel

    trained = learner(make_policy())
    for step in range(3):
        trained.step(make_groups(step))
    publish(trained.model, build_tokenizer(), str(tmp_path), 1, adapter=trained.adapter)
    loaded = PeftModel.from_pretrained(make_policy().eval(), tmp_path / "v1")
    ids = torch.tensor([[2, 3, 4, 5, 6]])
    with torch.no_grad():
        torch.testing.assert_close(loaded(ids).logits, trained.model(ids).logits, atol=1e-5, rtol=1e-5)
        assert not torch.allclose(loaded(ids).logits, make_policy().eval()(ids).logits, atol=1e-3)
