"""Shared prefixes: computed once, and exactly what computing every trace on its own gives."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    GPT2Config,
    LlamaForCausalLM,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
    StableLmConfig,
)

from rlvr.trainer.batch import Batch, Layout, build_batch
from rlvr.trainer.flops import ModelFlops, model_flops
from rlvr.trainer.grpo import LossConfig
from rlvr.trainer.logprobs import completion_logprobs
from rlvr.trainer.prefix_trees import PrefixTrees, Tree, plant
from rlvr.trainer.proof import why_not_shared
from rlvr.trainer.step import Learner, Recipe
from rlvr.trainer.traces import Example, Group, Trace

Policy = Callable[[], LlamaForCausalLM]
Groups = Callable[[int], list[Group]]
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 50}
WIDE = {**SHAPE, "intermediate_size": 48, "num_key_value_heads": 2, "max_position_embeddings": 64}
FREE_ATTENTION = ModelFlops(body=1, head=0, trained_body=0, trained_head=0, pair=0)


def trace(prompt: list[int], completion: list[int], reward: float = 0.0) -> Trace:
    return Trace(prompt, completion, [-1.0] * len(completion), reward)


def tree(*traces: Trace) -> Tree:
    (one,) = plant([Example(trace, 0.0) for trace in traces], FREE_ATTENTION, max_tokens=10_000)
    return one


def branching_groups(seed: int, vocabulary: int = 32) -> list[Group]:
    """Completions that part ways at all places: after the prompt, in the middle, never, or where one ends."""
    rng = random.Random(seed)
    groups: list[Group] = []
    for _ in range(3):
        prompt = [rng.randrange(2, vocabulary) for _ in range(rng.randint(1, 12))]
        stem = [rng.randrange(2, vocabulary) for _ in range(8)]
        group = [trace(prompt, stem, rng.random()), trace(prompt, stem, rng.random()), trace(prompt, stem[:3], 1.0)]
        for _ in range(4):
            tail = [rng.randrange(2, vocabulary) for _ in range(rng.randint(0, 6))]
            group.append(trace(prompt, [*stem[: rng.randint(0, 8)], *tail, 1], rng.random()))
        groups.append(group)
    return groups


def gradient(model: Any) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def logprobs(model: Any, groups: list[Group], flops: ModelFlops | None, temperature: float = 1.0) -> list[Any]:
    """(completion, log-probabilities), in an order that does not depend on the layout."""
    built = build_batch(groups, scale="none", max_completion_length=20, layout=Layout(10_000, 0, flops))
    found = []
    for micro in built.micro_batches:
        for mask, ids, row in zip(
            micro.completion_mask, micro.completion_ids, completion_logprobs(model, micro, temperature), strict=True
        ):
            assert (row[~mask.bool()] == 0).all()
            found.append((ids[mask.bool()].tolist(), row[mask.bool()].tolist()))
    return sorted(found)


def test_traces_share_their_tree_as_far_as_they_agree() -> None:
    made = tree(trace([7, 8], [1, 2, 3]), trace([7, 8], [1, 4]), trace([7, 8], [5, 6]))
    assert made.token_ids == [7, 8, 1, 2, 5]
    assert made.position_ids == [0, 1, 2, 3, 2]
    assert made.ends == [5, 5, 4, 4, 5]
    by_completion = {
        tuple(example.trace.completion_ids): places
        for example, places in zip(made.examples, made.predictors, strict=True)
    }
    assert by_completion == {(1, 2, 3): [1, 2, 3], (1, 4): [1, 2], (5, 6): [1, 4]}


def test_a_token_sees_its_ancestors_and_itself() -> None:
    built = build_batch(
        [[trace([7, 8], [1, 2, 3], 1.0), trace([7, 8], [5, 6, 9], 1.0)], [trace([7], [3, 3], 1.0)]],
        scale="none",
        max_completion_length=8,
        layout=Layout(100, 0, FREE_ATTENTION),
    )
    (micro,) = built.micro_batches
    assert isinstance(micro.inputs, PrefixTrees)
    assert micro.inputs.input_ids.tolist() == [[7, 8, 1, 2, 5, 6], [7, 3, 0, 0, 0, 0]]
    seen = (micro.inputs.attention_mask(torch.float32)[:, 0] == 0).int().tolist()
    assert seen[0] == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 0, 0, 1, 0],
        [1, 1, 0, 0, 1, 1],
    ]
    assert seen[1][:3] == [[1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]]
    assert micro.inputs.work.pairs == sum(map(sum, seen[0])) + 3


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("seed", range(3))
def test_log_probabilities_are_those_of_separate_rows(make_policy: Policy, seed: int, temperature: float) -> None:
    model = make_policy().eval()
    groups = branching_groups(seed)
    with torch.no_grad():
        rows = logprobs(model, groups, None, temperature)
        trees = logprobs(model, groups, model_flops(model), temperature)
    assert [ids for ids, _ in trees] == [ids for ids, _ in rows]
    for (_, shared), (_, alone) in zip(trees, rows, strict=True):
        assert shared == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize("micro_batch_tokens", [1, 30, 100, 10_000])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_loss_and_gradient_are_those_of_separate_rows(
    make_policy: Policy, micro_batch_tokens: int, temperature: float
) -> None:
    torch.set_num_threads(1)
    results = []
    for shared in (False, True):
        model = make_policy()
        recipe = Recipe(
            shared_prefixes=shared,
            micro_batch_tokens=micro_batch_tokens if shared else 10_000,
            temperature=temperature,
            max_grad_norm=1e9,
            max_completion_length=20,
        )
        learner = Learner(model, recipe, pad_token_id=0)
        assert bool(learner.unshared) is not shared
        results.append((learner.step(branching_groups(3)), gradient(model)))
    (rows, of_rows), (trees, of_trees) = results
    assert trees.loss == pytest.approx(rows.loss, abs=1e-5)
    assert trees.grad_norm == pytest.approx(rows.grad_norm, rel=1e-5)
    assert trees.entropy == pytest.approx(rows.entropy, abs=1e-5)
    torch.testing.assert_close(of_trees, of_rows, atol=1e-6, rtol=1e-5)


def test_the_vocabulary_is_met_in_chunks_and_nothing_changes(
    make_policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for chunk in (1, 100, 1 << 24):
        monkeypatch.setattr("rlvr.trainer.logprobs._CHUNK_LOGITS", chunk)
        model = make_policy()
        recipe = Recipe(max_grad_norm=1e9, max_completion_length=20)
        results.append((Learner(model, recipe, pad_token_id=0).step(branching_groups(4)).loss, gradient(model)))
    for loss, found in results[:2]:
        assert loss == pytest.approx(results[2][0], abs=1e-6)
        torch.testing.assert_close(found, results[2][1], atol=1e-6, rtol=1e-5)


def test_several_epochs_and_a_reference_take_trees_too(make_policy: Policy) -> None:
    results = []
    for shared in (False, True):
        torch.manual_seed(1)
        reference = make_policy()
        with torch.no_grad():
            reference.model.layers[0].mlp.up_proj.weight.add_(0.1)
        recipe = Recipe(
            learning_rate=1e-3,
            num_inner_epochs=2,
            loss=LossConfig(kl_coef=0.1),
            kl_target="reference",
            shared_prefixes=shared,
            max_completion_length=20,
        )
        results.append(Learner(make_policy(), recipe, pad_token_id=0, reference=reference).step(branching_groups(5)))
    assert results[1].kl == pytest.approx(results[0].kl, rel=1e-4)
    assert results[1].loss == pytest.approx(results[0].loss, abs=1e-5)


def test_a_prompt_is_computed_once_and_what_was_saved_is_told(make_policy: Policy) -> None:
    prompt = list(range(2, 22))
    group = [trace(prompt, [23 + index, 3, 4], float(index)) for index in range(4)]
    metrics = Learner(make_policy(), Recipe(max_completion_length=4), pad_token_id=0).step([group])
    assert metrics.tokens_computed == 20 + 4 * 2
    assert metrics.tokens_shared == 4 * 23 - 28
    alone = Learner(make_policy(), Recipe(max_completion_length=4, shared_prefixes=False), pad_token_id=0)
    assert (alone.step([group]).tokens_computed, alone.unshared) == (4 * 23, "shared_prefixes is off")
    assert metrics.flops < 0.4 * alone.step([group]).flops


def test_traces_that_are_long_beside_what_they_share_are_not_put_together() -> None:
    """A tree costs the square of its length in attention."""
    flops = ModelFlops(body=1000, head=0, trained_body=0, trained_head=0, pair=10)
    prompt = list(range(100))
    short = [Example(trace(prompt, [200 + index, *range(300, 310)]), 0.0) for index in range(8)]
    long = [Example(trace(prompt, [200 + index, *range(300, 900)]), 0.0) for index in range(8)]
    assert len(plant(short, flops, 10_000)) == 1
    assert len(plant(long, flops, 10_000)) == 8
    assert len(plant(short, flops, 150)) == 2


def test_trees_keep_the_budget_and_hold_every_trace_once() -> None:
    rng = random.Random(0)
    groups: list[Group] = []
    for _ in range(20):
        prompt = [rng.randrange(100) for _ in range(rng.randint(1, 40))]
        groups.append(
            [trace(prompt, [rng.randrange(100) for _ in range(rng.randint(1, 60))], rng.random()) for _ in range(8)]
        )
    built: Batch = build_batch(groups, scale="none", max_completion_length=60, layout=Layout(512, 0, FREE_ATTENTION))
    assert all(micro.inputs.input_ids.numel() <= 512 for micro in built.micro_batches)
    assert sum(len(micro.advantages) for micro in built.micro_batches) == 160
    assert built.num_trace_tokens == sum(t.length for group in groups for t in group)


@pytest.mark.parametrize(
    "config",
    [
        Qwen2Config(**WIDE),
        Qwen3Config(**WIDE, head_dim=16),
        MistralConfig(**WIDE, sliding_window=None),
        StableLmConfig(**WIDE),
        GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=50, n_positions=64),
    ],
    ids=lambda config: config.model_type,
)
def test_common_architectures_share(config: Any) -> None:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    assert why_not_shared(model) == ""
    groups = branching_groups(6)
    with torch.no_grad():
        for (_, shared), (_, alone) in zip(
            logprobs(model, groups, model_flops(model)), logprobs(model, groups, None), strict=True
        ):
            assert shared == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (MistralConfig(**WIDE, sliding_window=8), "sliding window"),
        (Qwen2Config(**WIDE, use_sliding_window=True, sliding_window=8, max_window_layers=1), "sliding_attention"),
        (BloomConfig(hidden_size=32, n_layer=2, n_head=4, vocab_size=50), "Bloom"),
    ],
    ids=lambda value: getattr(value, "model_type", None),
)
def test_an_architecture_for_which_trees_are_not_exact_trains_on_rows_and_says_why(config: Any, reason: str) -> None:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    learner = Learner(model, Recipe(max_completion_length=20), pad_token_id=0)
    assert reason in learner.unshared
    metrics = learner.step(branching_groups(7))
    assert metrics.tokens_shared == 0


def test_a_model_that_is_wrong_about_positions_is_found_out(
    make_policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_policy()
    plain = model.model.forward

    def deaf(*args: Any, position_ids: Any = None, **kwargs: Any) -> Any:
        return plain(*args, **kwargs)

    monkeypatch.setattr(model.model, "forward", deaf)
    assert "log-probabilities" in why_not_shared(model)
