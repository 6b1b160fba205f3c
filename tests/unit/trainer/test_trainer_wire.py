"""Messages to traces and back."""

import struct

import pytest

from rlvr.core.run_spec import parse
from rlvr.trainer.accounting import SamplingCost
from rlvr.trainer.step import StepMetrics
from rlvr.trainer.wire import GroupUnusable, Untrainable, step_record, to_recipe, to_traces
from rlvr.v1 import common_pb2, trace_pb2


@pytest.fixture
def group() -> trace_pb2.GroupEntry:
    entry = trace_pb2.GroupEntry(run_id="r", group_id="r-3")
    entry.members.add(trace_id="r-3/0", reward=1.0, span=common_pb2.PolicySpan(min=4, max=5))
    entry.members.add(trace_id="r-3/1", reward=0.0, span=common_pb2.PolicySpan(min=5, max=5))
    entry.members.add(trace_id="r-3/2", span=common_pb2.PolicySpan(min=5, max=5))
    return entry


@pytest.fixture
def sampled() -> trace_pb2.SampledGroup:
    message = trace_pb2.SampledGroup(group_id="r-3", temperature=0.5, prompt_ids=struct.pack("<2i", 7, 8))
    for index in (2, 0, 1):
        message.traces.add(
            trace_id=f"r-3/{index}",
            completion_ids=struct.pack("<2i", 10 + index, 1),
            logprobs=struct.pack("<2f", -0.5, -0.25),
        )
    return message


def test_rewards_meet_their_samples_by_trace_id(group: trace_pb2.GroupEntry, sampled: trace_pb2.SampledGroup) -> None:
    traces = to_traces(group, sampled, temperature=0.5)
    assert [trace.reward for trace in traces] == [1.0, 0.0, None]
    assert [list(trace.completion_ids) for trace in traces] == [[10, 1], [11, 1], [12, 1]]
    assert list(traces[0].prompt_ids) == [7, 8]
    assert list(traces[0].sampler_logprobs) == [-0.5, -0.25]


def test_a_zero_reward_is_not_a_missing_one(group: trace_pb2.GroupEntry, sampled: trace_pb2.SampledGroup) -> None:
    traces = to_traces(group, sampled, temperature=0.5)
    assert traces[1].reward == 0.0
    assert traces[2].reward is None


def test_log_probabilities_of_another_temperature_are_refused(
    group: trace_pb2.GroupEntry, sampled: trace_pb2.SampledGroup
) -> None:
    with pytest.raises(GroupUnusable, match=r"temperature 0\.5, the run has 1\.0"):
        to_traces(group, sampled, temperature=1.0)


def test_what_a_sampler_says_must_not_be_trained_on_is_refused_in_its_words(
    group: trace_pb2.GroupEntry, sampled: trace_pb2.SampledGroup
) -> None:
    sampled.untrainable = "engine openai: train with another"
    with pytest.raises(Untrainable, match="group r-3 must not be trained on: engine openai: train with another"):
        to_traces(group, sampled, temperature=0.5)


def test_what_does_not_fit_is_named(group: trace_pb2.GroupEntry, sampled: trace_pb2.SampledGroup) -> None:
    sampled.traces[1].logprobs = struct.pack("<f", -0.5)
    with pytest.raises(GroupUnusable, match="trace r-3/0: sampler_logprobs has 1 values for 2"):
        to_traces(group, sampled, temperature=0.5)
    sampled.traces[1].logprobs = b"123"
    with pytest.raises(GroupUnusable, match="trace r-3/0"):
        to_traces(group, sampled, temperature=0.5)
    del sampled.traces[1]
    with pytest.raises(GroupUnusable, match="trace r-3/0: not among the samples"):
        to_traces(group, sampled, temperature=0.5)


def test_prompt_ids_that_cannot_be_read_cost_the_group_and_not_the_run(
    group: trace_pb2.GroupEntry, sampled: trace_pb2.SampledGroup
) -> None:
    sampled.prompt_ids = b"12345"
    with pytest.raises(GroupUnusable, match="group r-3: prompt_ids"):
        to_traces(group, sampled, temperature=0.5)


def test_a_record_counts_traces_rewards_and_lags(group: trace_pb2.GroupEntry) -> None:
    figures = StepMetrics(
        loss=0.1,
        grad_norm=0.2,
        learning_rate=0.3,
        kl=0.4,
        clip_fraction=0.5,
        entropy=0.6,
        mean_logprob_gap=0.7,
        max_logprob_gap=0.8,
        sampler_kl=0.01,
        truncated_fraction=0.02,
        num_traces=2,
        num_tokens=9,
        tokens_computed=20,
        tokens_shared=30,
        flops=1000,
    )
    for member in group.members:
        member.verify_seconds = 0.25
    cost = SamplingCost(prompt_tokens=4, sampled_tokens=12, prefill_tokens_saved=8, flops=500)
    record = step_record(5, [group], figures, cost, sample_seconds=0.5, train_seconds=1.0, wait_seconds=2.0)
    assert (record.logprob_diff_k3, record.truncated_fraction) == (0.01, 0.02)
    assert (record.prompt_tokens, record.sampled_tokens, record.prefill_tokens_saved) == (4, 12, 8)
    assert (record.train_tokens, record.train_tokens_saved) == (20, 30)
    assert (record.sample_flops, record.train_flops) == (500.0, 1000.0)
    assert (record.sample_seconds, record.verify_seconds, record.train_seconds) == (0.5, 0.75, 1.0)
    assert (record.step, record.version, list(record.group_ids)) == (5, 6, ["r-3"])
    assert (record.traces, record.traces_scored, record.mean_reward) == (3, 2, 0.5)
    assert dict(record.lags) == {1: 1, 0: 2}
    assert (record.logprob_diff_mean, record.logprob_diff_max, record.completion_tokens) == (0.7, 0.8, 9)


def test_a_recipe_carries_every_setting_of_the_run() -> None:
    spec = parse(
        {
            "name": "r",
            "policy_path": "/p",
            "problems": {"kind": "jsonl", "path": "x"},
            "sampling": {"temperature": 0.7, "max_tokens": 33},
            "training": {
                "steps": 10,
                "loss": "dr_grpo",
                "learning_rate": 1e-4,
                "warmup_steps": 3,
                "weight_decay": 0.1,
                "max_grad_norm": 0.5,
                "clip_low": 0.1,
                "clip_high": 0.3,
                "kl_coefficient": 0.05,
                "kl_target": "reference",
                "importance_cap": 0,
                "inner_epochs": 2,
                "micro_batch_tokens": 99,
                "shared_prefixes": False,
            },
        }
    )
    recipe = to_recipe(spec)
    assert (recipe.learning_rate, recipe.warmup_updates, recipe.weight_decay, recipe.max_grad_norm) == (
        1e-4,
        6,
        0.1,
        0.5,
    )
    assert (recipe.temperature, recipe.max_completion_length, recipe.micro_batch_tokens) == (0.7, 33, 99)
    assert recipe.shared_prefixes is False
    assert (recipe.advantage_scale, recipe.num_inner_epochs, recipe.kl_target) == ("none", 2, "reference")
    loss = recipe.loss
    assert (loss.loss_type, loss.clip_low, loss.clip_high, loss.kl_coef) == ("dr_grpo", 0.1, 0.3, 0.05)
    assert loss.correction == "none"
