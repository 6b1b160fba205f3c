"""Between messages and the trainer's own types."""

from __future__ import annotations

import struct
import time
from collections import Counter
from collections.abc import Sequence

from rlvr.core.policy import PolicySpan, lag
from rlvr.core.run_spec import RunSpec
from rlvr.trainer.accounting import SamplingCost
from rlvr.trainer.grpo import LossConfig
from rlvr.trainer.step import Recipe, StepMetrics
from rlvr.trainer.traces import Trace
from rlvr.v1 import coordinator_pb2, trace_pb2


class GroupUnusable(Exception):
    """What was kept of a group does not fit together; it is dropped, for a reason that names the field."""


class Untrainable(Exception):
    """A sampler says of a group that it must not be trained on; so it will say of the run's other groups."""


def to_recipe(spec: RunSpec) -> Recipe:
    """A run's settings as the learner takes them."""
    training = spec.training
    return Recipe(
        learning_rate=training.learning_rate,
        warmup_updates=training.warmup_steps * training.inner_epochs,
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        temperature=spec.sampling.temperature,
        max_completion_length=spec.sampling.max_tokens,
        # Dr. GRPO's other half: its advantages are not divided by the standard deviation.
        advantage_scale="none" if training.loss == "dr_grpo" else "std",
        loss=LossConfig(
            loss_type=training.loss,
            clip_low=training.clip_low,
            clip_high=training.clip_high,
            kl_coef=training.kl_coefficient,
            correction="token" if training.importance_cap > 0 else "none",
            correction_cap=training.importance_cap,
        ),
        kl_target=training.kl_target,
        num_inner_epochs=training.inner_epochs,
        micro_batch_tokens=training.micro_batch_tokens,
        shared_prefixes=training.shared_prefixes,
    )


def spans(group: trace_pb2.GroupEntry) -> list[PolicySpan]:
    """The policy spans of a group's traces."""
    return [PolicySpan(member.span.min, member.span.max) for member in group.members]


def to_traces(group: trace_pb2.GroupEntry, sampled: trace_pb2.SampledGroup, *, temperature: float) -> list[Trace]:
    """Join verdicts with what was sampled.

    Raises:
        GroupUnusable: a trace lacks its sample, token ids or log-probabilities cannot be read or do not fit together,
            or they were taken at another temperature than the run's.
        Untrainable: it was not drawn from a version of the policy.
    """
    if sampled.untrainable:
        raise Untrainable(f"group {group.group_id} must not be trained on: {sampled.untrainable}")
    if sampled.temperature != temperature:
        raise GroupUnusable(
            f"group {group.group_id}: log-probabilities at temperature {sampled.temperature}, the run has {temperature}"
        )
    by_id = {trace.trace_id: trace for trace in sampled.traces}
    try:
        prompt_ids = _integers(sampled.prompt_ids)
    except struct.error as failure:
        raise GroupUnusable(f"group {group.group_id}: prompt_ids: {failure}") from None
    traces = []
    for member in group.members:
        if member.trace_id not in by_id:
            raise GroupUnusable(f"trace {member.trace_id}: not among the samples of group {group.group_id}")
        sample = by_id[member.trace_id]
        try:
            traces.append(
                Trace(
                    prompt_ids=prompt_ids,
                    completion_ids=_integers(sample.completion_ids),
                    sampler_logprobs=_floats(sample.logprobs),
                    reward=member.reward if member.HasField("reward") else None,
                )
            )
        except (ValueError, struct.error) as failure:
            raise GroupUnusable(f"trace {member.trace_id}: {failure}") from None
    return traces


def step_record(
    step: int,
    groups: Sequence[trace_pb2.GroupEntry],
    metrics: StepMetrics,
    sampling: SamplingCost,
    *,
    sample_seconds: float,
    train_seconds: float,
    wait_seconds: float,
) -> coordinator_pb2.StepRecord:
    """The record of a step that moved the policy from version `step` to `step + 1`."""
    members = [member for group in groups for member in group.members]
    rewards = [member.reward for member in members if member.HasField("reward")]
    return coordinator_pb2.StepRecord(
        step=step,
        version=step + 1,
        group_ids=[group.group_id for group in groups],
        traces=len(members),
        traces_scored=len(rewards),
        mean_reward=sum(rewards) / len(rewards),
        lags=Counter(lag(step, span) for group in groups for span in spans(group)),
        loss=metrics.loss,
        grad_norm=metrics.grad_norm,
        kl=metrics.kl,
        clip_fraction=metrics.clip_fraction,
        learning_rate=metrics.learning_rate,
        logprob_diff_mean=metrics.mean_logprob_gap,
        logprob_diff_max=metrics.max_logprob_gap,
        completion_tokens=metrics.num_tokens,
        train_seconds=train_seconds,
        wait_seconds=wait_seconds,
        completed_at=time.time(),
        logprob_diff_k3=metrics.sampler_kl,
        truncated_fraction=metrics.truncated_fraction,
        prompt_tokens=sampling.prompt_tokens,
        sampled_tokens=sampling.sampled_tokens,
        prefill_tokens_saved=sampling.prefill_tokens_saved,
        sample_seconds=sample_seconds,
        verify_seconds=sum(member.verify_seconds for member in members),
        train_tokens=metrics.tokens_computed,
        train_tokens_saved=metrics.tokens_shared,
        sample_flops=sampling.flops,
        train_flops=metrics.flops,
    )


def _integers(packed: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(packed) // 4}i", packed)


def _floats(packed: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(packed) // 4}f", packed)
