"""Log-probabilities of completion tokens, from either layout of a micro-batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from rlvr.trainer.batch import MicroBatch
from rlvr.trainer.padded_rows import PaddedRows
from rlvr.trainer.prefix_trees import PrefixTrees

_CHUNK_LOGITS = 1 << 24
"""Logits in memory at once where the vocabulary is met in chunks: 64 MB of float32."""


def completion_logprobs(model: PreTrainedModel, micro_batch: MicroBatch, temperature: float) -> Tensor:
    """ℓθ of the completion tokens, [B, T] float32, 0 where the mask is 0.

    Logits are computed for the positions that predict completion tokens and no others.
    """
    inputs, ids = micro_batch.inputs, micro_batch.completion_ids
    if isinstance(inputs, PaddedRows):
        logprobs = _of_rows(model, inputs, ids, temperature)
    else:
        logprobs = _of_trees(model, inputs, ids, temperature)
    return torch.where(micro_batch.completion_mask.bool(), logprobs, 0.0)


def _of_rows(model: PreTrainedModel, rows: PaddedRows, ids: Tensor, temperature: float) -> Tensor:
    logits = model(
        input_ids=rows.input_ids,
        attention_mask=rows.attention_mask,
        position_ids=rows.position_ids,
        logits_to_keep=ids.shape[1] + 1,
        use_cache=False,
    ).logits[:, :-1]
    logits = logits.float() / temperature
    return logits.gather(2, ids.unsqueeze(2)).squeeze(2) - logits.logsumexp(dim=2)


def _of_trees(model: PreTrainedModel, trees: PrefixTrees, ids: Tensor, temperature: float) -> Tensor:
    hidden = (
        model.get_decoder()(
            input_ids=trees.input_ids,
            attention_mask=trees.attention_mask(model.dtype),
            position_ids=trees.position_ids,
            use_cache=False,
        )
        .last_hidden_state.flatten(0, 1)
        .index_select(0, trees.predictors)
    )
    flat, order = trees.predicted_by.flatten().sort(stable=True)
    head = model.get_output_embeddings().weight
    logprobs = _NextTokens.apply(hidden, head, flat, ids.flatten()[order], temperature)
    return torch.zeros_like(logprobs).scatter(0, order, logprobs).view_as(ids)


class _NextTokens(torch.autograd.Function):
    """log softmax(hidden · headᵀ / temperature) of chosen tokens, without all logits in memory at once.

    Logits are made chunk by chunk of H and made again in the backward pass. That is a quarter more arithmetic in the
    head, and no more time on a CPU, where passes over R·V numbers cost as much.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, predictor: Tensor, token: Tensor, temperature: float) -> Tensor:
        """
        Args:
            hidden: [H, D]; head: [V, D].
            predictor: [E] int64, rows of `hidden`, not falling; token: [E] int64.

        Returns:
            [E] float32.
        """
        normaliser = torch.empty(hidden.shape[0], dtype=torch.float32, device=hidden.device)
        chosen = torch.empty(predictor.shape[0], dtype=torch.float32, device=hidden.device)
        for rows, edges in _chunks(hidden.shape[0], head.shape[0], predictor):
            logits = _logits(hidden[rows], head, temperature)
            normaliser[rows] = logits.logsumexp(dim=1)
            chosen[edges] = logits[predictor[edges] - rows.start, token[edges]]
        ctx.save_for_backward(hidden, head, predictor, token, normaliser)
        ctx.temperature = temperature
        return chosen - normaliser[predictor]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None, None, None]:
        hidden, head, predictor, token, normaliser = ctx.saved_tensors
        of_hidden = torch.empty_like(hidden)
        of_head = torch.zeros_like(head) if ctx.needs_input_grad[1] else None
        total = torch.zeros_like(normaliser).index_add_(0, predictor, gradient)
        for rows, edges in _chunks(hidden.shape[0], head.shape[0], predictor):
            # d ℓ(token) / d logit(v) = [v = token] - p(v), summed over the tokens that a row predicts.
            logits = _logits(hidden[rows], head, ctx.temperature)
            of_logits = logits.sub_(normaliser[rows, None]).exp_().mul_(-total[rows, None])
            where = (predictor[edges] - rows.start, token[edges])
            of_logits.index_put_(where, gradient[edges], accumulate=True)
            of_logits = of_logits.div_(ctx.temperature).to(head.dtype)
            of_hidden[rows] = of_logits @ head
            if of_head is not None:
                of_head.addmm_(of_logits.T, hidden[rows])
        return of_hidden, of_head, None, None, None


def _logits(hidden: Tensor, head: Tensor, temperature: float) -> Tensor:
    logits = (hidden @ head.T).float()
    return logits if temperature == 1.0 else logits.div_(temperature)


def _chunks(num_rows: int, vocabulary: int, predictor: Tensor) -> list[tuple[slice, slice]]:
    """Runs of rows, each with the run of tokens that they predict."""
    size = max(1, _CHUNK_LOGITS // vocabulary)
    bounds = torch.arange(0, num_rows + size, size, device=predictor.device).clamp(max=num_rows)
    starts = torch.searchsorted(predictor, bounds).tolist()
    rows = bounds.tolist()
    return [
        (slice(rows[i], rows[i + 1]), slice(starts[i], starts[i + 1]))
        for i in range(len(rows) - 1)
        if rows[i] < rows[i + 1]
    ]
