"""Runs and steps from their messages to the API's models."""

from __future__ import annotations

from typing import Any

from rlvr.core import run_spec
from rlvr.gateway.schema import PolicyVersion, Run, Step
from rlvr.v1 import common_pb2, coordinator_pb2

_TIMES = ("created_at", "started_at", "ended_at")


def run(message: coordinator_pb2.RunStatus) -> Run:
    """A run as the API shows it: snake_case, states in lower case, 64-bit numbers as numbers."""
    plain = _fields(message, Run, except_for=("spec", "state", "policy", *_TIMES))
    times = {name: getattr(message, name) or None for name in _TIMES}
    policy = PolicyVersion(**_fields(message.policy, PolicyVersion)) if message.HasField("policy") else None
    state = coordinator_pb2.RunState.Name(message.state).removeprefix("RUN_STATE_").lower()
    return Run(spec=run_spec.from_proto(message.spec), state=state, policy=policy, **times, **plain)


def step(message: coordinator_pb2.StepRecord) -> Step:
    """A step's record as the API shows it."""
    return Step(**_fields(message, Step))


def _fields(
    message: coordinator_pb2.RunStatus | coordinator_pb2.StepRecord | common_pb2.PolicyVersion,
    model: type[Run | Step | PolicyVersion],
    except_for: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The model's fields of the message; the names are the same (a contract test checks it)."""
    values = {name: getattr(message, name) for name in model.model_fields if name not in except_for}
    return {name: value if isinstance(value, str | int | float) else _plain(value) for name, value in values.items()}


def _plain(value: Any) -> dict[Any, Any] | list[Any]:
    """A repeated field or a map as a list or a dict."""
    return dict(value) if hasattr(value, "items") else list(value)
