"""Proof, before a model is trained on prefix trees, that they give it the probabilities it gives to plain rows.

A tree relies on what most, but not all, architectures do with masks and positions. A model that does otherwise would
be trained on wrong log-probabilities without any sign of it, so it is trained on plain rows instead.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from rlvr.trainer.batch import Layout, build_batch
from rlvr.trainer.flops import ModelFlops
from rlvr.trainer.logprobs import completion_logprobs
from rlvr.trainer.traces import Trace

_TOLERANCE = {torch.float32: 1e-4}
_ROUGH_TOLERANCE = 0.25
"""For half precision, where the order of sums alone moves a log-probability by some hundredths."""
_FLAT_RATE = ModelFlops(body=1, head=0, trained_body=0, trained_head=0, pair=0)
"""Attention for nothing: as few trees as there can be."""


@torch.no_grad()
def why_not_shared(model: PreTrainedModel) -> str:
    """Why prefix trees are not exact for a model; empty when they are."""
    reason = _by_design(model)
    if reason:
        return reason
    try:
        error = _largest_difference(model)
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, NotImplementedError) as failure:
        return f"{type(model).__name__} cannot run them: {type(failure).__name__}: {failure}"
    tolerance = _TOLERANCE.get(model.dtype, _ROUGH_TOLERANCE)
    if not error <= tolerance:
        return f"they change the log-probabilities of {type(model).__name__} by {error:.2g} ({tolerance} is allowed)"
    return ""


def _by_design(model: PreTrainedModel) -> str:
    """What a short trial cannot show."""
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    if kinds:
        return f"the model has layers of kind {', '.join(sorted(kinds))}, which see less than all that came before"
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        return "the model's attention has a sliding window"
    head = model.get_output_embeddings()
    if type(head) is not nn.Linear or head.bias is not None:
        return "the model's output head is more than one matrix"
    return ""


def _largest_difference(model: PreTrainedModel) -> float:
    vocabulary = model.config.get_text_config().vocab_size

    def trace(*numbers: int) -> Trace:
        ids = [(11 * number + 5) % vocabulary for number in numbers]
        return Trace(ids[:4], ids[4:], [0.0] * (len(ids) - 4), 1.0)

    groups = [
        [trace(0, 1, 2, 3, 4, 5, 6), trace(0, 1, 2, 3, 4, 7), trace(0, 1, 2, 3, 8, 9, 10, 11), trace(0, 1, 2, 3, 12)],
        [trace(9, 8, 7, 6, 5), trace(9, 8, 7, 6, 4, 5, 6)],
    ]
    found = []
    for flops in (None, _FLAT_RATE):
        layout = Layout(micro_batch_tokens=1000, pad_token_id=0, flops=flops)
        batch = build_batch(groups, scale="none", max_completion_length=4, layout=layout)
        by_trace: dict[Any, Any] = {}
        for micro_batch in batch.micro_batches:
            micro_batch = micro_batch.to(model.device)
            logprobs = completion_logprobs(model, micro_batch, 1.0)
            for mask, ids, row in zip(micro_batch.completion_mask, micro_batch.completion_ids, logprobs, strict=True):
                by_trace[tuple(ids[mask.bool()].tolist())] = row[mask.bool()]
        found.append(by_trace)
    rows, trees = found
    return max(float((rows[key] - trees[key]).abs().max()) for key in rows)
