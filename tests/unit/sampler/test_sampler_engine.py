"""The embedded engine as a whole: requests in, samples out, versions swapped beneath them."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BloomConfig, BloomForCausalLM, GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast

from engine_contract import HeldUp
from rlvr.core.errors import Conflict, InvalidRequest
from rlvr.core.policy import PolicySpan
from rlvr.sampler.engine import ChatMessage, EngineFailed, EngineState, GroupRequest, PolicyDiverged, PolicyLoadFailed
from rlvr.sampler.engines.transformers.engine import TransformersEngine


@pytest.fixture
async def engine(policy_v0: Path) -> AsyncIterator[TransformersEngine]:
    engine = TransformersEngine(max_rows=16, max_cells=2048)
    await engine.load("tiny", 0, str(policy_v0))
    yield engine
    await engine.close()


def request(prompt: str = "1+2=", k: int = 4, max_tokens: int = 8, **changes: Any) -> GroupRequest:
    return GroupRequest((ChatMessage("user", prompt),), k, max_tokens, **changes)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_group_comes_back_with_text_ids_and_logprobs(engine: TransformersEngine) -> None:
    group = await engine.generate(request(k=5))
    assert group.prompt_ids.tolist() == [4, 13, 5, 15]
    assert len(group.samples) == 5
    for sample in group.samples:
        assert len(sample.completion_ids) == len(sample.logprobs) <= 8
        assert sample.span == PolicySpan(0, 0)
        assert len(sample.text) == len(sample.completion_ids) - (sample.finish_reason == "stop")
    assert engine.status().prompt_tokens_shared == 4 * 4


async def test_more_than_fits_at_once_waits_its_turn_and_all_is_sampled(engine: TransformersEngine) -> None:
    groups = await asyncio.gather(*(engine.generate(request(f"{i}+{i}=", seed=i)) for i in range(20)))
    assert [len(group.samples) for group in groups] == [4] * 20
    status = engine.status()
    assert (status.state, status.running, status.waiting) == (EngineState.READY, 0, 0)


async def test_the_same_request_gives_the_same_samples_alone_and_in_a_crowd(engine: TransformersEngine) -> None:
    alone = await engine.generate(request("3-1=", seed=7))
    crowd = await asyncio.gather(
        engine.generate(request("9+9+9=", seed=1)),
        engine.generate(request("3-1=", seed=7)),
        engine.generate(request("0", k=2, seed=2)),
    )
    assert [s.completion_ids for s in crowd[1].samples] == [s.completion_ids for s in alone.samples]


async def test_a_newer_version_is_swapped_in_while_requests_run(
    engine: TransformersEngine, policy_v1: Path, held_up: HeldUp
) -> None:
    async with held_up():
        running = asyncio.create_task(engine.generate(request(k=16, max_tokens=120, temperature=0.5)))
        await until(lambda: engine.status().running > 0)
        await engine.load("tiny", 1, str(policy_v1))
    assert engine.status().version == 1
    spans = {sample.span for sample in (await running).samples}
    assert PolicySpan(0, 1) in spans
    assert spans <= {PolicySpan(0, 0), PolicySpan(0, 1)}
    assert {s.span for s in (await engine.generate(request())).samples} == {PolicySpan(1, 1)}


async def test_a_cancelled_request_frees_its_rows(engine: TransformersEngine, held_up: HeldUp) -> None:
    async with held_up():
        doomed = asyncio.create_task(engine.generate(request(k=8, max_tokens=200)))
        queued = asyncio.create_task(engine.generate(request(k=16, max_tokens=100)))
        await until(lambda: engine.status().running > 0)
        queued.cancel()
        doomed.cancel()
        await until(lambda: engine.status().running == 0 and engine.status().waiting == 0)
    assert (await engine.generate(request(k=16))).samples


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (GroupRequest((), 4, 8), "messages"),
        (request(prompt=""), "messages"),
        (request(k=0), "group_size"),
        (request(max_tokens=0), "sampling.max_tokens"),
        (request(max_tokens=300), "sampling.max_tokens"),
        (request(temperature=-1.0), "sampling.temperature"),
        (request(temperature=float("nan")), "sampling.temperature"),
        (request(seed=-1), "sampling.seed"),
        (request(k=17), "group_size"),
        (request(k=16, max_tokens=200), "group_size"),
    ],
)
async def test_a_request_that_cannot_be_served_names_its_wrong_field(
    engine: TransformersEngine, bad: GroupRequest, field: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await engine.generate(bad)
    assert [violation.field for violation in refusal.value.violations] == [field]


async def test_a_prompt_may_fill_the_context(engine: TransformersEngine) -> None:
    group = await engine.generate(request("7" * 250, k=2, max_tokens=6))
    assert len(group.prompt_ids) == 250


async def test_nothing_is_sampled_before_a_policy_is_loaded() -> None:
    engine = TransformersEngine()
    try:
        assert engine.status().state is EngineState.LOADING
        with pytest.raises(Conflict):
            await engine.generate(request())
    finally:
        await engine.close()


async def test_a_missing_or_damaged_folder_is_refused_and_the_old_version_goes_on(
    engine: TransformersEngine, damaged_policy: Path, tmp_path: Path
) -> None:
    before = await engine.generate(request(seed=3))
    for folder in (damaged_policy, tmp_path / "nowhere"):
        with pytest.raises(PolicyLoadFailed, match=str(folder)):
            await engine.load("tiny", 1, str(folder))
    status = engine.status()
    assert (status.state, status.version) == (EngineState.READY, 0)
    assert "version 1 of policy 'tiny' was refused" in status.detail
    assert (await engine.generate(request(seed=3))) == before


async def test_weights_with_nan_are_refused(engine: TransformersEngine, policy_v1: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(policy_v1, tmp_path / "nan"))
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][0] = torch.nan
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(PolicyLoadFailed, match=r"NaN or infinity in model\.norm\.weight"):
        await engine.load("tiny", 1, str(folder))


async def test_a_folder_that_lacks_weights_is_refused_not_filled_with_random_ones(
    engine: TransformersEngine, policy_v1: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(policy_v1, tmp_path / "lacking"))
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(PolicyLoadFailed, match=r"lacks weights: model\.norm\.weight"):
        await engine.load("tiny", 1, str(folder))


async def test_another_policy_is_taken_only_when_nothing_is_sampled(
    engine: TransformersEngine, write_policy: Callable[..., Path], held_up: HeldUp
) -> None:
    other = write_policy(seed=5, hidden_size=48)
    async with held_up():
        running = asyncio.create_task(engine.generate(request(k=16, max_tokens=120, temperature=0.5)))
        await until(lambda: engine.status().running > 0)
        with pytest.raises(Conflict, match="'tiny' is sampling"):
            await engine.load("other", 0, str(other))
    await running
    await engine.load("other", 0, str(other))
    assert engine.status().policy == "other"
    assert (await engine.generate(request())).samples


async def test_weights_that_overflow_fail_the_group_not_the_engine(
    engine: TransformersEngine, policy_v1: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(policy_v1, tmp_path / "huge"))
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][:] = 3e38
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    await engine.load("tiny", 1, str(folder))
    with pytest.raises(PolicyDiverged, match="version 1"):
        await engine.generate(request())
    await engine.load("tiny", 2, str(policy_v1))
    assert (await engine.generate(request())).samples


async def test_closing_fails_what_is_being_sampled(policy_v0: Path, held_up: HeldUp) -> None:
    engine = TransformersEngine()
    await engine.load("tiny", 0, str(policy_v0))
    async with held_up():
        running = asyncio.create_task(engine.generate(request(k=64, max_tokens=200, temperature=0.5)))
        await until(lambda: engine.status().running > 0)
        await engine.close()
    with pytest.raises(EngineFailed):
        await running
    with pytest.raises(EngineFailed):
        await engine.generate(request())
    await engine.close()


async def test_a_chat_template_writes_the_prompt(policy_v0: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(policy_v0, tmp_path / "chat"))
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m['content'] }}?{% endfor %}{% if add_generation_prompt %}={% endif %}"
    )
    engine = TransformersEngine()
    try:
        await engine.load("chat", 0, str(folder))
        conversation = (ChatMessage("system", "a"), ChatMessage("user", "1"))
        group = await engine.generate(GroupRequest(conversation, 1, 4))
        assert group.prompt_ids.tolist() == [18, 16, 4, 16, 15]
    finally:
        await engine.close()


async def test_a_conversation_without_a_chat_template_is_refused(engine: TransformersEngine) -> None:
    with pytest.raises(InvalidRequest, match="no chat template"):
        await engine.generate(GroupRequest((ChatMessage("system", "a"), ChatMessage("user", "1")), 1, 4))


async def test_an_architecture_that_cannot_be_decoded_in_rows_is_refused(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    """Bloom derives positions from a two-dimensional mask, which rows of their own lengths do not have."""
    BloomForCausalLM(BloomConfig(vocab_size=40, hidden_size=32, n_layer=1, n_head=2)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    engine = TransformersEngine()
    try:
        with pytest.raises(PolicyLoadFailed, match=str(tmp_path)):
            await engine.load("bloom", 0, str(tmp_path))
        assert engine.status().state is EngineState.LOADING
    finally:
        await engine.close()


async def test_an_architecture_whose_files_name_tensors_otherwise_is_swapped_while_requests_run(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path, held_up: HeldUp
) -> None:
    for version in (0, 1):
        torch.manual_seed(version)
        config = GPTNeoXConfig(
            vocab_size=40, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
        )
        GPTNeoXForCausalLM(config).save_pretrained(tmp_path / str(version))
        tokenizer.save_pretrained(tmp_path / str(version))
    engine = TransformersEngine()
    try:
        await engine.load("neox", 0, str(tmp_path / "0"))
        async with held_up():
            running = asyncio.create_task(engine.generate(request(k=64, max_tokens=200)))
            await until(lambda: engine.status().running > 0)
            await engine.load("neox", 1, str(tmp_path / "1"))
        assert PolicySpan(0, 1) in {sample.span for sample in (await running).samples}
    finally:
        await engine.close()


def test_importing_the_room_brings_no_torch() -> None:
    program = (
        "import sys, rlvr.sampler.engine, rlvr.sampler.engines.fake; "
        "sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
