"""The examples of the API's documentation. `tests/contract/test_gateway_examples.py` posts every one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Example:
    """A request, and what its answer must say."""

    name: str
    summary: str
    request: Any
    """The JSON body; of an NDJSON request the text."""
    answers: tuple[dict[str, Any], ...]
    """For each item the part of its verdict that does not depend on time or version."""


_RIGHT = {
    "verifier": "math",
    "completion": "Half of one is \\boxed{1/2}",
    "spec": {"answer": "0.5"},
    "trace_id": "run7-12/0",
    "policy_version": 7,
}
_WRONG = {"verifier": "math", "completion": "The answer is \\boxed{41}.", "spec": {"answer": "42"}}
_MALFORMED = {"verifier": "math", "completion": "\\boxed{42}"}

_IS_RIGHT = {"trace_id": "run7-12/0", "outcome": "correct", "reward": 1.0, "reason": "equivalent"}
_IS_WRONG = {"outcome": "incorrect", "reward": 0.0, "reason": "not_equivalent"}

VERIFY = [
    Example("right", "A right answer", _RIGHT, (_IS_RIGHT,)),
    Example("wrong", "A wrong answer", _WRONG, (_IS_WRONG,)),
    Example(
        "unknown-verifier",
        "No verifier has this name",
        {"verifier": "alchemy", "completion": "gold", "spec": {}},
        ({"outcome": "invalid", "reason": "unknown_verifier"},),
    ),
]

BATCH = [
    Example(
        "mixed",
        "A right, a wrong and a malformed item",
        {"items": [_RIGHT, _WRONG, _MALFORMED]},
        (
            _IS_RIGHT,
            _IS_WRONG,
            {"outcome": "invalid", "reason": "bad_spec", "detail": "spec: is missing; it must be an object"},
        ),
    ),
]

NDJSON = [
    Example(
        "stream",
        "An item per line",
        '{"verifier": "math", "completion": "\\\\boxed{42}", "spec": {"answer": "42"}}\n'
        '{"verifier": "math", "completion": "\\\\boxed{41}", "spec": {"answer": "42"}}\n',
        ({"index": 0, "outcome": "correct", "reward": 1.0}, {"index": 1, "outcome": "incorrect", "reward": 0.0}),
    ),
]

RUN = [
    Example(
        "chain-sum",
        "Sums of reasoning-gym",
        {
            "name": "sums",
            "policy_path": "policies/tiny",
            "problems": {"kind": "reasoning_gym", "name": "chain_sum", "config": {"min_terms": 3, "max_terms": 3}},
            "group_size": 8,
            "sampling": {"max_tokens": 24},
            "training": {"steps": 100, "groups_per_step": 32, "max_staleness": 1, "learning_rate": 1e-4},
        },
        ({"state": "pending", "step": 0},),
    ),
]
