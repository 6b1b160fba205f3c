"""The loop of a stream worker: read, handle, finish; take over the work of the dead; drain on request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from google.protobuf.message import DecodeError

from rlvr.core import metrics
from rlvr.core.settings import StreamSettings
from rlvr.core.streams.connection import LOST
from rlvr.core.streams.consumer import Consumer
from rlvr.core.streams.entries import Entry, Outgoing
from rlvr.core.telemetry import get_logger

log = get_logger("streams")

T = TypeVar("T")

_BLOCK_MS = 1000
_MAX_BACKOFF_S = 15.0


@dataclass(frozen=True, slots=True)
class Finished:
    """What an entry led to."""

    result_key: str
    """Names the effect; the first to write it wins."""
    result: bytes
    outgoing: Sequence[Outgoing] = field(default=())


Handler = Callable[[Entry], Awaitable[Finished | None]]
"""Works on one entry. None discards it: dead work. An exception delivers it again after a pause."""


class NotNow(Exception):
    """A handler's way to say that this worker cannot do it now, through no fault of the entry's. The entry stays
    pending and is not heartbeated, so that a worker that can takes it after `min_idle_s`; no failure is counted."""


Bury = Callable[[Entry, str], Sequence[Outgoing]]
"""What the next stage is told when an entry is given up, so that it does not wait for ever."""


async def feed(
    consumer: Consumer, settings: StreamSettings, stopping: asyncio.Event, room: Callable[[], Awaitable[int]]
) -> AsyncIterator[list[Entry]]:
    """Batches of entries until `stopping`: first what a former life of this worker left in hand, then new
    entries, with a look for the work of dead workers every quarter of `min_idle_s`.

    `room` waits until there is room for at least one entry and says for how many. A lost Redis is waited for.
    """
    min_idle_ms = round(settings.min_idle_s * 1000)
    recovered: str | None = ""
    """The last entry that was recovered; None when all are."""
    next_claim = 0.0
    pause = 0.1
    while not stopping.is_set():
        count = await room()
        if stopping.is_set():
            return
        try:
            if recovered is not None:
                batch = await consumer.recover(count, recovered)
                recovered = batch[-1].id if batch else None
                if batch:
                    yield batch
                    continue
            if time.monotonic() >= next_claim:
                if batch := await consumer.claim(count, min_idle_ms):
                    yield batch
                    continue
                next_claim = time.monotonic() + settings.min_idle_s / 4
            batch = await _read_or_stop(consumer, count, stopping)
            pause = 0.1
        except LOST as failure:
            log.warning("redis is lost; trying again", stream=consumer.stream, error=str(failure), pause_s=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, 2.0)
            continue
        if batch:
            yield batch


async def _read_or_stop(consumer: Consumer, count: int, stopping: asyncio.Event) -> list[Entry]:
    """A blocking read that does not hold up a shutdown. The read is let run out, never cancelled: what it was
    given would stay in hand with nobody."""
    batch = await consumer.read(count, 0)
    if batch or stopping.is_set():
        return batch
    return await consumer.read(count, _BLOCK_MS)


class StreamWorker:
    """Handles a stream's entries, `capacity` at a time, each exactly as long as it needs.

    In hand is what was read and is not finished; it is heartbeated, so that a long job is not taken for a
    dead worker's. `run` returns once `stopping` is set and everything in hand is finished.
    """

    def __init__(
        self,
        consumer: Consumer,
        settings: StreamSettings,
        *,
        handler: Handler,
        bury: Bury,
        capacity: int,
        name: str,
    ) -> None:
        self._consumer = consumer
        self._settings = settings
        self._handler = handler
        self._bury = bury
        self._capacity = capacity
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        self._space = asyncio.Condition()
        self._done: asyncio.Queue[tuple[Entry, Finished | None]] = asyncio.Queue()
        self._broken: asyncio.Future[None]
        self._log = log.bind(stream=consumer.stream, worker=name)

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping`, then finish what is in hand.

        Raises:
            redis.exceptions.ResponseError: Redis refuses what a worker must do; the room ends and is started again.
        """
        self._broken = asyncio.get_running_loop().create_future()
        reading = self._supervised(self._read(stopping))
        helpers = [self._supervised(self._heartbeats()), self._supervised(self._flush())]
        try:
            await asyncio.wait({reading, self._broken}, return_when=asyncio.FIRST_COMPLETED)
            if self._broken.done():
                await self._broken
        finally:
            await _end(reading, *helpers, *self._in_hand.values())

    async def _read(self, stopping: asyncio.Event) -> None:
        async for batch in feed(self._consumer, self._settings, stopping, self._room):
            for entry in batch:
                if entry.id not in self._in_hand:
                    self._in_hand[entry.id] = self._supervised(self._handle(entry))
        async with self._space:
            await self._space.wait_for(lambda: not self._in_hand)

    def _supervised(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task whose failure is the worker's: a part that died silently would leave its entries in hand for ever."""

        def note(task: asyncio.Task[None]) -> None:
            failure = None if task.cancelled() else task.exception()
            if failure is not None and not self._broken.done():
                self._broken.set_exception(failure)

        task = asyncio.create_task(work)
        task.add_done_callback(note)
        return task

    async def _room(self) -> int:
        async with self._space:
            await self._space.wait_for(lambda: len(self._in_hand) < self._capacity)
            return self._capacity - len(self._in_hand)

    async def _handle(self, entry: Entry) -> None:
        """Work on an entry until it is done or given up."""
        while True:
            if entry.deliveries > self._settings.max_deliveries:
                await self._give_up(entry, f"delivered {entry.deliveries} times without being finished")
                return
            try:
                result = await self._handler(entry)
                break
            except NotNow as reason:
                self._log.info("entry left for later", entry=entry.id, why=str(reason))
                await self._release(entry)
                return
            except Exception as failure:  # noqa: BLE001 - the boundary: any failure delivers the entry again
                self._log.exception("entry failed", entry=entry.id, deliveries=entry.deliveries)
                metrics.STREAM_ENTRIES.labels(entry.stream, "failed").inc()
                if entry.deliveries >= self._settings.max_deliveries:
                    await self._give_up(entry, f"{type(failure).__name__}: {failure}")
                    return
                await asyncio.sleep(min(0.25 * 2**entry.deliveries, _MAX_BACKOFF_S))
                again = await self._insist(partial(self._consumer.again, [entry.id]))
                if not again:
                    await self._release(entry)
                    return
                entry = again[0]
        self._done.put_nowait((entry, result))

    async def _give_up(self, entry: Entry, error: str) -> None:
        self._log.error("entry given up", entry=entry.id, error=error)
        try:
            outgoing = self._bury(entry, error)
        except DecodeError:
            # Not one of our messages: there is nobody to tell, and the dead letter keeps it.
            outgoing = []
        await self._insist(partial(self._consumer.bury, entry, error, outgoing))
        metrics.STREAM_ENTRIES.labels(entry.stream, "dead").inc()
        await self._release(entry)

    async def _flush(self) -> None:
        """Finish what is done, as much as there is at a time in one round trip."""
        ttl_ms = round(self._settings.result_ttl_s * 1000)
        while True:
            batch = [await self._done.get()]
            while not self._done.empty() and len(batch) < 512:
                batch.append(self._done.get_nowait())
            finished = [(entry, r.result_key, r.result, r.outgoing) for entry, r in batch if r is not None]
            dead = [entry for entry, r in batch if r is None]
            if finished:
                await self._insist(partial(self._consumer.finish, finished, ttl_ms))
                metrics.STREAM_ENTRIES.labels(self._consumer.stream, "finished").inc(len(finished))
            if dead:
                await self._insist(partial(self._consumer.discard, dead))
                metrics.STREAM_ENTRIES.labels(self._consumer.stream, "discarded").inc(len(dead))
            await self._release(*(entry for entry, _ in batch))

    async def _insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make an idempotent call until Redis answers."""
        pause = 0.1
        while True:
            try:
                return await call()
            except LOST as failure:
                self._log.warning("redis is lost; trying again", error=str(failure), pause_s=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, 2.0)

    async def _release(self, *done: Entry) -> None:
        async with self._space:
            for entry in done:
                self._in_hand.pop(entry.id, None)
            self._space.notify_all()

    async def _heartbeats(self) -> None:
        half_ms = round(self._settings.heartbeat_s * 500)
        while True:
            await asyncio.sleep(self._settings.heartbeat_s)
            try:
                await self._consumer.heartbeat(list(self._in_hand), half_ms)
                await self._consumer.stats()
            except LOST as failure:
                self._log.warning("no heartbeat: redis is lost", error=str(failure))


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks until they have ended: a cancellation that arrives together with a reply can get lost within
    the Redis client (Python 3.11's wait_for drops it), and a loop would then go on for ever."""
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _done, running = await asyncio.wait(running, timeout=0.2)
    await asyncio.gather(*tasks, return_exceptions=True)
