"""What a step trains on, before it is tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


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
class Example:
    """A scored trace and how much better it is than its group."""

    trace: Trace
    advantage: float
