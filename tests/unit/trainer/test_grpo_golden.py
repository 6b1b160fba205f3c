"""The frameworks' own numbers (shared/reference/rl-numerics.md, the golden fixture), to 1e-5."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from rlvr.trainer import grpo

LENGTHS = [4, 3, 2, 4]
MAX_COMPLETION_LENGTH = 8


def padded(rows: list[list[float]]) -> Tensor:
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True)


OLD = padded([[-1, -0.5, -2, -0.1], [-0.7, -1.2, -0.3], [-2.5, -0.4], [-0.9, -0.6, -1.1, -0.2]])
NEW = OLD + padded([[0.3, -0.1, 0.05, 0], [-0.4, 0.2, 0.1], [0.6, -0.3], [0.02, -0.25, 0.4, -0.05]])
SAMPLER = OLD + padded([[0.05, -0.02, -0.9, 0.01], [0.1, -0.1, 0], [-1.3, 0.02], [0, 0.03, -0.04, 0.02]])
REFERENCE = OLD + padded([[-0.1, 0.1, 0.2, 0], [0.05, -0.05, 0.1], [0.3, 0], [-0.2, 0.1, 0, 0.05]])
MASK = padded([[1.0] * length for length in LENGTHS])
REWARDS = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
SIGNS = torch.tensor([[1.0, -1.0, -1.0, 1.0]])


def loss(config: grpo.LossConfig, *, eps: float = 1e-4) -> tuple[float, Tensor]:
    """The fixture's loss under `config`, and its gradient with respect to the log-probabilities, [B, T]."""
    logprobs = NEW.clone().requires_grad_()
    advantages = grpo.group_advantages(REWARDS, eps=eps).flatten()
    normalisation = grpo.Normalisation(
        num_traces=4, num_tokens=sum(LENGTHS), max_completion_length=MAX_COMPLETION_LENGTH
    )
    per_token = grpo.token_loss(
        logprobs, OLD, advantages, MASK, config, sampler_logprobs=SAMPLER, kl_logprobs=REFERENCE
    )
    total = (per_token * grpo.token_weights(MASK, loss_type=config.loss_type, normalisation=normalisation)).sum()
    total.backward()
    assert logprobs.grad is not None
    return total.item(), logprobs.grad


@pytest.mark.parametrize(
    ("scale", "eps", "magnitude"), [("std", 1e-4, 0.865875), ("std", 1e-6, 0.866024), ("none", 1e-4, 0.5)]
)
def test_advantages_are_those_of_trl_verl_and_dr_grpo(scale: grpo.AdvantageScale, eps: float, magnitude: float) -> None:
    advantages = grpo.group_advantages(REWARDS, scale=scale, eps=eps)
    torch.testing.assert_close(advantages, SIGNS * magnitude, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (grpo.LossConfig(loss_type="grpo", correction="none"), 0.062054),
        (grpo.LossConfig(loss_type="dapo", correction="none"), -0.167690),
        (grpo.LossConfig(loss_type="dr_grpo", correction="none"), -0.068124),
        (grpo.LossConfig(loss_type="dapo", clip_high=0.2, correction="none"), -0.157033),
        (grpo.LossConfig(loss_type="dapo", delta=1.5, correction="none"), -0.189145),
        (grpo.LossConfig(loss_type="grpo", kl_coef=0.04, correction="none"), 0.063675),
        (grpo.LossConfig(loss_type="dapo", correction="token", correction_cap=3.0), -0.021823),
        (grpo.LossConfig(loss_type="dapo", correction="sequence", correction_cap=3.0), -0.200337),
    ],
    ids=lambda value: None if isinstance(value, float) else f"{value.loss_type}",
)
def test_losses_are_those_of_trl(config: grpo.LossConfig, expected: float) -> None:
    assert loss(config)[0] == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (grpo.LossConfig(loss_type="dapo", correction="none"), -0.167719),
        (grpo.LossConfig(loss_type="grpo", correction="none"), 0.062065),
        (grpo.LossConfig(loss_type="dapo", correction="token", correction_cap=2.0), -0.111024),
        (grpo.LossConfig(loss_type="dapo", correction="sequence", correction_cap=2.0), -0.272567),
    ],
)
def test_losses_are_those_of_verl_with_its_advantage_eps(config: grpo.LossConfig, expected: float) -> None:
    assert loss(config, eps=1e-6)[0] == pytest.approx(expected, abs=2e-6)


def test_gradient_is_that_of_trl_dapo() -> None:
    _, gradient = loss(grpo.LossConfig(loss_type="dapo", correction="none"))
    expected = padded(
        [
            [0, -0.06027, -0.07002, -0.06661],
            [0, 0.08135, 0.07361],
            [0.12136, 0],
            [-0.06795, -0.05187, 0, -0.06336],
        ]
    )
    torch.testing.assert_close(gradient, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("loss_type", ["grpo", "dr_grpo"])
def test_gradients_of_the_other_types_are_daposs_reweighted(loss_type: grpo.LossType) -> None:
    """All three share the token loss; only the weight of a token differs."""
    _, dapo = loss(grpo.LossConfig(loss_type="dapo", correction="none"))
    _, gradient = loss(grpo.LossConfig(loss_type=loss_type, correction="none"))
    lengths = torch.tensor(LENGTHS).unsqueeze(1)
    divisor = lengths * 4 if loss_type == "grpo" else torch.tensor(4 * MAX_COMPLETION_LENGTH)
    torch.testing.assert_close(gradient, dapo * sum(LENGTHS) / divisor)


def test_mean_k3_is_that_of_verl() -> None:
    k3 = grpo.kl_penalty(NEW, REFERENCE, estimator="k3")
    assert ((k3 * MASK).sum() / MASK.sum()).item() == pytest.approx(0.039110, abs=1e-6)


def test_sequence_weights_are_products_over_tokens() -> None:
    weights = grpo.sampler_correction(OLD, SAMPLER, MASK, level="sequence", cap=3.0)[:, 0]
    torch.testing.assert_close(weights, torch.tensor([2.363161, 1.0, 3.0, 0.990050]), atol=1e-5, rtol=0)


def test_the_sampler_s_kl_is_k3_of_the_fixture_s_differences() -> None:
    """exp(d) - 1 - d, d = ℓold - ℓμ, written out with the fixture's own numbers (their negatives are d)."""
    differences = [-0.05, 0.02, 0.9, -0.01, -0.1, 0.1, 0, 1.3, -0.02, 0, -0.03, 0.04, -0.02]
    expected = sum(math.exp(d) - 1 - d for d in differences) / len(differences)
    found = (grpo.sampler_kl(OLD, SAMPLER) * MASK).sum() / MASK.sum()
    assert found.item() == pytest.approx(expected, abs=1e-6)
    assert found.item() == pytest.approx(0.149388, abs=1e-6)


@pytest.mark.parametrize(("level", "cap", "tokens"), [("token", 2.0, 2), ("token", 3.0, 1), ("sequence", 2.0, 6)])
def test_truncated_tokens_are_those_whose_weight_is_over_the_cap(
    level: grpo.CorrectionLevel, cap: float, tokens: int
) -> None:
    """exp(.9) = 2.46 and exp(1.3) = 3.67; as products over sequences [2.36, 1.0, 3.60, .99]."""
    assert grpo.is_truncated(OLD, SAMPLER, MASK, level=level, cap=cap).sum() == tokens
    assert not grpo.is_truncated(OLD, SAMPLER, MASK, level="none", cap=cap).any()
