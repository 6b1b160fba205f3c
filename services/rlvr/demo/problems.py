"""The demo's problems: sums of three one-digit terms, from reasoning-gym, in a set to train on and one to test on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from rlvr.core.run_spec import ReasoningGymSource
from rlvr.trainer.arithmetic import in_warm_start

_CONFIG = {"min_terms": 3, "max_terms": 3, "min_digits": 1, "max_digits": 1}
_NUM_TRAIN = 2000
_NUM_CANDIDATES = 3000
_HELD_OUT_SEED = 1_000_000_000
"""Far from every training seed: reasoning-gym draws item i of seed s as item 0 of seed s + i."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A problem that the policy never sees while it learns."""

    question: str
    answer: str


def training_source(seed: int) -> ReasoningGymSource:
    """What the run trains on."""
    return ReasoningGymSource(name="chain_sum", config=_CONFIG, seed=seed * 100_000, size=_NUM_TRAIN)


def held_out(seed: int, count: int) -> list[HeldOut]:
    """`count` different problems of another seed, none of which is in the training source or in the warm-start."""
    taken = {question for question, _answer in _items(training_source(seed))}
    source = ReasoningGymSource(
        name="chain_sum", config=_CONFIG, seed=_HELD_OUT_SEED + seed * 100_000, size=_NUM_CANDIDATES
    )
    found = []
    for question, answer in _items(source):
        if question not in taken and not in_warm_start(question):
            taken.add(question)
            found.append(HeldOut(question, answer))
    assert len(found) >= count, f"only {len(found)} held-out problems"
    return found[:count]


def _items(source: ReasoningGymSource) -> list[tuple[str, str]]:
    with warnings.catch_warnings():
        # A dependency of reasoning-gym compares with `is "..."`.
        warnings.simplefilter("ignore", SyntaxWarning)
        import reasoning_gym
    items = reasoning_gym.create_dataset(source.name, **source.config, seed=source.seed, size=source.size)
    return [(item["question"], item["answer"]) for item in items]
