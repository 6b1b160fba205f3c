"""Reading a stream in a consumer group, and finishing what was read.

The life of an entry:

    XADD -> undelivered --read--> in hand --finish--> gone (result kept, next entries added, acked, deleted)
                                   |  ^                 ^
                       worker dies |  | claim           | bury: given up after `max_deliveries`
                                   v  |                 |
                                  idle ----------------'

Delivery is at least once; `finish` makes the effect happen at most once. Entries are deleted when they are
acknowledged, never before: a stream's length is then its backlog, and Redis keeps an honest lag figure. So each
stream has exactly one consumer group.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from rlvr.core import metrics
from rlvr.core.streams import entries, keys
from rlvr.core.streams.entries import Entry, Outgoing
from rlvr.core.streams.scripts import Script
from rlvr.v1 import trace_pb2

GROUP = "workers"
"""The one consumer group of every stream."""


@dataclass(frozen=True, slots=True)
class StreamStats:
    """How much work a stream holds."""

    lag: int
    """Entries not yet delivered."""
    pending: int
    """Entries delivered and not yet done."""
    oldest_pending_s: float
    """Seconds since the entry that is longest in hand was last heard of."""


class Consumer:
    """One worker's view of one stream. Not tied to an event loop until first used."""

    def __init__(self, redis: Redis, stream: str, name: str) -> None:
        self.stream = stream
        self.name = name
        self._redis = redis
        self._finish = Script(redis, "finish")
        self._bury = Script(redis, "bury")

    async def ensure_group(self) -> None:
        """Create the stream and its group if they are not there. Entries added before are delivered too."""
        try:
            await self._redis.xgroup_create(self.stream, GROUP, id="0", mkstream=True)
        except ResponseError as failure:
            if "BUSYGROUP" not in str(failure):
                raise

    async def read(self, count: int, block_ms: int) -> list[Entry]:
        """Up to `count` undelivered entries; waits at most `block_ms` for the first (0 does not wait)."""
        reply: Any = await self._with_group(
            lambda: self._redis.xreadgroup(
                GROUP, self.name, {self.stream: ">"}, count=count, block=block_ms if block_ms > 0 else None
            )
        )
        if not reply:
            return []
        per_stream = reply.values() if isinstance(reply, dict) else [rows for _, rows in reply]
        return [entries.parse(self.stream, raw) for rows in per_stream for raw in _flat(rows)]

    async def claim(self, count: int, min_idle_ms: int) -> list[Entry]:
        """Up to `count` entries whose worker was not heard of for `min_idle_ms`; counts as a delivery of each."""
        reply: Any = await self._with_group(
            lambda: self._redis.xautoclaim(self.stream, GROUP, self.name, min_idle_ms, "0-0", count=count)
        )
        rows = [row for row in reply[1] if row[1]]
        if not rows:
            return []
        metrics.STREAM_CLAIMED.labels(self.stream).inc(len(rows))
        return await self._with_deliveries(rows)

    async def recover(self, count: int, after: str = "") -> list[Entry]:
        """Up to `count` entries that a former life of this same worker left in hand, from the one after the id
        `after` on; counts as a delivery of each. So every one is recovered once, in pages."""
        first = f"({after}" if after else "-"
        pending: Any = await self._with_group(
            lambda: self._redis.xpending_range(self.stream, GROUP, first, "+", count, self.name)
        )
        return await self.again([row["message_id"].decode() for row in pending])

    async def again(self, ids: Sequence[str]) -> list[Entry]:
        """Deliver entries to this worker once more, whoever holds them; those that are gone are left out."""
        if not ids:
            return []
        rows: Any = await self._redis.xclaim(self.stream, GROUP, self.name, 0, list(ids))
        return await self._with_deliveries([row for row in rows if row[1]])

    async def heartbeat(self, ids: Sequence[str], min_idle_ms: int) -> None:
        """Say that these entries are still being worked on. One that another worker has claimed stays with it:
        its idle time is small, so `min_idle_ms` (half the heartbeat's interval) does not let it be taken back."""
        if ids:
            await self._redis.xclaim(self.stream, GROUP, self.name, min_idle_ms, list(ids), justid=True)

    async def finish(self, done: Sequence[tuple[Entry, str, bytes, Sequence[Outgoing]]], ttl_ms: int) -> list[bool]:
        """Finish entries, each as (entry, result key, result, outgoing entries), in one round trip.

        Each is atomic: the result is kept if there was none, the outgoing entries are added, the entry is
        acknowledged. Returns for each whether this call did it (False: it had been finished before).
        """
        calls = []
        for entry, result_key, result, outgoing in done:
            args: list[Any] = [GROUP, entry.id, result, ttl_ms]
            for item in outgoing:
                args += [item.payload, item.traceparent]
            calls.append(([result_key, entry.stream, *(item.stream for item in outgoing)], args))
        return [bool(reply) for reply in await self._finish.many(self._redis, calls)]

    async def bury(self, entry: Entry, error: str, outgoing: Sequence[Outgoing]) -> bool:
        """Give an entry up: a dead letter with the error, and `outgoing` so that the next stage does not wait."""
        letter = trace_pb2.DeadEntry(
            stream=entry.stream,
            entry_id=entry.id,
            payload=entry.payload,
            deliveries=entry.deliveries,
            error=error[:2000],
        )
        args: list[Any] = [GROUP, entry.id, letter.SerializeToString()]
        for item in outgoing:
            args += [item.payload, item.traceparent]
        buried = await self._bury([entry.stream, keys.DEAD, *(item.stream for item in outgoing)], args)
        if buried:
            metrics.DEAD_LETTERS.labels(self.stream).inc()
        return bool(buried)

    async def discard(self, done: Sequence[Entry]) -> None:
        """Acknowledge and delete entries whose effect is nothing (dead work) or was made elsewhere."""
        if not done:
            return
        ids = [entry.id for entry in done]
        pipe = self._redis.pipeline(transaction=True)
        pipe.xack(self.stream, GROUP, *ids)
        pipe.xdel(self.stream, *ids)
        await pipe.execute()

    async def stats(self) -> StreamStats:
        """The stream's backlog. Redis before 7 reports no lag: what is not pending is then undelivered."""
        length, groups, oldest = await self._with_group(self._read_stats)
        group = next(row for row in groups if row["name"] in (GROUP.encode(), GROUP))
        pending = int(group["pending"])
        lag = group.get("lag")
        idle_ms = oldest[0]["time_since_delivered"] if oldest else 0
        stats = StreamStats(length - pending if lag is None else int(lag), pending, idle_ms / 1000)
        metrics.STREAM_LAG.labels(self.stream).set(stats.lag)
        metrics.STREAM_PENDING.labels(self.stream).set(stats.pending)
        metrics.STREAM_OLDEST_PENDING.labels(self.stream).set(stats.oldest_pending_s)
        return stats

    async def _read_stats(self) -> list[Any]:
        pipe = self._redis.pipeline(transaction=True)
        pipe.xlen(self.stream)
        pipe.xinfo_groups(self.stream)
        pipe.xpending_range(self.stream, GROUP, "-", "+", 1)
        return list(await pipe.execute())

    async def _with_deliveries(self, rows: list[Any]) -> list[Entry]:
        """Add the delivery counts, which XCLAIM and XAUTOCLAIM do not return."""
        pipe = self._redis.pipeline(transaction=False)
        for entry_id, _ in rows:
            pipe.xpending_range(self.stream, GROUP, entry_id, entry_id, 1)
        counts = await pipe.execute()
        return [
            entries.parse(self.stream, raw, int(count[0]["times_delivered"]) if count else 1)
            for raw, count in zip(rows, counts, strict=True)
        ]

    async def _with_group(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Make the call; when the stream or group is not there (a new or emptied Redis), create it and try again."""
        try:
            return await call()
        except ResponseError as failure:
            if "NOGROUP" not in str(failure) and "no such key" not in str(failure):
                raise
            await self.ensure_group()
            return await call()


def _flat(rows: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """RESP3 nests a stream's rows one level deeper than RESP2."""
    return rows[0] if rows and isinstance(rows[0], list) else rows


async def add(redis: Redis, stream: str, message: Message, parent: str = "") -> str:
    """Append a message to a stream; returns its id. The group is the consumer's to create: it reads from the start."""
    outgoing = Outgoing.of(stream, message, parent)
    reply: Any = await redis.xadd(stream, {"p": outgoing.payload, "t": outgoing.traceparent})
    entry_id: str = reply.decode()
    return entry_id
