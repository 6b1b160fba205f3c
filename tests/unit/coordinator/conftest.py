"""The coordinator's parts on a real Redis, and short ways to make what they work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from rlvr.coordinator.admission import Admission, Sources
from rlvr.coordinator.changes import Changes
from rlvr.coordinator.groups import Groups
from rlvr.coordinator.register import Register
from rlvr.coordinator.runs import Runs
from rlvr.coordinator.settings import CoordinatorSettings
from rlvr.coordinator.steps import Steps
from rlvr.coordinator.worker import VerdictWorker
from rlvr.core.run_spec import RunSpec, parse
from rlvr.core.settings import StreamSettings
from rlvr.core.streams import Consumer, add, keys
from rlvr.v1 import common_pb2, coordinator_pb2, trace_pb2, verifier_pb2


@dataclass
class Parts:
    """A coordinator taken apart."""

    redis: Redis
    changes: Changes
    runs: Runs
    groups: Groups
    steps: Steps
    register: Register
    admission: Admission
    verdicts: VerdictWorker
    consumer: Consumer

    async def start(self, spec: RunSpec, trainer: str = "t") -> str:
        """A run that is running and full."""
        run_id = await self.runs.create(spec)
        assert await self.runs.acquire(trainer, run_id) == run_id
        await self.fill(run_id)
        return run_id

    async def fill(self, run_id: str) -> None:
        while await self.admission._fill(await self.runs.record(run_id)):
            pass

    async def open_groups(self, run_id: str) -> list[str]:
        ids = [i.decode() for i in await self.redis.zrange(keys.in_flight(run_id), 0, -1)]
        return [i for i in ids if await self.redis.hget(keys.group(i), "state") == b"open"]

    async def ready_groups(self, run_id: str) -> list[trace_pb2.GroupEntry]:
        rows = await self.redis.xrange(keys.groups(run_id))
        return [trace_pb2.GroupEntry.FromString(fields[b"p"]) for _, fields in rows]

    async def tell(self, *entries: trace_pb2.VerdictEntry) -> None:
        """Pass entries through the stream and work on them."""
        for entry in entries:
            await add(self.redis, keys.VERDICTS, entry)
        await self.work()

    async def work(self) -> None:
        while batch := await self.consumer.read(100, 0):
            await self.verdicts.process(batch)

    async def score(self, group_id: str, *rewards: float | None, version: int = 0) -> None:
        await self.tell(*(verdict(group_id, i, reward, version) for i, reward in enumerate(rewards)))

    async def complete(self, run_id: str, group_ids: list[str], step: int, trainer: str = "t") -> None:
        run = await self.runs.record(run_id)
        record = coordinator_pb2.StepRecord(step=step, version=step + 1, group_ids=group_ids, mean_reward=0.25)
        policy = common_pb2.PolicyVersion(policy=run.policy, version=step + 1, uri=f"/v{step + 1}")
        await self.steps.complete(run_id, trainer, record, policy)


def verdict(group_id: str, index: int, reward: float | None, version: int = 0) -> trace_pb2.VerdictEntry:
    """A verdict; no reward is an error of ours."""
    outcomes = {1.0: verifier_pb2.OUTCOME_CORRECT, 0.0: verifier_pb2.OUTCOME_INCORRECT}
    entry = trace_pb2.VerdictEntry(run_id=group_id.rpartition("-")[0], group_id=group_id)
    entry.scored.span.CopyFrom(common_pb2.PolicySpan(min=version, max=version))
    entry.scored.verdict.trace_id = f"{group_id}/{index}"
    entry.scored.verdict.verifier = "math"
    if reward is None:
        entry.scored.verdict.outcome = verifier_pb2.OUTCOME_ERROR
        entry.scored.verdict.reason = verifier_pb2.REASON_GRADER_CRASHED
        entry.scored.verdict.detail = "the grader died"
    else:
        entry.scored.verdict.outcome = outcomes.get(reward, verifier_pb2.OUTCOME_PARTIAL)
        entry.scored.verdict.reward = reward
    return entry


@pytest.fixture(name="verdict")
def verdict_fixture() -> Callable[..., trace_pb2.VerdictEntry]:
    return verdict


@pytest.fixture
def parts(redis: Redis) -> Parts:
    changes, settings, streams = Changes(), CoordinatorSettings(), StreamSettings()
    runs = Runs(redis, changes, lease_s=30, record_ttl_s=60)
    groups = Groups(redis, record_ttl_s=60)
    consumer = Consumer(redis, keys.VERDICTS, "test")
    return Parts(
        redis,
        changes,
        runs,
        groups,
        Steps(redis, runs, changes, record_ttl_s=60),
        Register(redis, runs),
        Admission(runs, groups, Sources(), changes, settings),
        VerdictWorker(consumer, runs, groups, changes, settings=settings, streams=streams),
        consumer,
    )


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    """Three problems."""
    path = tmp_path / "problems.jsonl"
    lines = [f'{{"prompt": "{i} + 1?", "verifier": "math", "spec": {{"answer": "{i + 1}"}}}}' for i in range(3)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def run_spec(problems: Path) -> Callable[..., RunSpec]:
    """A run of P=2, S=1, k=2; keyword arguments change its recipe."""

    def make(name: str = "sums", policy: str = "", group_size: int = 2, **recipe: Any) -> RunSpec:
        return parse(
            {
                "name": name,
                "policy": policy,
                "policy_path": "/models/initial",
                "problems": {"kind": "jsonl", "path": str(problems)},
                "group_size": group_size,
                "training": {"steps": 10, "groups_per_step": 2, "max_staleness": 1, **recipe},
            }
        )

    return make
