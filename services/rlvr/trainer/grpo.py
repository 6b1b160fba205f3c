"""GRPO as pure functions on tensors: advantages, the token loss, its corrections and its aggregation.

Shapes: B traces, T completion positions (padding included); G groups of K traces. `mask` is 1 on completion
tokens and 0 on padding. Log-probabilities are those of the tokens that were sampled, under logits divided by
the sampling temperature.

Four policies appear: θ, the one being moved (`logprobs`, the only tensor that carries a gradient); old, the
same weights at the start of the step; μ, the sampler's when it drew the tokens; and what KL is measured
against.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

LossType = Literal["grpo", "dapo", "dr_grpo"]
AdvantageScale = Literal["std", "none"]
KlEstimator = Literal["k1", "k2", "k3"]
CorrectionLevel = Literal["token", "sequence", "none"]

MAX_LOG_RATIO = 20.0
"""Log-ratios are clamped to this before `exp`, as verl does: one absurd token must not make inf or nan."""


def group_advantages(rewards: Tensor, *, scale: AdvantageScale = "std", eps: float = 1e-4) -> Tensor:
    """How much better each trace is than its group: (r - mean) / (std + eps), or r - mean.

    Traces without a reward take no part in mean and std and get 0, so does a group with fewer than two scored
    traces.

    Args:
        rewards: [G, K], NaN where the trace carries no reward.
        scale: `std` divides by the sample standard deviation (ddof = 1; DeepSeekMath eq. 3, as in TRL, verl);
            `none` does not (Dr. GRPO, arXiv:2503.20783), so that easy and hard problems weigh alike.
        eps: added to the standard deviation.

    Returns:
        [G, K] float32, finite everywhere.
    """
    scored = ~rewards.isnan()
    count = scored.sum(dim=1, keepdim=True)
    filled = rewards.nan_to_num(nan=0.0).float()
    mean = filled.sum(dim=1, keepdim=True) / count.clamp(min=1)
    centred = (filled - mean) * scored
    if scale == "std":
        variance = centred.square().sum(dim=1, keepdim=True) / (count - 1).clamp(min=1)
        centred = centred / (variance.sqrt() + eps)
    return torch.where(scored & (count >= 2), centred, 0.0)


def log_ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The difference of two log-probabilities, clamped to ±MAX_LOG_RATIO. Any shape."""
    return (numerator - denominator).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)


def clipped_policy_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    *,
    clip_low: float,
    clip_high: float,
    delta: float | None = None,
) -> Tensor:
    """The clipped surrogate per token: -min(ρA, clip(ρ, 1 - clip_low, 1 + clip_high) A), ρ = exp(ℓθ - ℓold).

    PPO (arXiv:1707.06347 eq. 7); the two bounds are DAPO's clip-higher (arXiv:2503.14476 eq. 10).

    Args:
        logprobs: ℓθ, [B, T].
        old_logprobs: ℓold, [B, T]; treated as a constant.
        advantages: [B].
        delta: an upper bound on ρ in the unclipped branch, which bounds the loss of a token whose advantage
            is negative (two-sided clipping, INTELLECT-2, arXiv:2505.07291).

    Returns:
        [B, T]; not masked.
    """
    ratio = log_ratio(logprobs, old_logprobs.detach()).exp()
    clipped = ratio.clamp(1.0 - clip_low, 1.0 + clip_high)
    unclipped = ratio if delta is None else ratio.clamp(max=delta)
    advantages = advantages.detach().unsqueeze(1)
    return -torch.minimum(unclipped * advantages, clipped * advantages)


def is_clipped(
    logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, *, clip_low: float, clip_high: float
) -> Tensor:
    """Where the clip stops the gradient: ρ over its bound with A > 0, under it with A < 0. [B, T] bool."""
    ratio = log_ratio(logprobs, old_logprobs).exp()
    advantages = advantages.unsqueeze(1)
    return ((ratio > 1.0 + clip_high) & (advantages > 0)) | ((ratio < 1.0 - clip_low) & (advantages < 0))


def kl_penalty(logprobs: Tensor, target_logprobs: Tensor, *, estimator: KlEstimator = "k3") -> Tensor:
    """A one-sample estimate per token of KL(θ || target), from http://joschu.net/blog/kl-approx.html.

    With d = ℓθ - ℓtarget: k1 = d (unbiased, of either sign; as a loss its expected gradient is 0, so it
    informs and does not restrain), k2 = d²/2, k3 = exp(-d) + d - 1 (never negative; GRPO's choice).

    Args:
        logprobs: ℓθ, [B, T].
        target_logprobs: [B, T], of the start-of-step policy or of a frozen reference; treated as a constant.

    Returns:
        [B, T]; not masked.
    """
    difference = log_ratio(logprobs, target_logprobs.detach())
    if estimator == "k1":
        return difference
    if estimator == "k2":
        return difference.square() / 2
    return torch.expm1(-difference) + difference


def sampler_correction(
    old_logprobs: Tensor,
    sampler_logprobs: Tensor,
    mask: Tensor,
    *,
    level: CorrectionLevel = "token",
    cap: float = 2.0,
) -> Tensor:
    """Truncated importance weights min(π_old / π_μ, cap): what the sampler's policy was to the trainer's.

    Multiplies the policy loss, not the KL penalty. `token` weighs each token by its own ratio
    (https://fengyao.notion.site/off-policy-rl); `sequence` weighs a whole trace by the product over its
    tokens, unbiased before truncation and of higher variance; `none` gives ones.

    Args:
        old_logprobs: ℓold, [B, T].
        sampler_logprobs: ℓμ, [B, T]; anything where `mask` is 0.
        cap: the largest weight, > 0.

    Returns:
        [B, T], detached.
    """
    return _importance_weights(old_logprobs, sampler_logprobs, mask, level).clamp(max=cap)


def is_truncated(
    old_logprobs: Tensor, sampler_logprobs: Tensor, mask: Tensor, *, level: CorrectionLevel, cap: float
) -> Tensor:
    """Where `sampler_correction` meets its cap: tokens that count for less than they should. [B, T] bool."""
    if level == "none":
        return torch.zeros_like(mask, dtype=torch.bool)
    return (_importance_weights(old_logprobs, sampler_logprobs, mask, level) > cap) & mask.bool()


def _importance_weights(old_logprobs: Tensor, sampler_logprobs: Tensor, mask: Tensor, level: CorrectionLevel) -> Tensor:
    if level == "none":
        return torch.ones_like(old_logprobs)
    difference = torch.where(mask.bool(), (old_logprobs - sampler_logprobs).detach(), 0.0)
    if level == "sequence":
        difference = difference.sum(dim=1, keepdim=True).expand_as(difference)
    return difference.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()


def sampler_kl(old_logprobs: Tensor, sampler_logprobs: Tensor) -> Tensor:
    """An estimate per token of KL(μ || old), from tokens that μ drew: k3 = exp(d) - 1 - d with d = ℓold - ℓμ.

    Never negative, unbiased, 0 when sampler and trainer agree (http://joschu.net/blog/kl-approx.html). [B, T], not
    masked.
    """
    return kl_penalty(sampler_logprobs, old_logprobs)


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What a loss is divided by: totals over the batch of one optimiser update, however it is cut up."""

    num_traces: int
    num_tokens: int
    """Completion tokens."""
    max_completion_length: int
    """The sampling limit, not the longest trace seen: constant over a run, a token always weighs the same."""


def token_weights(mask: Tensor, *, loss_type: LossType, normalisation: Normalisation) -> Tensor:
    """The weight of each token's loss; a batch's loss is Σ weight · loss over all of its micro-batches.

    - `grpo`: mean over traces of the mean over a trace's tokens (DeepSeekMath, arXiv:2402.03300 eq. 3);
    - `dapo`: mean over all tokens of the batch (arXiv:2503.14476 eq. 8);
    - `dr_grpo`: sum over tokens ÷ (traces · max_completion_length) (arXiv:2503.20783, as in TRL).

    Since the weights are made from totals of the batch, gradients of micro-batches add up to the batch's.

    Args:
        mask: [B, T], of one micro-batch.

    Returns:
        [B, T], 0 where `mask` is 0.
    """
    if loss_type == "grpo":
        return mask / (mask.sum(dim=1, keepdim=True).clamp(min=1) * normalisation.num_traces)
    if loss_type == "dapo":
        return mask / normalisation.num_tokens
    return mask / (normalisation.num_traces * normalisation.max_completion_length)


@dataclass(frozen=True, slots=True)
class LossConfig:
    """The parts of a recipe that shape the loss."""

    loss_type: LossType = "dapo"
    clip_low: float = 0.2
    clip_high: float = 0.28
    delta: float | None = None
    kl_coef: float = 0.0
    """β; 0 leaves KL out."""
    correction: CorrectionLevel = "token"
    correction_cap: float = 2.0


def token_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    config: LossConfig,
    *,
    sampler_logprobs: Tensor,
    kl_logprobs: Tensor | None = None,
) -> Tensor:
    """The whole loss per token: correction · policy loss + kl_coef · KL, and 0 where `mask` is 0.

    Args:
        logprobs, old_logprobs, mask, sampler_logprobs: [B, T].
        advantages: [B].
        kl_logprobs: [B, T], required when `config.kl_coef` is not 0.

    Returns:
        [B, T].
    """
    loss = clipped_policy_loss(
        logprobs,
        old_logprobs,
        advantages,
        clip_low=config.clip_low,
        clip_high=config.clip_high,
        delta=config.delta,
    )
    loss = loss * sampler_correction(
        old_logprobs, sampler_logprobs, mask, level=config.correction, cap=config.correction_cap
    )
    if config.kl_coef:
        if kl_logprobs is None:
            raise ValueError("kl_logprobs is needed when kl_coef is not 0: give the policy that KL is measured against")
        loss = loss + config.kl_coef * kl_penalty(logprobs, kl_logprobs)
    return torch.where(mask.bool(), loss, 0.0)
