"""Proof, before a model is sampled from, that decoding it in rows gives the model's own probabilities.

Rows of different lengths in one batch, a shared prefill and a cache of our own rely on what most, but not all,
architectures do with masks and positions. A model that does otherwise would give plausible text with wrong
log-probabilities, so it is refused instead.
"""

from __future__ import annotations

from typing import Any

import torch

from rlvr.sampler.engine import PolicyLoadFailed
from rlvr.sampler.engines.transformers.batch import DecodeBatch, Group

_PROMPT_LENGTHS = (3, 7)
_STEPS = 4
_TOLERANCE = {torch.float32: 1e-3}
_ROUGH_TOLERANCE = 0.25
"""For half precision, where the order of sums alone moves a log-probability by some hundredths."""


@torch.inference_mode()
def prove_decoding(model: Any, folder: str) -> None:
    """Decode two prompts together and compare with a plain forward over each.

    Raises:
        PolicyLoadFailed: the log-probabilities differ.
    """
    vocabulary = model.config.vocab_size
    groups = [
        Group([(11 * i + 5) % vocabulary for i in range(length)], 2, _STEPS, 1.0, seed=length)
        for length in _PROMPT_LENGTHS
    ]
    batch = DecodeBatch(model, stop_ids=[-1], max_rows=4, max_cells=4 * (max(_PROMPT_LENGTHS) + _STEPS))
    batch.prefill(groups[:1], version=0)
    batch.decode()
    batch.prefill(groups[1:], version=0)
    while batch.rows:
        batch.decode()
    worst = max(_error(model, group) for group in groups)
    tolerance = _TOLERANCE.get(next(model.parameters()).dtype, _ROUGH_TOLERANCE)
    if not worst <= tolerance:
        raise PolicyLoadFailed(
            f"{folder}: decoding {type(model).__name__} in batches changes its log-probabilities by {worst:.2g} "
            f"(at most {tolerance} is allowed): this engine cannot run the architecture"
        )


def _error(model: Any, group: Group) -> float:
    """Largest |log-probability recorded - log-probability of a plain forward| over a group's tokens."""
    worst = 0.0
    device = next(model.parameters()).device
    for completion in group.completions.values():
        ids = torch.tensor([[*group.prompt_ids, *completion.token_ids]], device=device)
        logits = model(input_ids=ids, use_cache=False).logits[0, len(group.prompt_ids) - 1 : -1].float()
        expected = torch.log_softmax(logits, dim=-1).gather(1, ids[0, len(group.prompt_ids) :, None])[:, 0]
        worst = max(worst, float((expected - torch.tensor(list(completion.logprobs), device=device)).abs().max()))
    return worst
