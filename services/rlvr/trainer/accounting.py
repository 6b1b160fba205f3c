"""What the groups of a step took to sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rlvr.trainer.flops import ModelFlops, Work, sampling_work
from rlvr.trainer.traces import Group


@dataclass(frozen=True, slots=True)
class SamplingCost:
    """Of engines that run a prompt through the model once per group."""

    prompt_tokens: int
    """Each prompt once."""
    sampled_tokens: int
    prefill_tokens_saved: int
    """What computing the prompt for every trace would add."""
    flops: int


def sampling_cost(groups: Sequence[Group], flops: ModelFlops) -> SamplingCost:
    """Count what was sampled for whole groups, traces without a reward included."""
    prompts = [len(group[0].prompt_ids) for group in groups]
    work = sum(
        (
            sampling_work(prompt, (len(trace.completion_ids) for trace in group))
            for prompt, group in zip(prompts, groups, strict=True)
        ),
        start=Work(),
    )
    return SamplingCost(
        prompt_tokens=sum(prompts),
        sampled_tokens=sum(len(trace.completion_ids) for group in groups for trace in group),
        prefill_tokens_saved=sum(prompt * (len(group) - 1) for prompt, group in zip(prompts, groups, strict=True)),
        flops=flops.forward(work),
    )
