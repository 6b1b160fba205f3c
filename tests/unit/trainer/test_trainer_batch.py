"""Traces to tensors: layout, padding, what is left out."""

import random

import pytest
import torch

from rlvr.trainer.batch import Batch, Layout, build_batch
from rlvr.trainer.traces import Trace

PAD = 0


def trace(prompt: int, completion: int, reward: float | None = 1.0, *, token: int = 5) -> Trace:
    return Trace([token] * prompt, [token + 1] * completion, [-0.5] * completion, reward)


def batch(groups: list[list[Trace]], budget: int = 10_000) -> Batch:
    return build_batch(groups, scale="none", max_completion_length=16, layout=Layout(budget, PAD, flops=None))


def test_completions_end_in_the_last_column_whatever_the_prompt() -> None:
    (micro,) = batch([[trace(2, 3, 1.0), trace(4, 1, 0.0)]]).micro_batches
    assert micro.inputs.input_ids.tolist() == [[5, 5, 6, 6, 6], [5, 5, 5, 5, 6]]
    assert micro.completion_mask.tolist() == [[1, 1, 1], [0, 0, 1]]
    assert micro.sampler_logprobs.tolist() == [[-0.5, -0.5, -0.5], [0, 0, -0.5]]
    assert micro.advantages.tolist() == [0.5, -0.5]


def test_padding_is_on_the_left_and_positions_start_at_the_prompt() -> None:
    (micro,) = batch([[trace(1, 3, 1.0), trace(1, 1, 0.0)]]).micro_batches
    assert micro.inputs.input_ids.tolist() == [[5, 6, 6, 6], [0, 0, 5, 6]]
    assert micro.inputs.attention_mask.tolist() == [[1, 1, 1, 1], [0, 0, 1, 1]]
    assert micro.inputs.position_ids.tolist() == [[0, 1, 2, 3], [0, 0, 0, 1]]


def test_masked_traces_cost_nothing_and_count_for_nothing() -> None:
    built = batch([[trace(2, 2, 1.0), trace(2, 8, None), trace(2, 3, 0.0)]])
    assert [micro.inputs.input_ids.shape for micro in built.micro_batches] == [(2, 5)]
    assert (built.normalisation.num_traces, built.normalisation.num_tokens) == (2, 5)
    assert built.micro_batches[0].advantages.tolist() == [-0.5, 0.5]


def test_an_empty_completion_counts_in_the_mean_but_has_no_row() -> None:
    built = batch([[trace(2, 0, 0.0), trace(2, 2, 1.0)]])
    assert built.micro_batches[0].advantages.tolist() == [0.5]
    assert (built.normalisation.num_traces, built.normalisation.num_tokens) == (2, 2)


def test_groups_may_differ_in_size() -> None:
    built = batch([[trace(2, 2, 1.0), trace(2, 2, 0.0)], [trace(2, 1, r) for r in (1.0, 0.0, 0.0, 0.0)]])
    assert built.micro_batches[0].advantages.tolist() == [0.5, -0.5, 0.75, -0.25, -0.25, -0.25]


def test_micro_batches_keep_the_budget_and_hold_every_trace_once() -> None:
    rng = random.Random(0)
    groups = [[trace(rng.randint(1, 40), rng.randint(1, 60), rng.random()) for _ in range(8)] for _ in range(20)]
    budget = 512
    built = batch(groups, budget)
    assert all(micro.inputs.input_ids.numel() <= budget for micro in built.micro_batches)
    assert sum(len(micro.advantages) for micro in built.micro_batches) == 160
    real = sum(int(micro.inputs.attention_mask.sum()) for micro in built.micro_batches)
    padded = sum(micro.inputs.input_ids.numel() for micro in built.micro_batches)
    assert real == sum(t.length for group in groups for t in group)
    assert padded < 1.1 * real


def test_a_trace_over_the_budget_is_alone() -> None:
    built = batch([[trace(10, 90, 1.0), trace(2, 2, 0.0), trace(2, 2, 0.0)]], budget=50)
    assert [tuple(micro.inputs.input_ids.shape) for micro in built.micro_batches] == [(1, 100), (2, 4)]


def test_a_batch_that_teaches_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no scored trace"):
        batch([[trace(2, 2, None), trace(2, 0, 1.0)]])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt_ids": []}, "prompt_ids"),
        ({"sampler_logprobs": [-0.1]}, "sampler_logprobs has 1 values for 2"),
        ({"sampler_logprobs": [-0.1, float("nan")]}, "nan or inf"),
        ({"sampler_logprobs": [-0.1, float("-inf")]}, "nan or inf"),
        ({"reward": float("nan")}, "reward is nan"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_by_name(fields: dict[str, object], message: str) -> None:
    good: dict[str, object] = {
        "prompt_ids": [1],
        "completion_ids": [2, 3],
        "sampler_logprobs": [-0.1, -0.2],
        "reward": 1.0,
    }
    with pytest.raises(ValueError, match=message):
        Trace(**(good | fields))  # type: ignore[arg-type]


def test_dtypes_are_what_the_model_and_the_loss_take() -> None:
    (micro,) = batch([[trace(2, 3, 1.0), trace(4, 1, 0.0)]]).micro_batches
    assert {micro.inputs.input_ids.dtype, micro.inputs.attention_mask.dtype, micro.inputs.position_ids.dtype} == {
        torch.int64
    }
    assert {micro.completion_mask.dtype, micro.sampler_logprobs.dtype, micro.advantages.dtype} == {torch.float32}
