"""Steps: the one call that moves a run forward, and the records of those that are done."""

from __future__ import annotations

import struct
import time
from typing import Any

from redis.asyncio import Redis

from rlvr.coordinator.changes import Changes
from rlvr.coordinator.runs import Runs
from rlvr.coordinator.scripts import call, script
from rlvr.coordinator.status import RunRecord
from rlvr.core import metrics
from rlvr.core.errors import Conflict, FieldViolation, InvalidRequest
from rlvr.core.streams import keys
from rlvr.v1 import common_pb2, coordinator_pb2

_MAX_LISTED = 1000


class Steps:
    """The steps of all runs."""

    def __init__(self, redis: Redis, runs: Runs, changes: Changes, *, record_ttl_s: float) -> None:
        self._redis = redis
        self._runs = runs
        self._changes = changes
        self._record_ttl_ms = round(record_ttl_s * 1000)
        self._commit = script(redis, "commit")

    async def complete(
        self,
        run_id: str,
        trainer_id: str,
        record: coordinator_pb2.StepRecord,
        policy: common_pb2.PolicyVersion,
    ) -> None:
        """Complete a step and register the version it made. A step that was completed with the same groups is
        left as it is, so the call may be made again.

        Raises:
            NotFound: there is no such run.
            InvalidRequest: the record or the version does not fit the run.
            Conflict: another trainer has the run; the run is at an earlier step; the step was completed with
                other groups; or a group is not ready (trained before, or dropped).
        """
        run = await self._runs.record(run_id)
        _check(run, record, policy)
        kept = coordinator_pb2.StepRecord()
        kept.CopyFrom(record)
        # What arrives between this look and the commit counts towards the next step.
        if run.window_scored:
            kept.mean_reward_all = run.window_reward / run.window_scored
        else:
            kept.mean_reward_all = record.mean_reward
        reward, scored = (run.window_reward, run.window_scored) if run.window_scored else (0.0, 0)
        word, rest = await call(
            self._commit,
            [
                keys.run(run_id),
                keys.in_flight(run_id),
                keys.steps(run_id),
                keys.policy(run.policy),
                keys.lease(run_id),
                keys.LIVE_RUNS,
                keys.prompts(run.policy),
                keys.groups(run_id),
                keys.journal(run_id),
                *(keys.group(group_id) for group_id in record.group_ids),
            ],
            [
                *(trainer_id, record.step, kept.SerializeToString(), policy.uri, policy.manifest_sha256),
                *(run_id, run.spec.training.steps, repr(-reward), -scored, repr(time.time())),
                *(self._record_ttl_ms, struct.pack("<d", record.mean_reward)),
                *(keys.group(""), keys.sampled("")),
                *record.group_ids,
            ],
        )
        if word == "committed":
            metrics.GROUPS.labels("trained").inc(len(record.group_ids))
            self._changes.announce()
        elif word == "done":
            _check_same(rest[0], record)
        else:
            raise Conflict(_why_refused(word, rest, run, trainer_id, record.step))

    async def list(self, run_id: str, from_step: int, limit: int) -> list[coordinator_pb2.StepRecord]:
        """The records of a run's steps in order, from one on; at most 1000.

        Raises:
            NotFound: there is no such run.
            InvalidRequest: a negative number.
        """
        violations = [
            FieldViolation(name, f"is {value}; must not be negative")
            for name, value in (("from_step", from_step), ("limit", limit))
            if value < 0
        ]
        if violations:
            raise InvalidRequest("steps are counted from 0", violations=violations)
        await self._runs.record(run_id)
        count = min(limit or _MAX_LISTED, _MAX_LISTED)
        rows: Any = await self._redis.lrange(keys.steps(run_id), from_step, from_step + count - 1)
        return [coordinator_pb2.StepRecord.FromString(row) for row in rows]


def _check(run: RunRecord, record: coordinator_pb2.StepRecord, policy: common_pb2.PolicyVersion) -> None:
    per_step = run.spec.training.groups_per_step
    facts = [
        (record.step >= 0, "record.step", "must not be negative"),
        (record.version == record.step + 1, "record.version", "must be record.step + 1"),
        (policy.version == record.step + 1, "policy.version", "must be record.step + 1"),
        (policy.policy == run.policy, "policy.policy", f"must be {run.policy!r}, the run's policy"),
        (policy.uri, "policy.uri", "must say where the published weights are"),
        (
            len(set(record.group_ids)) == len(record.group_ids) == per_step,
            "record.group_ids",
            f"must name {per_step} different groups, as the recipe says",
        ),
    ]
    violations = [FieldViolation(name, fix) for holds, name, fix in facts if not holds]
    if violations:
        raise InvalidRequest(
            f"the step cannot be completed: {violations[0].field} {violations[0].description}",
            violations=violations,
        )


def _check_same(kept: bytes, record: coordinator_pb2.StepRecord) -> None:
    before = coordinator_pb2.StepRecord.FromString(kept)
    if list(before.group_ids) != list(record.group_ids):
        raise Conflict(f"step {record.step} was completed with other groups")


def _why_refused(word: str, rest: list[Any], run: RunRecord, trainer_id: str, step: int) -> str:
    told = [part.decode() for part in rest]
    match word:
        case "ahead":
            return f"run {run.run_id} is at step {told[0]}: complete that before step {step}"
        case "lease":
            return f"run {run.run_id} is held by trainer {told[0]!r}, not by {trainer_id!r}"
        case "owned":
            return f"policy {run.policy!r} belongs to run {told[0]} by now"
        case _:
            return f"group {told[0]} is {told[1]}, not ready: it cannot be trained on"
