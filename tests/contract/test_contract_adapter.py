"""An adapter that the trainer publishes is, to the sampler's engine, the policy that the trainer has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rlvr.core.run_spec import Lora
from rlvr.sampler.engine import ChatMessage, GroupRequest, PolicyLoadFailed, SampledGroup
from rlvr.sampler.engines.transformers.engine import TransformersEngine
from rlvr.trainer.adapter import Adapter
from rlvr.trainer.publish import publish
from rlvr.trainer.step import Learner, Recipe
from rlvr.trainer.tokenizer import build_tokenizer
from rlvr.trainer.traces import Trace

REQUEST = GroupRequest([ChatMessage("user", "1 + 2 =")], group_size=4, max_tokens=12, seed=5)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    tokenizer = build_tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
        initializer_range=0.2,
    )
    folder = tmp_path / "base"
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_learner(base: Path) -> Learner:
    torch.set_num_threads(1)
    model = LlamaForCausalLM.from_pretrained(base)
    recipe = Recipe(learning_rate=3e-2, warmup_updates=0, max_completion_length=12)
    return Learner(model, recipe, pad_token_id=0, adapter=Adapter(model, Lora(rank=4), base=str(base)))


def traces(group: SampledGroup) -> list[Trace]:
    return [
        Trace(group.prompt_ids, sample.completion_ids, sample.logprobs, float(index % 2))
        for index, sample in enumerate(group.samples)
    ]


async def test_log_probabilities_of_sampler_and_trainer_agree_version_after_version(base: Path, tmp_path: Path) -> None:
    learner, tokenizer = make_learner(base), build_tokenizer()
    engine = TransformersEngine(device="cpu")
    drawn = []
    try:
        await engine.load("p", 0, str(base))
        for version in range(4):
            group = await engine.generate(REQUEST)
            drawn.append([list(sample.logprobs) for sample in group.samples])
            metrics = learner.step([traces(group)])
            assert metrics.max_logprob_gap < 1e-4, f"version {version}"
            assert metrics.sampler_kl < 1e-8
            published = publish(learner.model, tokenizer, str(tmp_path), version + 1, adapter=learner.adapter)
            await engine.load("p", published.version, published.uri)
    finally:
        await engine.close()
    assert drawn[0] != drawn[1] != drawn[2], "each version draws with other probabilities"


async def test_a_sampler_that_starts_with_an_adapter_loads_its_base(base: Path, tmp_path: Path) -> None:
    learner, tokenizer = make_learner(base), build_tokenizer()
    engine = TransformersEngine(device="cpu")
    try:
        await engine.load("p", 0, str(base))
        learner.step([traces(await engine.generate(REQUEST))])
        published = publish(learner.model, tokenizer, str(tmp_path), 1, adapter=learner.adapter)
        fresh = TransformersEngine(device="cpu")
        try:
            await fresh.load("p", 1, published.uri)
            assert learner.step([traces(await fresh.generate(REQUEST))]).max_logprob_gap < 1e-4
        finally:
            await fresh.close()
    finally:
        await engine.close()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"use_dora": True}, "use_dora True: only plain LoRA"),
        ({"alpha_pattern": {"q_proj": 3}}, "only plain LoRA"),
        ({"base_model_name_or_path": "/nowhere"}, "/nowhere has no config.json"),
    ],
)
async def test_an_adapter_that_cannot_be_merged_is_refused_and_the_old_version_goes_on(
    base: Path, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    learner = make_learner(base)
    folder = tmp_path / "adapter"
    folder.mkdir()
    assert learner.adapter is not None
    learner.adapter.save(folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | change))
    engine = TransformersEngine(device="cpu")
    try:
        await engine.load("p", 0, str(base))
        with pytest.raises(PolicyLoadFailed, match=reason):
            await engine.load("p", 1, str(folder))
        assert engine.status().version == 0
    finally:
        await engine.close()
