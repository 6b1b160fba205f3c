"""One training step: a batch of groups in, moved weights and figures out.

A step makes one optimiser update per inner epoch. With one, the policy at the start of
the step *is* the one being moved, so its log-probabilities come from the only forward pass there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel

from rlvr.trainer import grpo
from rlvr.trainer.batch import Batch, Layout, MicroBatch, build_batch
from rlvr.trainer.flops import model_flops
from rlvr.trainer.logprobs import completion_logprobs
from rlvr.trainer.proof import why_not_shared
from rlvr.trainer.traces import Group

if TYPE_CHECKING:
    from rlvr.trainer.adapter import Adapter

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
    shared_prefixes: bool = True
    """Compute what a group's traces have in common once, where the model allows it."""


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
    sampler_kl: float
    """k3 estimate of KL(sampler || trainer's old policy), nats."""
    truncated_fraction: float
    """Share of tokens whose importance weight against the sampler was cut to its cap."""
    num_traces: int
    num_tokens: int
    """Completion tokens."""
    tokens_computed: int
    """Tokens run through the model in one pass over the batch, padding left out."""
    tokens_shared: int
    """Tokens that such a pass need not compute, since they are computed for another trace or predict nothing."""
    flops: int
    """Estimate for the whole step; see `rlvr.trainer.flops`."""


class NonFiniteGradient(RuntimeError):
    """The update would have put nan or inf into the weights, and was not made."""


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
        adapter: Adapter | None = None,
    ) -> None:
        """
        Args:
            adapter: the one in `model`, when that is all that is trained.

        Raises:
            ValueError: KL to a reference is asked for and no reference given.
        """
        if recipe.loss.kl_coef and recipe.kl_target == "reference" and reference is None:
            raise ValueError('kl_target is "reference": give the frozen reference policy, or use "step_start"')
        # Dropout would make ℓθ differ from ℓold for the same weights.
        self.model = model.eval()
        self.reference = reference.eval().requires_grad_(False) if reference is not None else None
        self.adapter = adapter
        self.recipe = recipe
        self.num_updates = 0
        self.before_update: Callable[[], None] | None = None
        """Called when the weights are about to change; they do when it returns."""
        self.flops = model_flops(model)
        self.unshared = why_not_shared(self.model) if recipe.shared_prefixes else "shared_prefixes is off"
        """Why every trace is computed on its own; empty when shared prefixes are computed once."""
        self._layout = Layout(recipe.micro_batch_tokens, pad_token_id, None if self.unshared else self.flops)
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
            layout=self._layout,
        )
        old = None if recipe.num_inner_epochs == 1 else list(self._start_of_step(batch))
        totals = _Totals()
        for _ in range(recipe.num_inner_epochs):
            self._update(batch, old, totals)
        return totals.metrics(learning_rate(recipe, self.num_updates - 1), batch, flops=self._step_flops(batch))

    def _step_flops(self, batch: Batch) -> int:
        recipe = self.recipe
        forwards = 0 if recipe.num_inner_epochs == 1 else 1
        if self._has_reference:
            forwards += recipe.num_inner_epochs
        saved = 0 if recipe.loss.kl_coef else self.flops.training(batch.idle_work) - self.flops.forward(batch.idle_work)
        update = self.flops.training(batch.work) - saved
        return recipe.num_inner_epochs * update + forwards * self.flops.forward(batch.work)

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
            has_gradient = micro_batch.teaches or bool(recipe.loss.kl_coef)
            micro_batch = micro_batch.to(self.model.device)
            with torch.set_grad_enabled(has_gradient):  # without one, the pass is made for its figures
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
            if has_gradient:
                loss.backward()
            totals.add(loss, logprobs, old_logprobs, kl_logprobs, micro_batch, recipe.loss)
        totals.add_update(self._apply())

    def _kl_logprobs(self, micro_batch: MicroBatch, old_logprobs: Tensor) -> Tensor:
        if not self._has_reference:
            return old_logprobs
        assert self.reference is not None
        with torch.no_grad():
            return completion_logprobs(self.reference, micro_batch, self.recipe.temperature)

    @property
    def _has_reference(self) -> bool:
        return self.recipe.kl_target == "reference" and bool(self.recipe.loss.kl_coef)

    def _apply(self) -> Tensor:
        parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        if all(parameter.grad is None for parameter in parameters):
            for parameter in parameters:  # momentum and decay move them all the same
                parameter.grad = torch.zeros_like(parameter)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.max_grad_norm)
        if not norm.isfinite():
            self.optimizer.zero_grad(set_to_none=True)
            raise NonFiniteGradient(
                f"gradient norm is {norm.item()} at update {self.num_updates}: "
                "lower learning_rate, or look for absurd rewards or log-probabilities in this batch"
            )
        if self.before_update is not None:
            self.before_update()
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
        sampler_kl = grpo.sampler_kl(old_logprobs, micro_batch.sampler_logprobs) * mask
        truncated = grpo.is_truncated(
            old_logprobs,
            micro_batch.sampler_logprobs,
            mask,
            level=config.correction,
            cap=config.correction_cap,
        )
        kl = grpo.kl_penalty(logprobs, kl_logprobs) * mask
        self._losses.append(loss.detach())
        self._gaps.append(gap.max())
        per_token = (mask, kl, clipped * mask, -logprobs, gap, sampler_kl, truncated)
        self._sums.append(torch.stack([values.sum().float() for values in per_token]))

    def add_update(self, grad_norm: Tensor) -> None:
        self._grad_norms.append(grad_norm)

    def metrics(self, rate: float, batch: Batch, *, flops: int) -> StepMetrics:
        num_updates = len(self._grad_norms)
        sums = torch.stack(self._sums).double().sum(dim=0).tolist()
        tokens, kl, clipped, surprise, gap, sampler_kl, truncated = sums
        return StepMetrics(
            loss=torch.stack(self._losses).sum().item() / num_updates,
            grad_norm=torch.stack(self._grad_norms).mean().item(),
            learning_rate=rate,
            kl=kl / tokens,
            clip_fraction=clipped / tokens,
            entropy=surprise / tokens,
            mean_logprob_gap=gap / tokens,
            max_logprob_gap=torch.stack(self._gaps).max().item(),
            sampler_kl=sampler_kl / tokens,
            truncated_fraction=truncated / tokens,
            num_traces=batch.normalisation.num_traces,
            num_tokens=batch.normalisation.num_tokens,
            tokens_computed=batch.work.tokens,
            tokens_shared=batch.num_trace_tokens - batch.work.tokens,
            flops=flops,
        )
