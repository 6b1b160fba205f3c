"""How much is with the server at a time. What waits, waits here and in order, where it can still be cancelled,
counted, and sampled from newer weights."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """What a group asks of the server."""

    samples: int
    tokens: int
    """Most that all its samples together may grow to, prompts included."""


class Admission:
    """Lets groups in, oldest first, while the sums stay within the limits. The oldest is never overtaken, so a large
    group is not starved by small ones."""

    def __init__(self) -> None:
        self.limit = Load(samples=0, tokens=0)
        self.running = 0
        """Samples let in."""
        self._tokens = 0
        self._queue: deque[tuple[Load, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """Samples not let in yet."""
        return sum(load.samples for load, _ in self._queue)

    def resize(self, limit: Load) -> None:
        """Set the limits; what is in stays in."""
        self.limit = limit
        self._admit()

    @asynccontextmanager
    async def place(self, load: Load) -> AsyncIterator[None]:
        """Wait for a place and hold it. `load` must be within the limits."""
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (load, admitted)
        self._queue.append(entry)
        self._admit()
        try:
            await admitted
            yield
        finally:
            if entry in self._queue:
                self._queue.remove(entry)
            else:
                self.running -= load.samples
                self._tokens -= load.tokens
            self._admit()

    def _admit(self) -> None:
        while self._queue:
            load, admitted = self._queue[0]
            fits = self.running + load.samples <= self.limit.samples and self._tokens + load.tokens <= self.limit.tokens
            # One that alone is more than the limit (the limit shrank while it waited) goes when it is alone.
            if not fits and self.running:
                return
            self._queue.popleft()
            self.running += load.samples
            self._tokens += load.tokens
            if not admitted.done():
                admitted.set_result(None)
