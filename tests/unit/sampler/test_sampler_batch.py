"""The rows being decoded: exact, sharing prefills, leaving and joining at once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from rlvr.core.policy import PolicySpan
from rlvr.sampler.engines.transformers.batch import DecodeBatch, Group
from rlvr.sampler.engines.transformers.weights import LoadedModel, NewWeights, read_version


@pytest.fixture(scope="module")
def held(policy_v0: Path) -> LoadedModel:
    torch.set_num_threads(1)
    loaded = read_version(str(policy_v0), None, "cpu", torch.float32)
    assert isinstance(loaded, LoadedModel)
    return loaded


def make_batch(held: LoadedModel, stop_ids: list[int] | None = None, max_cells: int = 65_536) -> DecodeBatch:
    return DecodeBatch(held.model, stop_ids or held.stop_ids, max_rows=64, max_cells=max_cells)


def make_group(prompt: int = 5, k: int = 4, max_tokens: int = 12, temperature: float = 1.0, seed: int = 0) -> Group:
    return Group([3 + (7 * i + prompt) % 20 for i in range(prompt)], k, max_tokens, temperature, seed)


@torch.inference_mode()
def run(batch: DecodeBatch, *groups: Group) -> None:
    batch.prefill(list(groups), version=0)
    while batch.rows:
        batch.decode()


@torch.inference_mode()
def reference_logprobs(model: Any, group: Group, index: int) -> torch.Tensor:
    """log softmax(logits / temperature) [L, V] by one plain forward over the whole sequence."""
    ids = torch.tensor([[*group.prompt_ids, *group.completions[index].token_ids]])
    logits = model(input_ids=ids, use_cache=False).logits[0, len(group.prompt_ids) - 1 : -1]
    return torch.log_softmax(logits / (group.temperature or 1.0), dim=-1)


def assert_exact(model: Any, group: Group) -> None:
    for index, completion in group.completions.items():
        expected = reference_logprobs(model, group, index)
        drawn = torch.tensor(completion.token_ids.tolist())
        expected = expected.gather(1, drawn[:, None])[:, 0]
        torch.testing.assert_close(torch.tensor(completion.logprobs.tolist()), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("temperature", [1.0, 0.7, 2.5, 0.0])
def test_logprobs_are_those_of_a_plain_forward_whatever_shares_the_batch(held: LoadedModel, temperature: float) -> None:
    groups = [make_group(prompt, temperature=temperature, seed=prompt) for prompt in (1, 2, 9, 30)]
    run(make_batch(held), *groups)
    for group in groups:
        assert group.complete
        assert_exact(held.model, group)


def test_greedy_tokens_are_the_argmax_of_a_plain_forward(held: LoadedModel) -> None:
    greedy, sampled = make_group(6, temperature=0.0), make_group(11)
    run(make_batch(held), greedy, sampled)
    for index in range(greedy.group_size):
        best = reference_logprobs(held.model, greedy, index).argmax(dim=-1)
        assert greedy.completions[index].token_ids.tolist() == best.tolist()


def test_a_prompt_is_computed_once_for_all_samples_of_its_group(held: LoadedModel) -> None:
    batch = make_batch(held)
    run(batch, make_group(prompt=10, k=8), make_group(prompt=4, k=2))
    assert batch.stats.prefills == 1
    assert batch.stats.prompt_tokens_computed == 14
    assert batch.stats.prompt_tokens_shared == 10 * 7 + 4 * 1


@torch.inference_mode()
def test_a_finished_row_leaves_the_batch_at_once(held: LoadedModel) -> None:
    batch = make_batch(held, stop_ids=[-1])
    short, long = make_group(k=3, max_tokens=2), make_group(prompt=7, k=2, max_tokens=5)
    batch.prefill([short, long], version=0)
    batch.decode()
    assert len(batch.rows) == 2
    assert batch.take_finished() == [short]
    while batch.rows:
        batch.decode()
    # One token of each comes from the prefill, so the short group is in one step and the long one in four.
    assert batch.stats.decode_steps == 4
    assert batch.stats.decoded_rows == 5 + 2 + 2 + 2
    assert_exact(held.model, long)


@torch.inference_mode()
def test_a_new_prompt_joins_while_others_decode(held: LoadedModel) -> None:
    batch = make_batch(held, stop_ids=[-1])
    first, second = make_group(prompt=3, k=2, max_tokens=8), make_group(prompt=20, k=3, max_tokens=40)
    batch.prefill([first], version=0)
    batch.decode()
    batch.prefill([second], version=0)
    batch.decode()
    assert len(batch.rows) == 5
    while batch.rows:
        batch.decode()
    assert_exact(held.model, first)
    assert_exact(held.model, second)


def test_the_end_of_sequence_token_ends_a_completion_and_is_part_of_it(held: LoadedModel) -> None:
    group = make_group(k=32, max_tokens=60, temperature=2.0)
    run(make_batch(held), group)
    reasons = {completion.finish_reason for completion in group.completions.values()}
    assert reasons == {"stop", "length"}
    for completion in group.completions.values():
        ids = completion.token_ids.tolist()
        assert (ids[-1] == 1) == (completion.finish_reason == "stop")
        assert 1 not in ids[:-1]
        assert len(ids) == 60 or completion.finish_reason == "stop"


def test_a_seed_gives_the_same_samples_whatever_shares_the_batch(held: LoadedModel) -> None:
    alone = make_group(prompt=6, seed=41)
    run(make_batch(held), alone)
    crowded = make_group(prompt=6, seed=41)
    run(make_batch(held), make_group(9, k=7, seed=1), crowded, make_group(2, k=3, max_tokens=3, seed=2))
    ids = [[group.completions[i].token_ids.tolist() for i in range(4)] for group in (alone, crowded)]
    assert ids[0] == ids[1]


def test_samples_of_a_group_and_groups_of_other_seeds_or_prompts_differ(held: LoadedModel) -> None:
    groups = [make_group(6, seed=1), make_group(6, seed=2), make_group(6, seed=1 + 2**32), make_group(7, seed=1)]
    draws = {tuple(map(tuple, group.uniforms().T.tolist())) for group in groups}
    assert len(draws) == len(groups)
    run(make_batch(held), groups[0])
    assert len({tuple(completion.token_ids) for completion in groups[0].completions.values()}) == 4


def test_tokens_are_drawn_in_proportion_to_their_probabilities(held: LoadedModel) -> None:
    groups = [make_group(prompt=5, k=64, max_tokens=1, seed=seed) for seed in range(60)]
    batch = make_batch(held)
    for group in groups:
        run(batch, group)
    drawn = torch.tensor([c.token_ids[0] for group in groups for c in group.completions.values()])
    expected = reference_logprobs(held.model, groups[0], 0)[0].exp()
    observed = torch.bincount(drawn, minlength=len(expected)) / len(drawn)
    standard_error = (expected * (1 - expected) / len(drawn)).sqrt()
    assert ((observed - expected).abs() <= 5 * standard_error + 1e-4).all()


@torch.inference_mode()
def test_dropping_a_group_leaves_the_others_exact(held: LoadedModel) -> None:
    batch = make_batch(held, stop_ids=[-1])
    groups = [make_group(prompt, k=3) for prompt in (12, 4, 8)]
    batch.prefill(groups, version=0)
    batch.decode()
    batch.drop(groups[0])
    assert len(batch.rows) == 6
    while batch.rows:
        batch.decode()
    assert not groups[0].complete
    assert_exact(held.model, groups[1])
    assert_exact(held.model, groups[2])


@torch.inference_mode()
def test_the_buffers_never_outgrow_their_bound(held: LoadedModel) -> None:
    batch = make_batch(held, stop_ids=[-1], max_cells=480)
    wide, tall = make_group(prompt=4, k=24, max_tokens=16), make_group(prompt=40, k=2, max_tokens=200)
    for group in (wide, tall, make_group(prompt=4, k=24, max_tokens=16, seed=9)):
        run(batch, group)
        assert batch._kv.rows * batch._kv.length <= 480
        assert_exact(held.model, group)


@torch.inference_mode()
def test_a_swap_stamps_the_rows_that_run_and_draws_from_the_new_weights(policy_v0: Path, policy_v1: Path) -> None:
    held = read_version(str(policy_v0), None, "cpu", torch.float32)
    assert isinstance(held, LoadedModel)
    batch = make_batch(held, stop_ids=[-1])
    quick, slow = make_group(3, k=2, max_tokens=2), make_group(5, k=2, max_tokens=6)
    batch.prefill([quick, slow], version=3)
    batch.decode()
    new = read_version(str(policy_v1), held, "cpu", torch.float32)
    assert isinstance(new, NewWeights)
    new.copy_into(held.model)
    batch.update_spans(4)
    late = make_group(4, k=2, max_tokens=3)
    batch.prefill([late], version=4)
    while batch.rows:
        batch.decode()
    spans = [{c.span for c in group.completions.values()} for group in (quick, slow, late)]
    assert spans == [{PolicySpan(3, 3)}, {PolicySpan(3, 4)}, {PolicySpan(4, 4)}]
    fresh = read_version(str(policy_v1), None, "cpu", torch.float32)
    assert isinstance(fresh, LoadedModel)
    assert_exact(fresh.model, late)


@torch.inference_mode()
def test_a_group_without_finite_probabilities_fails_alone(held: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = make_batch(held, stop_ids=[-1])
    bad, good = make_group(9, k=3, max_tokens=8), make_group(4, k=3, max_tokens=20)
    batch.prefill([bad, good], version=0)
    # One row of the bad group turns to NaN inside the model, as a policy about to diverge does.
    batch._kv.layers[0].keys[1, :, 0] = math.nan
    batch.decode()
    assert batch.take_finished() == [bad]
    assert bad.diverged
    assert {group for group, _ in batch.rows} == {good}
    while batch.rows:
        batch.decode()
    assert_exact(held.model, good)
    later = make_group(3, k=6, max_tokens=20)
    run(batch, later)
    assert_exact(held.model, later)
