"""The demo measures on problems that the policy has never seen."""

from __future__ import annotations

import pytest
import reasoning_gym

from rlvr.demo.problems import held_out, training_source
from rlvr.trainer.arithmetic import in_warm_start


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_held_out_problems_are_in_neither_training_nor_warm_start(seed: int) -> None:
    source = training_source(seed)
    training = reasoning_gym.create_dataset(source.name, **source.config, seed=source.seed, size=source.size)
    questions = [problem.question for problem in held_out(seed, 256)]
    assert len(set(questions)) == 256
    assert not set(questions) & {item["question"] for item in training}
    assert not any(in_warm_start(question) for question in questions)


def test_each_seed_has_its_own_problems() -> None:
    assert training_source(0).seed != training_source(1).seed
    assert held_out(0, 50) != held_out(1, 50)
    assert held_out(0, 50) == held_out(0, 50)
