"""Policies small enough to train on a laptop: shapes, and how each is warm-started."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """A Llama with the tokenizer of `rlvr.trainer.tokenizer`, warm-started on sums of one-digit terms."""

    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_terms: int
    """Terms of a sum."""
    num_steps: int
    """Warm-start: optimiser updates."""
    batch_size: int
    """Warm-start: worked examples per update."""
    learning_rate: float
    """Warm-start: the peak; a linear rise over a tenth of the steps, then a linear fall to 0."""
    slip_rate: float
    """Warm-start: share of results in the worked examples that are wrong.

    A policy that was warm-started for a shorter time on flawless examples would be wrong with confidence, and
    sampling would seldom show it anything better. After flawed examples it is unsure instead: the right result
    is its likeliest and far from its only one, which is what verified rewards can sharpen.
    """


PRESETS = {
    "tiny": Preset(
        hidden_size=160,
        intermediate_size=400,
        num_layers=1,
        num_heads=4,
        num_terms=3,
        num_steps=500,
        batch_size=128,
        learning_rate=3e-3,
        slip_rate=0.35,
    ),
}
