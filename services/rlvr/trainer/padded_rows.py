"""Traces as rows of their own: the plain layout, and what the shared one is measured against.

Prompt and completion of a trace are adjacent and rows are padded on the *left*, so that every completion ends in the
last column. One slice of T columns then holds all completions, whatever the prompts' lengths, and padding is paid
for once: L is the longest prompt + completion, not the longest prompt plus the longest completion.

    column   0 . . . . . . . L-1          prompt p, completion c, padding .
    row 0    p p p p c c c c c c
    row 1    . . p p p p p c c c          T = 6: the last 6 columns
    row 2    . . . . p p p p c c
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rlvr.trainer.flops import Work, causal_pairs
from rlvr.trainer.traces import Trace


@dataclass(frozen=True, slots=True)
class PaddedRows:
    """B rows, L columns."""

    input_ids: Tensor
    """[B, L] int64."""
    attention_mask: Tensor
    """[B, L] int64, 0 on padding."""
    position_ids: Tensor
    """[B, L] int64, 0 at the first prompt token."""
    work: Work

    def to(self, device: torch.device) -> PaddedRows:
        """The same on another device."""
        return PaddedRows(
            self.input_ids.to(device), self.attention_mask.to(device), self.position_ids.to(device), self.work
        )


def pad_rows(traces: Sequence[Trace], pad_token_id: int) -> PaddedRows:
    """A row for each trace."""
    width = max(trace.length for trace in traces)
    input_ids = torch.full((len(traces), width), pad_token_id)
    attention_mask = torch.zeros(len(traces), width, dtype=torch.long)
    work = Work()
    for index, trace in enumerate(traces):
        input_ids[index, -trace.length :] = torch.tensor([*trace.prompt_ids, *trace.completion_ids])
        attention_mask[index, -trace.length :] = 1
        work += Work(trace.length, len(trace.completion_ids), causal_pairs(trace.length))
    return PaddedRows(input_ids, attention_mask, (attention_mask.cumsum(dim=1) - 1).clamp(min=0), work)
