"""One step on a real (small) model: what it computes, and that how a batch is cut up does not matter."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from transformers import LlamaForCausalLM

from rlvr.trainer.batch import Layout, build_batch
from rlvr.trainer.grpo import LossConfig, LossType
from rlvr.trainer.logprobs import completion_logprobs
from rlvr.trainer.step import Learner, NonFiniteGradient, Recipe, learning_rate
from rlvr.trainer.traces import Group, Trace

Policy = Callable[[], LlamaForCausalLM]
Groups = Callable[[int], list[Group]]
RECIPE = Recipe(learning_rate=1e-3, warmup_updates=0, max_completion_length=12)


def learner(model: LlamaForCausalLM, recipe: Recipe = RECIPE, reference: LlamaForCausalLM | None = None) -> Learner:
    torch.set_num_threads(1)
    return Learner(model, recipe, pad_token_id=0, reference=reference)


def weights(model: LlamaForCausalLM) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def gradient(model: LlamaForCausalLM) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_logprobs_of_a_padded_row_are_those_of_the_trace_alone(make_policy: Policy, make_groups: Groups) -> None:
    model = make_policy().eval()
    temperature = 0.7
    groups = make_groups(0)
    built = build_batch(groups, scale="std", max_completion_length=12, layout=Layout(10_000, 0, flops=None))
    (micro,) = built.micro_batches
    with torch.no_grad():
        together = completion_logprobs(model, micro, temperature)
        for row, mask, ids, attended in zip(
            together, micro.completion_mask, micro.inputs.input_ids, micro.inputs.attention_mask, strict=True
        ):
            alone = ids[attended.bool()].unsqueeze(0)
            length = int(mask.sum())
            reference = (model(alone).logits[0, :-1] / temperature).log_softmax(dim=-1)
            expected = reference.gather(1, alone[0, 1:, None])[-length:, 0]
            torch.testing.assert_close(row[-length:], expected, atol=1e-5, rtol=1e-5)
            assert (row[:-length] == 0).all()


@pytest.mark.parametrize("loss_type", ["grpo", "dapo", "dr_grpo"])
@pytest.mark.parametrize("micro_batch_tokens", [16, 40, 100])
def test_micro_batches_add_up_to_the_gradient_of_the_whole_batch(
    make_policy: Policy, make_groups: Groups, loss_type: LossType, micro_batch_tokens: int
) -> None:
    gradients, losses = [], []
    for tokens in (100_000, micro_batch_tokens):
        model = make_policy()
        recipe = replace(RECIPE, loss=LossConfig(loss_type=loss_type), micro_batch_tokens=tokens, max_grad_norm=1e9)
        losses.append(learner(model, recipe).step(make_groups(1)).loss)
        gradients.append(gradient(model))
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-6, rtol=0)
    assert losses[1] == pytest.approx(losses[0], abs=1e-6)


def test_the_single_update_shortcut_equals_recomputing_the_start_of_step_policy(
    make_policy: Policy, make_groups: Groups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two epochs recompute ℓold; their first update must be the one a single epoch makes."""
    single, double = make_policy(), make_policy()
    one = learner(single)
    one.step(make_groups(2))
    two = learner(double, replace(RECIPE, num_inner_epochs=2))
    after_first: list[torch.Tensor] = []
    apply = two._apply

    def record() -> torch.Tensor:
        norm = apply()
        after_first.append(weights(double))
        return norm

    monkeypatch.setattr(two, "_apply", record)
    two.step(make_groups(2))
    assert torch.equal(after_first[0], weights(single))
    assert not torch.equal(after_first[1], weights(single))


def test_inner_epochs_make_that_many_updates(make_policy: Policy, make_groups: Groups) -> None:
    model = make_policy()
    trained = learner(model, replace(RECIPE, num_inner_epochs=3, learning_rate=1e-2))
    metrics = trained.step(make_groups(3))
    assert trained.num_updates == 3
    assert metrics.kl > 0
    assert metrics.num_traces == 15


def test_training_raises_the_probability_of_what_was_rewarded(make_policy: Policy) -> None:
    def surprise(model: LlamaForCausalLM) -> Sequence[float]:
        with torch.no_grad():
            logprobs = model(torch.tensor([[2, 3, 4]])).logits[0, -1].log_softmax(dim=-1)
        return [logprobs[10].item(), logprobs[20].item()]

    model = make_policy()
    before = surprise(model)
    trained = learner(model)
    for _ in range(5):
        good, bad = surprise(model)
        trained.step([[Trace([2, 3, 4], [10], [good], 1.0), Trace([2, 3, 4], [20], [bad], 0.0)]])
    after = surprise(model)
    assert after[0] > before[0] and after[1] < before[1]


@pytest.mark.parametrize("shared", [True, False])
def test_groups_that_teach_nothing_are_not_carried_back_and_count_all_the_same(
    make_policy: Policy, make_groups: Groups, shared: bool
) -> None:
    groups = make_groups(3)
    idle = [[replace(trace, reward=1.0) for trace in group] for group in make_groups(4)]
    mixed, whole = make_policy(), make_policy()
    recipe = replace(RECIPE, shared_prefixes=shared, micro_batch_tokens=100_000)
    quick = learner(mixed, recipe)
    figures = quick.step([*groups, *idle])
    # KL to the start of the step is 0 there, and so is its gradient, but every group takes the long way round.
    slow = learner(whole, replace(recipe, loss=LossConfig(kl_coef=1e-30)))
    expected = slow.step([*groups, *idle])
    torch.testing.assert_close(gradient(mixed), gradient(whole), atol=1e-7, rtol=1e-5)
    torch.testing.assert_close(weights(mixed), weights(whole), atol=1e-7, rtol=0)
    for name in set(figures.__slots__) - {"flops"}:
        assert getattr(figures, name) == pytest.approx(getattr(expected, name), rel=1e-4, abs=1e-7), name
    assert figures.flops < expected.flops


def test_momentum_and_decay_move_weights_in_a_step_that_teaches_nothing(
    make_policy: Policy, make_groups: Groups
) -> None:
    model = make_policy()
    one = learner(model, replace(RECIPE, weight_decay=0.1))
    one.step(make_groups(5))
    before = weights(model)
    figures = one.step([[replace(trace, reward=1.0) for trace in group] for group in make_groups(6)])
    assert figures.grad_norm == 0
    assert not torch.equal(weights(model), before)
    assert one.num_updates == 2


def test_the_gap_to_the_sampler_is_measured(make_policy: Policy) -> None:
    model = make_policy().eval()
    with torch.no_grad():
        logprobs = model(torch.tensor([[2, 3]])).logits[0, -1].log_softmax(dim=-1)
    group = [
        Trace([2, 3], [10], [logprobs[10].item() - 0.25], 1.0),
        Trace([2, 3], [20], [logprobs[20].item()], 0.0),
    ]
    metrics = learner(model).step([group])
    assert metrics.max_logprob_gap == pytest.approx(0.25, abs=1e-5)
    assert metrics.mean_logprob_gap == pytest.approx(0.125, abs=1e-5)


def test_kl_to_a_reference_pulls_toward_it_and_to_the_step_start_does_not_at_first(
    make_policy: Policy, make_groups: Groups
) -> None:
    reference = make_policy()
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    results = {}
    for target in ("step_start", "reference"):
        model = make_policy()
        recipe = replace(RECIPE, loss=LossConfig(kl_coef=0.5), kl_target=target)  # type: ignore[arg-type]
        results[target] = learner(model, recipe, reference).step(make_groups(4)), gradient(model)
    plain = make_policy()
    learner(plain).step(make_groups(4))
    assert torch.equal(results["step_start"][1], gradient(plain))
    assert not torch.allclose(results["reference"][1], gradient(plain))
    assert results["step_start"][0].kl == 0.0
    assert results["reference"][0].kl > 0.0


def test_a_reference_that_is_asked_for_and_missing_is_an_error(make_policy: Policy) -> None:
    with pytest.raises(ValueError, match="kl_target"):
        learner(make_policy(), replace(RECIPE, loss=LossConfig(kl_coef=0.1), kl_target="reference"))


def test_weights_stay_as_they_were_when_the_gradient_is_not_finite(make_policy: Policy, make_groups: Groups) -> None:
    model = make_policy()
    trained = learner(model)
    trained.step(make_groups(5))
    before = weights(model)
    model.lm_head.weight.register_hook(lambda grad: grad * float("nan"))
    with pytest.raises(NonFiniteGradient, match="learning_rate"):
        trained.step(make_groups(6))
    assert torch.equal(weights(model), before)
    assert trained.num_updates == 1


def test_learning_rate_warms_up_linearly_and_then_stays() -> None:
    recipe = Recipe(learning_rate=1.0, warmup_updates=4)
    assert [learning_rate(recipe, n) for n in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert learning_rate(Recipe(learning_rate=1.0, warmup_updates=0), 0) == 1.0
