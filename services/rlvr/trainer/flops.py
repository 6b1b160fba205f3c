"""What a model's arithmetic costs: the field's estimate, from the shapes alone.

A matrix of N parameters takes 2N FLOPs per token forward, 2N to carry the gradient back through it and 2N for the
gradient of its own (Kaplan et al. 2020, arXiv:2001.08361, section 2.1: the 6N of training); attention takes
4·layers·heads·head_dim per pair of a query and a key it sees, forward, and twice that backward (PaLM,
arXiv:2204.02311, appendix B, but for pairs that exist and not for the whole square). Embedding look-ups, norms and
the softmax are left out; the output head is counted for the positions whose logits are asked for. A frozen matrix
has no gradient of its own. A mixture of experts is counted as if every expert were used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Work:
    """What is run through a model, padding left out."""

    tokens: int = 0
    predictions: int = 0
    """Positions whose logits are computed."""
    pairs: int = 0
    """Query and key, each key once per query that sees it."""

    def __add__(self, other: Work) -> Work:
        return Work(self.tokens + other.tokens, self.predictions + other.predictions, self.pairs + other.pairs)


@dataclass(frozen=True, slots=True)
class ModelFlops:
    """A model's parameters as far as they cost arithmetic."""

    body: int
    """Parameters in matrices, embedding and head left out."""
    head: int
    trained_body: int
    trained_head: int
    pair: int
    """FLOPs of a query and a key, forward."""

    def forward(self, work: Work) -> int:
        """FLOPs of a forward pass."""
        return self._linear(work) + self.pair * work.pairs

    def training(self, work: Work) -> int:
        """FLOPs of a forward and a backward pass. What a backward pass computes again to save memory is not counted."""
        gradients = 2 * (self.trained_body * work.tokens + self.trained_head * work.predictions)
        return 2 * self._linear(work) + gradients + 3 * self.pair * work.pairs

    def _linear(self, work: Work) -> int:
        return 2 * (self.body * work.tokens + self.head * work.predictions)


def model_flops(model: PreTrainedModel) -> ModelFlops:
    """Count a causal language model's parameters."""
    head = model.get_output_embeddings().weight
    aside = {id(head), id(model.get_input_embeddings().weight)}
    matrices = [p for p in model.parameters() if p.ndim >= 2 and id(p) not in aside]
    config = model.config.get_text_config()
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return ModelFlops(
        body=sum(p.numel() for p in matrices),
        head=head.numel(),
        trained_body=sum(p.numel() for p in matrices if p.requires_grad),
        trained_head=head.numel() if head.requires_grad else 0,
        pair=4 * config.num_hidden_layers * config.num_attention_heads * head_dim,
    )


def causal_pairs(length: int) -> int:
    """Pairs of a sequence in which each token sees itself and all before it."""
    return length * (length + 1) // 2


def sampling_work(prompt_length: int, completion_lengths: Iterable[int]) -> Work:
    """What drawing a group takes when its prompt is computed once: a drawn token is run through the model unless it
    is the last."""
    work = Work(prompt_length, 1, causal_pairs(prompt_length))
    for length in completion_lengths:
        run = max(length - 1, 0)
        work += Work(run, run, causal_pairs(prompt_length + run) - causal_pairs(prompt_length))
    return work
