"""From groups of scored traces to micro-batches of tensors, with the batch's normalisation beside them.

Layout of a micro-batch: prompt and completion of a trace are adjacent and rows are padded on the *left*, so
that every completion ends in the last column. One slice of T columns then holds all completions, whatever the
prompts' lengths, and padding is paid for once: L is the longest prompt + completion, not the longest prompt
plus the longest completion.

    column   0 . . . . . . . L-1          prompt p, completion c, padding .
    row 0    p p p p c c c c c c
    row 1    . . p p p p p c c c          T = 6: the last 6 columns
    row 2    . . . . p p p p c c
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rlvr.trainer.grpo import AdvantageScale, Normalisation, group_advantages


@dataclass(frozen=True, slots=True)
class Trace:
    """One sampled completion as the loss sees it.

    Raises:
        ValueError: the sampler's record does not fit the tokens, or holds something that is not a number.
    """

    prompt_ids: Sequence[int]
    completion_ids: Sequence[int]
    sampler_logprobs: Sequence[float]
    """One per completion token, natural log, under the distribution the token was drawn from."""
    reward: float | None
    """None when the verdict carries no reward: the trace fills its place in the group and teaches nothing."""

    def __post_init__(self) -> None:
        if len(self.prompt_ids) == 0:
            raise ValueError("prompt_ids is empty: a completion needs at least one token before it")
        if len(self.sampler_logprobs) != len(self.completion_ids):
            raise ValueError(
                f"sampler_logprobs has {len(self.sampler_logprobs)} values for {len(self.completion_ids)} "
                "completion_ids: record one log-probability per sampled token"
            )
        if not all(map(math.isfinite, self.sampler_logprobs)):
            raise ValueError("sampler_logprobs holds nan or inf: a sampled token has a finite log-probability")
        if self.reward is not None and not math.isfinite(self.reward):
            raise ValueError(f"reward is {self.reward}: give a finite number, or None to mask the trace")

    @property
    def length(self) -> int:
        """Tokens in prompt and completion."""
        return len(self.prompt_ids) + len(self.completion_ids)


Group = Sequence[Trace]
"""The traces of one problem."""


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """What one forward and backward pass takes: B rows, L columns, the last T of which hold the completions."""

    input_ids: Tensor
    """[B, L] int64."""
    attention_mask: Tensor
    """[B, L] int64, 0 on padding."""
    position_ids: Tensor
    """[B, L] int64, 0 at the first prompt token."""
    completion_mask: Tensor
    """[B, T] float32, 1 on completion tokens."""
    sampler_logprobs: Tensor
    """[B, T] float32, 0 where `completion_mask` is 0."""
    advantages: Tensor
    """[B] float32."""

    @property
    def completion_ids(self) -> Tensor:
        """[B, T]; prompt tokens or padding where `completion_mask` is 0."""
        return self.input_ids[:, -self.completion_mask.shape[1] :]

    def to(self, device: torch.device) -> MicroBatch:
        """The same on another device."""
        return MicroBatch(*(getattr(self, name).to(device) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Batch:
    """All that one optimiser update trains on."""

    micro_batches: list[MicroBatch]
    normalisation: Normalisation


def build_batch(
    groups: Sequence[Group],
    *,
    scale: AdvantageScale,
    max_completion_length: int,
    micro_batch_tokens: int,
    pad_token_id: int,
) -> Batch:
    """Compute advantages and cut the scored traces into micro-batches of similar length.

    Traces without a reward, and without a token, are left out of the micro-batches; the latter still count
    toward mean, std and the number of traces.

    Args:
        groups: whole groups; they may differ in size.
        max_completion_length: the sampling limit in tokens, what `dr_grpo` divides by.
        micro_batch_tokens: the most tokens in a micro-batch, padding included; a longer trace is alone in its own.

    Raises:
        ValueError: nothing to train on: no scored trace has a completion token.
    """
    scored = [
        (trace, advantage)
        for group, advantages in zip(groups, _advantages(groups, scale), strict=True)
        for trace, advantage in zip(group, advantages, strict=False)
        if trace.reward is not None
    ]
    rows = sorted((row for row in scored if len(row[0].completion_ids)), key=lambda row: row[0].length, reverse=True)
    if not rows:
        raise ValueError("no scored trace with a completion token: drop such groups before the batch is built")
    return Batch(
        micro_batches=[
            _collate(rows[start:stop], pad_token_id)
            for start, stop in _cuts([trace.length for trace, _ in rows], micro_batch_tokens)
        ],
        normalisation=Normalisation(
            num_traces=len(scored),
            num_tokens=sum(len(trace.completion_ids) for trace, _ in rows),
            max_completion_length=max_completion_length,
        ),
    )


def _advantages(groups: Sequence[Group], scale: AdvantageScale) -> list[list[float]]:
    """Advantages per group; a smaller group's list has a tail of zeros."""
    rewards = torch.full((len(groups), max(map(len, groups), default=0)), math.nan)
    for row, group in zip(rewards, groups, strict=True):
        for column, trace in enumerate(group):
            if trace.reward is not None:
                row[column] = trace.reward
    return group_advantages(rewards, scale=scale).tolist()


def _cuts(lengths: Sequence[int], budget: int) -> list[tuple[int, int]]:
    """Cut rows of non-increasing length into (start, stop) runs of at most `budget` tokens, padding included."""
    cuts = []
    start = 0
    for index in range(1, len(lengths) + 1):
        if index == len(lengths) or lengths[start] * (index + 1 - start) > budget:
            cuts.append((start, index))
            start = index
    return cuts


def _collate(rows: Sequence[tuple[Trace, float]], pad_token_id: int) -> MicroBatch:
    num_rows = len(rows)
    width = max(trace.length for trace, _ in rows)
    completion_width = max(len(trace.completion_ids) for trace, _ in rows)
    input_ids = torch.full((num_rows, width), pad_token_id)
    attention_mask = torch.zeros(num_rows, width, dtype=torch.long)
    completion_mask = torch.zeros(num_rows, completion_width)
    sampler_logprobs = torch.zeros(num_rows, completion_width)
    for index, (trace, _) in enumerate(rows):
        length = len(trace.completion_ids)
        input_ids[index, -trace.length :] = torch.tensor([*trace.prompt_ids, *trace.completion_ids])
        attention_mask[index, -trace.length :] = 1
        completion_mask[index, -length:] = 1
        sampler_logprobs[index, -length:] = torch.as_tensor(trace.sampler_logprobs, dtype=torch.float32)
    return MicroBatch(
        input_ids=input_ids,
        attention_mask=attention_mask,
        position_ids=(attention_mask.cumsum(dim=1) - 1).clamp(min=0),
        completion_mask=completion_mask,
        sampler_logprobs=sampler_logprobs,
        advantages=torch.tensor([advantage for _, advantage in rows]),
    )
