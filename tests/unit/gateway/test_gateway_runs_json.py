"""Runs as the API shows them."""

from __future__ import annotations

import json

from rlvr.core import run_spec
from rlvr.gateway import examples, runs_json, schema
from rlvr.v1 import common_pb2, coordinator_pb2


def names(message: type[coordinator_pb2.RunStatus | coordinator_pb2.StepRecord | common_pb2.PolicyVersion]) -> set[str]:
    return set(message.DESCRIPTOR.fields_by_name)


def test_the_models_have_the_fields_of_the_messages() -> None:
    assert set(schema.Run.model_fields) == names(coordinator_pb2.RunStatus)
    assert set(schema.Step.model_fields) == names(coordinator_pb2.StepRecord)
    assert set(schema.PolicyVersion.model_fields) == names(common_pb2.PolicyVersion)


def test_a_run_is_shown_with_words_and_numbers() -> None:
    spec = run_spec.parse(examples.RUN[0].request)
    message = coordinator_pb2.RunStatus(
        run_id="sums-1",
        spec=spec.to_proto(),
        state=coordinator_pb2.RUN_STATE_RUNNING,
        step=2**40,
        policy=common_pb2.PolicyVersion(policy="sums-1", version=3),
        groups_dropped={"stale": 2},
        created_at=1.5,
        recent_rewards=[0.25, 0.5],
    )
    shown = json.loads(runs_json.run(message).model_dump_json())
    assert shown["state"] == "running"
    assert shown["step"] == 2**40
    assert shown["spec"]["training"]["groups_per_step"] == 32
    assert shown["spec"]["problems"]["config"] == {"min_terms": 3, "max_terms": 3}
    assert shown["policy"]["version"] == 3
    assert shown["groups_dropped"] == {"stale": 2}
    assert (shown["created_at"], shown["ended_at"]) == (1.5, None)
    assert shown["recent_rewards"] == [0.25, 0.5]


def test_a_step_is_shown_whole() -> None:
    shown = runs_json.step(coordinator_pb2.StepRecord(step=4, version=5, group_ids=["a"], lags={0: 3, 1: 5}))
    assert (shown.step, shown.version, shown.group_ids, shown.lags) == (4, 5, ["a"], {0: 3, 1: 5})
