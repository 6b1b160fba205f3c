"""Groups in Redis: admit, assemble, settle, drop. See each Lua script for what is atomic."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from rlvr.coordinator.decide import Settlement, bound, group_entry, max_degenerate
from rlvr.coordinator.scripts import Call, script
from rlvr.coordinator.status import RunRecord
from rlvr.core.errors import Conflict
from rlvr.core.streams import Outgoing, keys
from rlvr.core.streams.scripts import Script
from rlvr.v1 import trace_pb2

_MEMBERS_TTL_MS = 30 * 24 * 3600 * 1000
"""Members are deleted when their group is settled. Were they to expire before, the group could never complete."""


@dataclass(frozen=True, slots=True)
class ToSettle:
    """A group whose fate is decided."""

    run: RunRecord
    group_id: str
    settlement: Settlement
    traceparent: str
    """Of the verdict that decided it."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settlement led to."""

    fate: str
    """`late` when the group was settled before, or the fate that it now has."""
    admitted_at: float = 0.0
    lost_in_a_row: int = 0
    """Groups of the run that could not be scored, since the last that could."""


class Groups:
    """The groups of all runs."""

    def __init__(self, redis: Redis, *, record_ttl_s: float) -> None:
        self._redis = redis
        self._record_ttl_ms = round(record_ttl_s * 1000)
        self._admit = script(redis, "admit")
        self._assemble = Script(redis, "assemble")
        self._settle = script(redis, "settle")
        self._drop = script(redis, "drop")

    async def admit(self, run: RunRecord, prompts: Sequence[trace_pb2.PromptEntry]) -> int:
        """Admit groups, the first of which has the run's next sequence number; returns how many there was room
        for. None when the run has moved on since it was looked at."""
        limit, now = bound(run.spec, run.step), repr(time.time())
        calls: list[Call] = []
        for seq, prompt in enumerate(prompts, run.next_seq):
            out = Outgoing.of(keys.prompts(prompt.policy), prompt)
            calls.append(
                (
                    [keys.run(run.run_id), keys.in_flight(run.run_id), keys.group(prompt.group_id), out.stream],
                    [
                        *(seq, run.step, limit, prompt.group_id, prompt.group_size, run.run_id, now),
                        *(out.payload, out.traceparent),
                    ],
                )
            )
        replies: Any = await self._admit.many(self._redis, calls)
        return sum(replies)

    async def assemble(
        self, verdicts: Sequence[tuple[trace_pb2.VerdictEntry, bytes]]
    ) -> list[list[trace_pb2.VerdictEntry]]:
        """Put verdicts, each with its payload, in their groups. Returns for each all the verdicts of its group if
        the group is complete and not settled, else nothing."""
        calls: list[Call] = [
            (
                [keys.group(entry.group_id), keys.members(entry.group_id)],
                [entry.scored.verdict.trace_id, payload, _MEMBERS_TTL_MS],
            )
            for entry, payload in verdicts
        ]
        replies: Any = await self._assemble.many(self._redis, calls)
        return [
            [trace_pb2.VerdictEntry.FromString(raw) for raw in reply[1:]] if reply[0] == b"complete" else []
            for reply in replies
        ]

    async def settle(self, groups: Sequence[ToSettle]) -> list[Settled]:
        """Give groups their fate, each at most once."""
        calls: list[Call] = []
        for group in groups:
            run_id, group_id, settlement = group.run.run_id, group.group_id, group.settlement
            entry = group_entry(run_id, group_id, settlement)
            out = Outgoing.of(keys.groups(run_id), entry, group.traceparent)
            calls.append(
                (
                    [
                        *(keys.group(group_id), keys.members(group_id), keys.run(run_id)),
                        *(keys.in_flight(run_id), out.stream, keys.sampled(group_id)),
                    ],
                    [
                        *(group_id, settlement.fate, out.payload, out.traceparent),
                        *(max_degenerate(group.run.spec), repr(settlement.reward_sum), settlement.num_scored),
                        self._record_ttl_ms,
                    ],
                )
            )
        replies: Any = await self._settle.many(self._redis, calls)
        return [
            Settled("late") if reply[0] == b"late" else Settled(reply[0].decode(), float(reply[1]), int(reply[2]))
            for reply in replies
        ]

    async def drop(
        self, run_id: str, trainer_id: str, group_ids: Sequence[str], reason: trace_pb2.DropReason
    ) -> tuple[str, int, int]:
        """Drop complete groups that a trainer will not train on; those that have left the loop stay as they are.
        Returns the reason's word, how many this call dropped, and how many were dropped as failed since the run's
        last step.

        Raises:
            Conflict: a group is another run's, or another trainer has the run. Groups before it are dropped.
        """
        word = trace_pb2.DropReason.Name(reason).removeprefix("DROP_REASON_").lower()
        calls: list[Call] = [
            (
                [
                    *(keys.group(group_id), keys.run(run_id), keys.in_flight(run_id)),
                    *(keys.sampled(group_id), keys.lease(run_id)),
                ],
                [group_id, word, self._record_ttl_ms, run_id, trainer_id],
            )
            for group_id in group_ids
        ]
        replies: Any = await self._drop.many(self._redis, calls)
        for group_id, reply in zip(group_ids, replies, strict=True):
            if reply[0] == b"foreign":
                raise Conflict(f"group {group_id!r} does not belong to run {run_id}")
            if reply[0] == b"lease":
                raise Conflict(f"run {run_id} is held by trainer {reply[1].decode()!r}, not by {trainer_id!r}")
        dropped = [int(reply[1]) for reply in replies if reply[0] == b"dropped"]
        return word, len(dropped), max(dropped, default=0)
