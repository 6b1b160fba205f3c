"""Estimates of arithmetic, against numbers worked out by hand."""

from collections.abc import Callable

from transformers import LlamaForCausalLM

from rlvr.trainer.accounting import sampling_cost
from rlvr.trainer.flops import ModelFlops, Work, causal_pairs, model_flops, sampling_work
from rlvr.trainer.traces import Trace

BODY = 2 * (4 * 32 * 32 + 3 * 32 * 48)
"""Two layers of four square projections and a gated MLP."""
HEAD = 32 * 32


def test_parameters_are_those_in_matrices_the_tied_head_apart(make_policy: Callable[[], LlamaForCausalLM]) -> None:
    model = make_policy()
    flops = model_flops(model)
    assert flops == ModelFlops(body=BODY, head=HEAD, trained_body=BODY, trained_head=HEAD, pair=4 * 2 * 32)
    work = Work(tokens=10, predictions=3, pairs=55)
    assert flops.forward(work) == 2 * (BODY * 10 + HEAD * 3) + 256 * 55
    assert flops.training(work) == 3 * flops.forward(work)


def test_a_frozen_matrix_has_no_gradient_of_its_own(make_policy: Callable[[], LlamaForCausalLM]) -> None:
    model = make_policy().requires_grad_(False)
    work = Work(tokens=10, predictions=3)
    assert model_flops(model).training(work) == 2 * model_flops(model).forward(work)


def test_a_group_s_prompt_is_sampled_from_once_and_its_last_tokens_are_not_run() -> None:
    work = sampling_work(3, [4, 1])
    assert work == Work(tokens=3 + 3, predictions=1 + 3, pairs=causal_pairs(3) + 4 + 5 + 6)
    traces = [Trace([1, 2, 3], [4] * 4, [-1.0] * 4, 1.0), Trace([1, 2, 3], [4], [-1.0], None)]
    cost = sampling_cost([traces], ModelFlops(body=10, head=100, trained_body=0, trained_head=0, pair=1))
    assert (cost.prompt_tokens, cost.sampled_tokens, cost.prefill_tokens_saved) == (3, 5, 3)
    assert cost.flops == 2 * (10 * 6 + 100 * 4) + 6 + 15
