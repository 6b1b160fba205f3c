"""Runs in Redis: create, look, lease, stop, resume, fail. The process itself holds nothing that matters."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Sequence
from typing import Any

from redis.asyncio import Redis

from rlvr.coordinator.changes import Changes
from rlvr.coordinator.scripts import call, script
from rlvr.coordinator.status import RunRecord, run_status
from rlvr.core.errors import Conflict, NotFound
from rlvr.core.run_spec import RunSpec
from rlvr.core.streams import keys
from rlvr.v1 import coordinator_pb2


class Runs:
    """All runs. Every change is one Lua call, so any number of coordinators may share a Redis."""

    def __init__(self, redis: Redis, changes: Changes, *, lease_s: float, record_ttl_s: float) -> None:
        self._redis = redis
        self._changes = changes
        self._lease_ms = round(lease_s * 1000)
        self._record_ttl_ms = round(record_ttl_s * 1000)
        self._create = script(redis, "create")
        self._acquire = script(redis, "acquire")
        self._halt = script(redis, "halt")
        self._resume = script(redis, "resume")
        self._waiting = script(redis, "waiting")

    async def create(self, spec: RunSpec, request_id: str = "") -> str:
        """Add a pending run and version 0 of its policy; returns its id. The same `request_id` gives the same run.

        Raises:
            Conflict: the policy's name belongs to a run that can still go on.
        """
        message = spec.to_proto()
        while True:
            request_id = request_id or secrets.token_hex(16)
            run_id = f"{spec.name}-{request_id[:8]}"
            message.policy = spec.policy or run_id
            word, rest = await call(
                self._create,
                [
                    *(keys.run(run_id), keys.RUNS, keys.LIVE_RUNS),
                    *(keys.policy(message.policy), keys.prompts(message.policy)),
                ],
                [
                    run_id,
                    repr(time.time()),
                    message.SerializeToString(),
                    message.policy,
                    spec.policy_path,
                    keys.run(""),
                    request_id,
                ],
            )
            if word == "owned":
                owner, state = (part.decode() for part in rest)
                raise Conflict(
                    f"policy {message.policy!r} belongs to run {owner}, which is {state}: "
                    "let that run end, or give this one another policy name"
                )
            if word == "created":
                self._changes.announce()
                return run_id
            request_id = ""

    async def record(self, run_id: str) -> RunRecord:
        """A run's hash.

        Raises:
            NotFound: there is no such run.
        """
        fields: Any = await self._redis.hgetall(keys.run(run_id))
        if not fields:
            raise NotFound(f"there is no run {run_id!r}")
        return RunRecord.parse(run_id, fields)

    async def records(self, run_ids: Collection[str]) -> dict[str, RunRecord]:
        """The hashes of runs by id; those that do not exist are left out."""
        pipe = self._redis.pipeline(transaction=False)
        for run_id in run_ids:
            pipe.hgetall(keys.run(run_id))
        replies = await pipe.execute()
        return {
            run_id: RunRecord.parse(run_id, fields) for run_id, fields in zip(run_ids, replies, strict=True) if fields
        }

    async def in_flight(self, run_id: str) -> int:
        """How many groups of a run are admitted and neither trained on nor dropped."""
        count: int = await self._redis.zcard(keys.in_flight(run_id))
        return count

    async def live(self) -> list[str]:
        """Ids of the runs that are pending or running, oldest first."""
        ids: Any = await self._redis.zrange(keys.LIVE_RUNS, 0, -1)
        return [run_id.decode() for run_id in ids]

    async def in_state(self, state: str) -> list[str]:
        """Ids of the live runs in a state (`pending` or `running`), oldest first."""
        ids = await self.live()
        pipe = self._redis.pipeline(transaction=False)
        for run_id in ids:
            pipe.hget(keys.run(run_id), "state")
        states = await pipe.execute() if ids else []
        return [run_id for run_id, is_now in zip(ids, states, strict=True) if is_now == state.encode()]

    async def count_by_state(self) -> dict[str, int]:
        """State -> number of runs, all that there ever were."""
        ids: Any = await self._redis.zrange(keys.RUNS, 0, -1)
        pipe = self._redis.pipeline(transaction=False)
        for run_id in ids:
            pipe.hget(keys.run(run_id.decode()), "state")
        counts: dict[str, int] = {}
        for state in await pipe.execute() if ids else []:
            counts[state.decode()] = counts.get(state.decode(), 0) + 1
        return counts

    async def status(self, run_id: str) -> coordinator_pb2.RunStatus:
        """How a run goes.

        Raises:
            NotFound: there is no such run.
        """
        return (await self._statuses([run_id]))[0]

    async def statuses(self) -> list[coordinator_pb2.RunStatus]:
        """How all runs go, newest first."""
        ids: Any = await self._redis.zrange(keys.RUNS, 0, -1, desc=True)
        return await self._statuses([run_id.decode() for run_id in ids])

    async def _statuses(self, ids: Sequence[str]) -> list[coordinator_pb2.RunStatus]:
        pipe = self._redis.pipeline(transaction=False)
        for run_id in ids:
            pipe.hgetall(keys.run(run_id))
            pipe.zcard(keys.in_flight(run_id))
            pipe.get(keys.lease(run_id))
        replies: list[Any] = await pipe.execute() if ids else []
        records = []
        for run_id, fields in zip(ids, replies[::3], strict=True):
            if not fields:
                raise NotFound(f"there is no run {run_id!r}")
            records.append(RunRecord.parse(run_id, fields))
        for record in records:
            pipe.hgetall(keys.policy(record.policy))
        registers = await pipe.execute() if ids else []
        return [
            run_status(
                record,
                register=register,
                in_flight=in_flight,
                waiting=await self._traces_waiting(record) if in_flight else 0,
                trainer_id=(holder or b"").decode(),
            )
            for record, register, in_flight, holder in zip(
                records, registers, replies[1::3], replies[2::3], strict=True
            )
        ]

    async def _traces_waiting(self, run: RunRecord) -> int:
        reply: Any = await self._waiting(
            [keys.in_flight(run.run_id)], [keys.group(""), keys.sampled(""), run.spec.group_size]
        )
        return int(reply)

    async def acquire(self, trainer_id: str, run_id: str) -> str:
        """Renew a trainer's lease of `run_id`, or without one find it a run: its own, else the oldest free one.

        Returns the run's id, or nothing when there is none to have or the lease is lost.
        """
        if run_id:
            return run_id if await self._try_acquire(trainer_id, run_id) else ""
        live = await self.live()
        holders = await self._redis.mget([keys.lease(i) for i in live]) if live else []
        own = [i for i, holder in zip(live, holders, strict=True) if holder == trainer_id.encode()]
        free = [i for i, holder in zip(live, holders, strict=True) if holder is None]
        for candidate in own + free:
            if await self._try_acquire(trainer_id, candidate):
                self._changes.announce()
                return candidate
        return ""

    async def _try_acquire(self, trainer_id: str, run_id: str) -> bool:
        return bool(
            await self._acquire([keys.run(run_id), keys.lease(run_id)], [trainer_id, self._lease_ms, repr(time.time())])
        )

    async def stop(self, run_id: str) -> None:
        """Stop a run; nothing if it is stopped.

        Raises:
            NotFound: there is no such run.
            Conflict: it has ended.
        """
        word, rest = await self._halt_run(run_id, "stopped", "", "", ["pending", "running"])
        if word == "refused":
            raise Conflict(f"run {run_id} has {rest[0].decode()}: only a pending or running run can be stopped")

    async def fail(self, run_id: str, error: str, *, trainer_id: str = "") -> None:
        """Fail a run, with why; nothing if it has failed. `trainer_id` is the trainer that says so, if it is one.

        Raises:
            NotFound: there is no such run.
            Conflict: it has succeeded, or another trainer has it.
        """
        word, rest = await self._halt_run(run_id, "failed", error, trainer_id, ["pending", "running", "stopped"])
        if word == "refused":
            raise Conflict(f"run {run_id} has {rest[0].decode()}: it cannot fail any more")
        if word == "lease":
            raise Conflict(f"run {run_id} is held by trainer {rest[0].decode()!r}, not by {trainer_id!r}")

    async def _halt_run(
        self, run_id: str, state: str, error: str, trainer_id: str, allowed: list[str]
    ) -> tuple[str, list[Any]]:
        await self.record(run_id)
        reply = await call(
            self._halt,
            [keys.run(run_id), keys.in_flight(run_id), keys.LIVE_RUNS, keys.lease(run_id)],
            [
                *(state, error, repr(time.time()), run_id, self._record_ttl_ms, keys.group(""), trainer_id),
                *allowed,
            ],
        )
        self._changes.announce()
        return reply

    async def resume(self, run_id: str) -> None:
        """Let a stopped or failed run wait for a trainer again; nothing if it is going.

        Raises:
            NotFound: there is no such run.
            Conflict: it has succeeded, or its policy's name belongs to another run by now.
        """
        run = await self.record(run_id)
        word, rest = await call(self._resume, [keys.run(run_id), keys.LIVE_RUNS, keys.policy(run.policy)], [run_id])
        if word == "refused":
            raise Conflict(f"run {run_id} has {rest[0].decode()}: there is nothing left to do")
        if word == "owned":
            raise Conflict(f"policy {run.policy!r} belongs to run {rest[0].decode()} by now")
        self._changes.announce()
