"""From groups of scored traces to micro-batches of tensors, with the batch's normalisation beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rlvr.trainer.flops import ModelFlops, Work
from rlvr.trainer.grpo import AdvantageScale, Normalisation, group_advantages
from rlvr.trainer.padded_rows import PaddedRows, pad_rows
from rlvr.trainer.prefix_trees import PrefixTrees, pack, plant
from rlvr.trainer.traces import Example, Group


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """What one forward and backward pass takes: B traces with completions of at most T tokens."""

    inputs: PaddedRows | PrefixTrees
    completion_ids: Tensor
    """[B, T] int64, anything where `completion_mask` is 0."""
    completion_mask: Tensor
    """[B, T] float32, 1 on completion tokens."""
    sampler_logprobs: Tensor
    """[B, T] float32, 0 where `completion_mask` is 0."""
    advantages: Tensor
    """[B] float32."""

    @property
    def teaches(self) -> bool:
        """Whether any advantage is not 0: the policy loss has no gradient where all are."""
        return bool(self.advantages.any())

    def to(self, device: torch.device) -> MicroBatch:
        """The same on another device."""
        return MicroBatch(*(getattr(self, name).to(device) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Batch:
    """All that one optimiser update trains on."""

    micro_batches: list[MicroBatch]
    normalisation: Normalisation
    work: Work
    """What is run through the model."""
    idle_work: Work
    """The part of it in micro-batches that teach nothing."""
    num_trace_tokens: int
    """Tokens of all traces, prompts included: what would be run through it if nothing were shared."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How traces are laid out in micro-batches."""

    micro_batch_tokens: int
    """The most tokens in a micro-batch, padding included; a longer trace is alone in its own."""
    pad_token_id: int
    flops: ModelFlops | None
    """What the model costs, to weigh by it what is worth sharing; None gives each trace a row of its own."""


def build_batch(groups: Sequence[Group], *, scale: AdvantageScale, max_completion_length: int, layout: Layout) -> Batch:
    """Compute advantages and cut the scored traces into micro-batches of similar length. Groups that teach nothing,
    since all their traces earned the same, have micro-batches of their own.

    Traces without a reward, and without a token, are left out of the micro-batches; the latter still count
    toward mean, std and the number of traces.

    Args:
        groups: whole groups; they may differ in size.
        max_completion_length: the sampling limit in tokens, what `dr_grpo` divides by.

    Raises:
        ValueError: nothing to train on: no scored trace has a completion token.
    """
    scored = [
        [
            Example(trace, advantage)
            for trace, advantage in zip(group, advantages, strict=False)
            if trace.reward is not None
        ]
        for group, advantages in zip(groups, _advantages(groups, scale), strict=True)
    ]
    trained = [[example for example in group if len(example.trace.completion_ids)] for group in scored]
    examples = [example for group in trained for example in group]
    if not examples:
        raise ValueError("no scored trace with a completion token: drop such groups before the batch is built")
    teaching = [group for group in trained if any(example.advantage for example in group)]
    idle = [group for group in trained if not any(example.advantage for example in group)]
    micro_batches = [*_micro_batches(teaching, layout), *_micro_batches(idle, layout)]
    return Batch(
        micro_batches=micro_batches,
        normalisation=Normalisation(
            num_traces=sum(map(len, scored)),
            num_tokens=sum(len(example.trace.completion_ids) for example in examples),
            max_completion_length=max_completion_length,
        ),
        work=_work(micro_batches),
        idle_work=_work([micro_batch for micro_batch in micro_batches if not micro_batch.teaches]),
        num_trace_tokens=sum(example.trace.length for example in examples),
    )


def _advantages(groups: Sequence[Group], scale: AdvantageScale) -> list[list[float]]:
    """Advantages per group; a smaller group's list has a tail of zeros."""
    rewards = torch.full((len(groups), max(map(len, groups), default=0)), math.nan)
    for row, group in zip(rewards, groups, strict=True):
        for column, trace in enumerate(group):
            if trace.reward is not None:
                row[column] = trace.reward
    return group_advantages(rewards, scale=scale).tolist()


def _work(micro_batches: Sequence[MicroBatch]) -> Work:
    return sum((micro_batch.inputs.work for micro_batch in micro_batches), start=Work())


def _micro_batches(groups: list[list[Example]], layout: Layout) -> list[MicroBatch]:
    if layout.flops is None:
        return _rows([example for group in groups for example in group], layout)
    return _trees(groups, layout, layout.flops)


def _rows(examples: list[Example], layout: Layout) -> list[MicroBatch]:
    ordered = sorted(examples, key=lambda example: example.trace.length, reverse=True)
    cuts = _cuts([example.trace.length for example in ordered], layout.micro_batch_tokens)
    return [
        _micro_batch(
            pad_rows([example.trace for example in ordered[start:stop]], layout.pad_token_id),
            ordered[start:stop],
            right_aligned=True,
        )
        for start, stop in cuts
    ]


def _trees(groups: list[list[Example]], layout: Layout, flops: ModelFlops) -> list[MicroBatch]:
    trees = [tree for group in groups if group for tree in plant(group, flops, layout.micro_batch_tokens)]
    trees.sort(key=lambda tree: len(tree.token_ids), reverse=True)
    cuts = _cuts([len(tree.token_ids) for tree in trees], layout.micro_batch_tokens)
    return [
        _micro_batch(pack(trees[start:stop]), [example for tree in trees[start:stop] for example in tree.examples])
        for start, stop in cuts
    ]


def _cuts(lengths: Sequence[int], budget: int) -> list[tuple[int, int]]:
    """Cut rows of non-increasing length into (start, stop) runs of at most `budget` tokens, padding included."""
    cuts: list[tuple[int, int]] = []
    start = 0
    for index in range(1, len(lengths) + 1):
        if index == len(lengths) or lengths[start] * (index + 1 - start) > budget:
            cuts.append((start, index))
            start = index
    return cuts


def _micro_batch(
    inputs: PaddedRows | PrefixTrees, examples: Sequence[Example], *, right_aligned: bool = False
) -> MicroBatch:
    shape = (len(examples), max(len(example.trace.completion_ids) for example in examples))
    completion_ids = torch.zeros(shape, dtype=torch.long)
    completion_mask = torch.zeros(shape)
    sampler_logprobs = torch.zeros(shape)
    for index, trace in enumerate(example.trace for example in examples):
        length = len(trace.completion_ids)
        place = slice(shape[1] - length, None) if right_aligned else slice(length)
        completion_ids[index, place] = torch.tensor(trace.completion_ids)
        completion_mask[index, place] = 1
        sampler_logprobs[index, place] = torch.as_tensor(trace.sampler_logprobs, dtype=torch.float32)
    return MicroBatch(
        inputs=inputs,
        completion_ids=completion_ids,
        completion_mask=completion_mask,
        sampler_logprobs=sampler_logprobs,
        advantages=torch.tensor([example.advantage for example in examples]),
    )
