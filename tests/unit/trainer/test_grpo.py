"""What the loss promises beyond the golden values: masks, degenerate groups, what carries a gradient."""

import math

import pytest
import torch

from rlvr.trainer import grpo

NAN = math.nan


def test_unscored_traces_take_no_part_in_mean_and_std() -> None:
    with_masked = grpo.group_advantages(torch.tensor([[1.0, NAN, 0.0, 0.0, NAN]]))
    without = grpo.group_advantages(torch.tensor([[1.0, 0.0, 0.0]]))
    torch.testing.assert_close(with_masked[0, [0, 2, 3]], without[0])
    assert with_masked[0, [1, 4]].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("scale", ["std", "none"])
@pytest.mark.parametrize("rewards", [[NAN, NAN, NAN], [1.0, NAN, NAN], [1.0, 1.0, 1.0], [0.0, 0.0, NAN]], ids=str)
def test_groups_that_teach_nothing_have_zero_advantages(rewards: list[float], scale: grpo.AdvantageScale) -> None:
    assert grpo.group_advantages(torch.tensor([rewards]), scale=scale).tolist() == [[0.0, 0.0, 0.0]]


def test_groups_are_normalised_apart() -> None:
    rewards = torch.tensor([[1.0, 0.0], [0.2, 0.6]])
    rows = [grpo.group_advantages(row.unsqueeze(0)) for row in rewards]
    torch.testing.assert_close(grpo.group_advantages(rewards), torch.cat(rows))


def test_kl_estimators_follow_their_formulas_and_vanish_at_the_target() -> None:
    logprobs, target = torch.tensor([[-1.0, -2.0]]), torch.tensor([[-1.5, -1.8]])
    difference = logprobs - target
    expected = {"k1": difference, "k2": difference**2 / 2, "k3": torch.exp(-difference) + difference - 1}
    for estimator in ("k1", "k2", "k3"):
        torch.testing.assert_close(grpo.kl_penalty(logprobs, target, estimator=estimator), expected[estimator])
        assert grpo.kl_penalty(logprobs, logprobs, estimator=estimator).tolist() == [[0.0, 0.0]]


def test_only_the_current_policy_carries_a_gradient() -> None:
    old, sampler, target = (torch.tensor([[-1.0, -2.0]], requires_grad=True) for _ in range(3))
    logprobs = torch.tensor([[-1.1, -1.9]], requires_grad=True)
    config = grpo.LossConfig(kl_coef=0.1)
    grpo.token_loss(
        logprobs,
        old,
        torch.tensor([1.0]),
        torch.ones(1, 2),
        config,
        sampler_logprobs=sampler,
        kl_logprobs=target,
    ).sum().backward()
    assert logprobs.grad is not None
    assert old.grad is None and sampler.grad is None and target.grad is None


def test_first_update_of_a_step_has_the_policy_gradient() -> None:
    """At ρ = 1 the gradient of the surrogate is -A: reusing ℓθ as ℓold loses nothing."""
    logprobs = torch.tensor([[-1.0, -2.0], [-0.3, -0.1]], requires_grad=True)
    advantages = torch.tensor([0.7, -0.4])
    loss = grpo.clipped_policy_loss(logprobs, logprobs, advantages, clip_low=0.2, clip_high=0.28)
    loss.sum().backward()
    assert logprobs.grad is not None
    torch.testing.assert_close(logprobs.grad, -advantages.unsqueeze(1).expand(2, 2))


def test_padding_has_neither_loss_nor_gradient_even_when_it_holds_garbage() -> None:
    mask = torch.tensor([[1.0, 0.0]])
    logprobs = torch.tensor([[-1.0, -500.0]], requires_grad=True)
    old = torch.tensor([[-1.2, 0.0]])
    loss = grpo.token_loss(
        logprobs,
        old,
        torch.tensor([-1.0]),
        mask,
        grpo.LossConfig(),
        sampler_logprobs=torch.tensor([[-1.0, float("-inf")]]),
    )
    loss.sum().backward()
    assert logprobs.grad is not None
    assert loss[0, 1].item() == 0.0 and logprobs.grad[0, 1].item() == 0.0
    assert loss.isfinite().all() and logprobs.grad.isfinite().all()


def test_an_absurd_token_gives_a_finite_loss() -> None:
    logprobs = torch.tensor([[-0.0]], requires_grad=True)
    loss = grpo.token_loss(
        logprobs,
        torch.tensor([[-900.0]]),
        torch.tensor([-1.0]),
        torch.ones(1, 1),
        grpo.LossConfig(delta=4.0),
        sampler_logprobs=torch.tensor([[-0.1]]),
    )
    loss.sum().backward()
    assert logprobs.grad is not None
    assert loss.isfinite().all() and logprobs.grad.isfinite().all()


def test_kl_without_a_target_is_refused() -> None:
    row = torch.zeros(1, 1)
    with pytest.raises(ValueError, match="kl_logprobs"):
        grpo.token_loss(row, row, torch.ones(1), torch.ones(1, 1), grpo.LossConfig(kl_coef=0.1), sampler_logprobs=row)
