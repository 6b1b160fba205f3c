"""The policy register, as samplers see it: which version to serve now."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis

from rlvr.coordinator.runs import Runs
from rlvr.coordinator.status import registered
from rlvr.core.streams import keys
from rlvr.v1 import coordinator_pb2


class Register:
    """Reads the register. What writes it is the creation of a run and the commit of a step."""

    def __init__(self, redis: Redis, runs: Runs) -> None:
        self._redis = redis
        self._runs = runs

    async def current(self, policy: str) -> coordinator_pb2.WatchPolicyResponse:
        """The version of `policy`, or with none named of the oldest running run's; empty when no running run has
        it."""
        running = await self._runs.in_state("running")
        if not policy:
            if not running:
                return coordinator_pb2.WatchPolicyResponse()
            policy = (await self._runs.record(running[0])).policy
        entry: Any = await self._redis.hgetall(keys.policy(policy))
        run_id = entry.get(b"run_id", b"").decode()
        if run_id not in running:
            return coordinator_pb2.WatchPolicyResponse()
        return coordinator_pb2.WatchPolicyResponse(policy=registered(policy, entry), run_id=run_id)
