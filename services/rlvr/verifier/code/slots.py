"""Places for programs that run at the same time, and the line of those that wait for one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rlvr.core import metrics
from rlvr.core.errors import Overloaded
from rlvr.verifier.code.runner import NoSlot

_FIRST_GUESS_S = 0.05
"""What a program holds its slot for, before one has."""
_NEWEST_SHARE = 0.2
"""Weight of the newest program in the moving average of that time."""
_LONGEST_RETRY_S = 60.0
"""Longest time that a refused caller is sent away for: by then the line may be another one."""


class Slots:
    """Slots 0 to `count` - 1, given in the order in which they are asked for."""

    def __init__(self, count: int, max_queue: int) -> None:
        self._count = count
        self._max_queue = max_queue
        self._free = list(range(count))
        self._turn = asyncio.Semaphore(count)
        self._waiting = 0
        self._mean_held_s = _FIRST_GUESS_S

    @asynccontextmanager
    async def take(self, timeout_s: float, *, patient: bool = False) -> AsyncIterator[int]:
        """Hold a slot for the block. `patient` callers bound their own number and are not refused.

        Raises:
            NoSlot: none was free within `timeout_s`.
            Overloaded: `max_queue` wait already; says when those will have had their turn.
        """
        if self._turn.locked() and self._waiting >= self._max_queue and not patient:
            metrics.SANDBOX_REFUSED.inc()
            raise Overloaded(
                f"{self._waiting} programs already wait to be run", retry_after_seconds=self._line_takes_s()
            )
        self._waiting += 1
        metrics.SANDBOX_WAITING.inc()
        try:
            async with asyncio.timeout(timeout_s):
                await self._turn.acquire()
        except TimeoutError:
            raise NoSlot("the deadline passed before grading began") from None
        finally:
            self._waiting -= 1
            metrics.SANDBOX_WAITING.dec()
        slot = self._free.pop()
        begin = time.monotonic()
        metrics.SANDBOX_SLOTS_IN_USE.inc()
        try:
            yield slot
        finally:
            metrics.SANDBOX_SLOTS_IN_USE.dec()
            self._mean_held_s += _NEWEST_SHARE * (time.monotonic() - begin - self._mean_held_s)
            self._free.append(slot)
            self._turn.release()

    def _line_takes_s(self) -> float:
        """How long it takes until all that wait now have had a slot, if they are as the latest were."""
        return min(_LONGEST_RETRY_S, (self._waiting + 1) * self._mean_held_s / self._count)

    async def all_free(self) -> None:
        """Wait until whoever holds a slot or stands in line now is done."""
        for _ in range(self._count):
            await self._turn.acquire()
        for _ in range(self._count):
            self._turn.release()
