"""One training step: a batch of groups in, moved weights and figures out.

A step makes one optimiser update per inner epoch. With one, the policy at the start of
the step *is* the one being moved, so its log-probabilities come from the only forward pass there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel

from rlvr.trainer import grpo
from rlvr.trainer.batch import Batch, Group, MicroBatch, build_batch

KlTarget = Literal["step_start", "reference"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a policy is trained: everything of a step that is not data."""

    learning_rate: float = 1e-6
    warmup_updates: int = 10
    """Updates over which the learning rate rises linearly; then it is constant."""
    weight_decay: float = 0.0
    """Applies to matrices; not to norms and biases."""
    max_grad_norm: float = 1.0
    temperature: float = 1.0
    """What the sampler divided logits by."""
    max_completion_length: int = 1024
    advantage_scale: grpo.AdvantageScale = "std"
    loss: grpo.LossConfig = field(default_factory=grpo.LossConfig)
    kl_target: KlTarget = "step_start"
    num_inner_epochs: int = 1
    micro_batch_tokens: int = 8192


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """Figures of one step; means are over completion tokens of all its updates."""

    loss: float
    """Mean over the step's updates."""
    grad_norm: float
    """Before clipping, mean over the step's updates."""
    learning_rate: float
    kl: float
    """k3 to the KL target, or to the start-of-step policy where KL is not in the loss."""
    clip_fraction: float
    """Share of tokens whose ratio is out of the bounds on the side that stops their gradient."""
    entropy: float
    """Nats, estimated from the sampled tokens as the mean of -ℓθ."""
    mean_logprob_gap: float
    """Mean |ℓold - ℓμ|: how far the trainer's idea of the policy is from the sampler's."""
    max_logprob_gap: float
    num_traces: int
    num_tokens: int
    """Completion tokens."""


class NonFiniteGradient(RuntimeError):
    """The update would have put nan or inf into the weights, and was not made."""


def completion_logprobs(model: PreTrainedModel, micro_batch: MicroBatch, temperature: float) -> Tensor:
    """ℓθ of the completion tokens, [B, T] float32, 0 where the mask is 0.

    Logits are computed for the T columns that predict completions and no others.
    """
    num_positions = micro_batch.completion_mask.shape[1]
    logits = model(
        input_ids=micro_batch.input_ids,
        attention_mask=micro_batch.attention_mask,
        position_ids=micro_batch.position_ids,
        logits_to_keep=num_positions + 1,
        use_cache=False,
    ).logits[:, :-1]
    logits = logits.float() / temperature
    chosen = logits.gather(2, micro_batch.completion_ids.unsqueeze(2)).squeeze(2)
    return torch.where(micro_batch.completion_mask.bool(), chosen - logits.logsumexp(dim=2), 0.0)


def learning_rate(recipe: Recipe, num_updates: int) -> float:
    """Linear warm-up, then constant. A function of the updates made: a resumed run needs no scheduler state."""
    return recipe.learning_rate * min(1.0, (num_updates + 1) / max(1, recipe.warmup_updates))


class Learner:
    """A policy, its optimizer, and the count of updates made to it."""

    def __init__(
        self,
        model: PreTrainedModel,
        recipe: Recipe,
        *,
        pad_token_id: int,
        reference: PreTrainedModel | None = None,
    ) -> None:
        """
        Raises:
            ValueError: KL to a reference is asked for and no reference given.
        """
        if recipe.loss.kl_coef and recipe.kl_target == "reference" and reference is None:
            raise ValueError('kl_target is "reference": give the frozen reference policy, or use "step_start"')
        # Dropout would make ℓθ differ from ℓold for the same weights.
        self.model = model.eval()
        self.reference = reference.eval().requires_grad_(False) if reference is not None else None
        self.recipe = recipe
        self.num_updates = 0
        self._pad_token_id = pad_token_id
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": recipe.weight_decay},
                {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
            ],
            lr=recipe.learning_rate,
            betas=(0.9, 0.95),
            fused=True,
        )

    def step(self, groups: Sequence[Group]) -> StepMetrics:
        """Train on whole groups.

        Raises:
            ValueError: there is nothing to train on.
            NonFiniteGradient: weights are as they were before the failed update.
        """
        recipe = self.recipe
        batch = build_batch(
            groups,
            scale=recipe.advantage_scale,
            max_completion_length=recipe.max_completion_length,
            micro_batch_tokens=recipe.micro_batch_tokens,
            pad_token_id=self._pad_token_id,
        )
        old = None if recipe.num_inner_epochs == 1 else list(self._start_of_step(batch))
        totals = _Totals()
        for _ in range(recipe.num_inner_epochs):
            self._update(batch, old, totals)
        return totals.metrics(learning_rate(recipe, self.num_updates - 1), batch)

    @torch.no_grad()
    def _start_of_step(self, batch: Batch) -> Iterator[Tensor]:
        for micro_batch in batch.micro_batches:
            yield completion_logprobs(self.model, micro_batch.to(self.model.device), self.recipe.temperature)

    def _update(self, batch: Batch, old: list[Tensor] | None, totals: _Totals) -> None:
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(recipe, self.num_updates)
        self.optimizer.zero_grad(set_to_none=True)
        for index, micro_batch in enumerate(batch.micro_batches):
            micro_batch = micro_batch.to(self.model.device)
            logprobs = completion_logprobs(self.model, micro_batch, recipe.temperature)
            old_logprobs = logprobs.detach() if old is None else old[index]
            kl_logprobs = self._kl_logprobs(micro_batch, old_logprobs)
            mask = micro_batch.completion_mask
            weights = grpo.token_weights(mask, loss_type=recipe.loss.loss_type, normalisation=batch.normalisation)
            per_token = grpo.token_loss(
                logprobs,
                old_logprobs,
                micro_batch.advantages,
                mask,
                recipe.loss,
                sampler_logprobs=micro_batch.sampler_logprobs,
                kl_logprobs=kl_logprobs,
            )
            loss = (per_token * weights).sum()
            loss.backward()
            totals.add(loss, logprobs, old_logprobs, kl_logprobs, micro_batch, recipe.loss)
        totals.add_update(self._apply())

    def _kl_logprobs(self, micro_batch: MicroBatch, old_logprobs: Tensor) -> Tensor:
        if self.reference is None or self.recipe.kl_target == "step_start" or not self.recipe.loss.kl_coef:
            return old_logprobs
        with torch.no_grad():
            return completion_logprobs(self.reference, micro_batch, self.recipe.temperature)

    def _apply(self) -> Tensor:
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.max_grad_norm)
        if not norm.isfinite():
            self.optimizer.zero_grad(set_to_none=True)
            raise NonFiniteGradient(
                f"gradient norm is {norm.item()} at update {self.num_updates}: "
                "lower learning_rate, or look for absurd rewards or log-probabilities in this batch"
            )
        self.optimizer.step()
        self.num_updates += 1
        return norm


class _Totals:
    """Sums over the micro-batches of a step, kept as tensors so that nothing waits for the device."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []
        self._grad_norms: list[Tensor] = []
        self._sums: list[Tensor] = []
        self._gaps: list[Tensor] = []

    @torch.no_grad()
    def add(
        self,
        loss: Tensor,
        logprobs: Tensor,
        old_logprobs: Tensor,
        kl_logprobs: Tensor,
        micro_batch: MicroBatch,
        config: grpo.LossConfig,
    ) -> None:
        mask = micro_batch.completion_mask
        clipped = grpo.is_clipped(
            logprobs,
            old_logprobs,
            micro_batch.advantages,
            clip_low=config.clip_low,
            clip_high=config.clip_high,
        )
        gap = (old_logprobs - micro_batch.sampler_logprobs).abs() * mask
        kl = grpo.kl_penalty(logprobs, kl_logprobs) * mask
        self._losses.append(loss.detach())
        self._gaps.append(gap.max())
        self._sums.append(torch.stack([mask.sum(), kl.sum(), (clipped * mask).sum(), -logprobs.sum(), gap.sum()]))

    def add_update(self, grad_norm: Tensor) -> None:
        self._grad_norms.append(grad_norm)

    def metrics(self, rate: float, batch: Batch) -> StepMetrics:
        num_updates = len(self._grad_norms)
        tokens, kl, clipped, surprise, gap = torch.stack(self._sums).double().sum(dim=0).tolist()
        return StepMetrics(
            loss=torch.stack(self._losses).sum().item() / num_updates,
            grad_norm=torch.stack(self._grad_norms).mean().item(),
            learning_rate=rate,
            kl=kl / tokens,
            clip_fraction=clipped / tokens,
            entropy=surprise / tokens,
            mean_logprob_gap=gap / tokens,
            max_logprob_gap=torch.stack(self._gaps).max().item(),
            num_traces=batch.normalisation.num_traces,
            num_tokens=batch.normalisation.num_tokens,
        )
