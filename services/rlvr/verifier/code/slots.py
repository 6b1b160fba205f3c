"""Places for programs that run at the same time, and the line of those that wait for one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rlvr.core.errors import Overloaded
from rlvr.verifier.code.runner import NoSlot


class Slots:
    """Slots 0 to `count` - 1, given in the order in which they are asked for."""

    def __init__(self, count: int, max_queue: int) -> None:
        self._count = count
        self._max_queue = max_queue
        self._free = list(range(count))
        self._turn = asyncio.Semaphore(count)
        self._waiting = 0

    @asynccontextmanager
    async def take(self, timeout_s: float) -> AsyncIterator[int]:
        """Hold a slot for the block.

        Raises:
            NoSlot: none was free within `timeout_s`.
            Overloaded: `max_queue` wait already.
        """
        if self._turn.locked() and self._waiting >= self._max_queue:
            raise Overloaded(f"{self._waiting} programs already wait to be run", retry_after_seconds=1.0)
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout_s):
                await self._turn.acquire()
        except TimeoutError:
            raise NoSlot("the deadline passed before grading began") from None
        finally:
            self._waiting -= 1
        slot = self._free.pop()
        try:
            yield slot
        finally:
            self._free.append(slot)
            self._turn.release()

    async def all_free(self) -> None:
        """Wait until whoever holds a slot or stands in line now is done."""
        for _ in range(self._count):
            await self._turn.acquire()
        for _ in range(self._count):
            self._turn.release()
