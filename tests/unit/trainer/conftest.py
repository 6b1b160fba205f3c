"""A policy small enough to train in a test, and groups for it."""

import random
from collections.abc import Callable

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rlvr.trainer.traces import Group, Trace


@pytest.fixture
def make_policy() -> Callable[[], LlamaForCausalLM]:
    """Makes the same small random Llama each time."""

    def make() -> LlamaForCausalLM:
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=32,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=64,
            pad_token_id=0,
            eos_token_id=1,
            tie_word_embeddings=True,
        )
        return LlamaForCausalLM(config)

    return make


@pytest.fixture
def make_groups() -> Callable[[int], list[Group]]:
    """Makes four groups of four traces of mixed lengths from a seed; one trace in the first group is masked."""

    def make(seed: int) -> list[Group]:
        rng = random.Random(seed)
        groups: list[Group] = []
        for _ in range(4):
            prompt = [rng.randrange(2, 32) for _ in range(rng.randint(2, 6))]
            rewards: list[float | None] = [1.0, 0.0, rng.random(), rng.random()]
            group = []
            for reward in rewards:
                length = rng.randint(1, 9)
                group.append(
                    Trace(
                        prompt,
                        [rng.randrange(1, 32) for _ in range(length)],
                        [-3.4 + 0.4 * rng.random() for _ in range(length)],
                        reward,
                    )
                )
            groups.append(group)
        first = groups[0][3]
        groups[0] = [*groups[0][:3], Trace(first.prompt_ids, first.completion_ids, first.sampler_logprobs, None)]
        return groups

    return make
