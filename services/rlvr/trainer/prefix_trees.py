"""Traces that begin alike as one sequence, in which what they share is computed once.

A group's traces share their prompt, and often the first tokens of their completions. As a tree in pre-order, each
token sees its ancestors and itself, and its position is its depth, so that a model which heeds both gives every token
the same logits as in a trace of its own, and gradients add up where paths meet. The last token of a trace
predicts nothing and is left out.

    traces   p q a b c,  p q a d,  p q e f        place     0  1  2  3  4
    tree     p - q - a - b                        token     p  q  a  b  e
                  \\- e                           position  0  1  2  3  2
                                                  end       5  5  4  4  5   first place past its descendants

Token j sees token i when i <= j < end[i].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from rlvr.trainer.flops import ModelFlops, Work
from rlvr.trainer.traces import Example


@dataclass(frozen=True, slots=True)
class Tree:
    """Some traces of one group as a tree of n tokens."""

    examples: list[Example]
    token_ids: list[int]
    """[n]."""
    position_ids: list[int]
    """[n]."""
    ends: list[int]
    """[n]."""
    predictors: list[list[int]]
    """For each trace the places that predict its completion tokens."""

    @property
    def work(self) -> Work:
        predicting = {place for places in self.predictors for place in places}
        # A token at depth d sees d ancestors and itself.
        return Work(len(self.token_ids), len(predicting), sum(self.position_ids) + len(self.token_ids))


@dataclass(frozen=True, slots=True)
class PrefixTrees:
    """R trees of at most N tokens that hold B traces with completions of at most T tokens."""

    input_ids: Tensor
    """[R, N] int64."""
    position_ids: Tensor
    """[R, N] int64."""
    ends: Tensor
    """[R, N] int64."""
    predictors: Tensor
    """[H] int64, ascending: the places, in all R·N, whose next token is asked for."""
    predicted_by: Tensor
    """[B, T] int64: which of the H predicts each completion token; 0 where there is none."""
    work: Work

    def attention_mask(self, dtype: torch.dtype) -> Tensor:
        """[R, 1, N, N], to be added to attention's logits: 0 where a token sees another, else the lowest number."""
        place = torch.arange(self.ends.shape[1], device=self.ends.device)
        seen = (place <= place[:, None]) & (place[:, None] < self.ends[:, None, :])
        mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
        return mask.masked_fill_(~seen, torch.finfo(dtype).min).unsqueeze(1)

    def to(self, device: torch.device) -> PrefixTrees:
        """The same on another device."""
        names = ("input_ids", "position_ids", "ends", "predictors", "predicted_by")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


def plant(examples: Sequence[Example], flops: ModelFlops, max_tokens: int) -> list[Tree]:
    """Trees for the traces of one group: one, or several when that is less arithmetic.

    Attention is computed over the square of a tree's length, so traces that are long beside what they share are
    cheaper in several trees. A tree of more than one trace has at most `max_tokens` tokens.
    """
    ordered = sorted(examples, key=_sequence)
    sequences = [_sequence(example) for example in ordered]
    shared = [0, *(_common_prefix(a, b) for a, b in pairwise(sequences))]
    own = [len(sequence) - common for sequence, common in zip(sequences, shared, strict=True)]

    def sizes(num_traces: int) -> list[int]:
        starts = range(0, len(ordered), num_traces)
        return [shared[start] + sum(own[start : start + num_traces]) for start in starts]

    def cost(num_traces: int) -> tuple[bool, int]:
        lengths = sizes(num_traces)
        squares = sum(length * length for length in lengths)
        too_long = num_traces > 1 and max(lengths) > max_tokens
        return too_long, flops.forward(Work(sum(lengths), 0, squares))

    candidates = [len(ordered), *(2**power for power in range(len(ordered).bit_length()))]
    best = min(candidates, key=cost)
    return [_grow(ordered[start : start + best]) for start in range(0, len(ordered), best)]


def pack(trees: Sequence[Tree]) -> PrefixTrees:
    """A row for each tree, padded on the right. Traces follow each other in the order of the trees."""
    width = max(len(tree.token_ids) for tree in trees)
    input_ids = torch.zeros(len(trees), width, dtype=torch.long)
    position_ids = torch.zeros(len(trees), width, dtype=torch.long)
    # Padding sees itself alone: a softmax needs something to see.
    ends = torch.arange(1, width + 1).repeat(len(trees), 1)
    places: list[list[int]] = []
    for index, tree in enumerate(trees):
        length = len(tree.token_ids)
        input_ids[index, :length] = torch.tensor(tree.token_ids)
        position_ids[index, :length] = torch.tensor(tree.position_ids)
        ends[index, :length] = torch.tensor(tree.ends)
        places += [[index * width + place for place in row] for row in tree.predictors]
    completions = torch.zeros(len(places), max(map(len, places)), dtype=torch.long)
    predictors = torch.tensor(sorted({place for row in places for place in row}))
    for row, mine in zip(completions, places, strict=True):
        row[: len(mine)] = torch.searchsorted(predictors, torch.tensor(mine))
    work = sum((tree.work for tree in trees), start=Work())
    return PrefixTrees(input_ids, position_ids, ends, predictors, completions, work)


def _sequence(example: Example) -> list[int]:
    """The tokens that are run through the model."""
    return [*example.trace.prompt_ids, *example.trace.completion_ids[:-1]]


def _grow(examples: list[Example]) -> Tree:
    """The tree of traces in lexical order, in which those that begin alike are adjacent."""
    tree = Tree(examples, [], [], [], [])
    path: list[int] = []
    """Places from the root to the newest token."""
    before: list[int] = []
    for example in examples:
        sequence = _sequence(example)
        common = _common_prefix(before, sequence)
        for place in path[common:]:
            tree.ends[place] = len(tree.token_ids)
        del path[common:]
        for token in sequence[common:]:
            tree.position_ids.append(len(path))
            path.append(len(tree.token_ids))
            tree.token_ids.append(token)
            tree.ends.append(0)
        tree.predictors.append(path[len(example.trace.prompt_ids) - 1 :])
        before = sequence
    for place in path:
        tree.ends[place] = len(tree.token_ids)
    return tree


def _common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    length = min(len(a), len(b))
    return next((index for index in range(length) if a[index] != b[index]), length)
