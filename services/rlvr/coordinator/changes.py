"""How a change that this process made wakes those who wait for one."""

from __future__ import annotations

import asyncio


class Changes:
    """A broadcast. Take a ticket, look at the state, then wait with the ticket: no change is missed.

    It carries no data: Redis has the state, and whoever wakes looks there.
    """

    def __init__(self) -> None:
        self._next = asyncio.Event()
        self.closed = False
        """True once the process is stopping; then nobody waits any more."""

    def ticket(self) -> asyncio.Event:
        """Stands for the first change after this call."""
        return self._next

    def announce(self) -> None:
        """Something changed."""
        happened, self._next = self._next, asyncio.Event()
        happened.set()

    def close(self) -> None:
        """The process is stopping: wake everyone, for good."""
        self.closed = True
        self.announce()

    async def wait(self, ticket: asyncio.Event, timeout_s: float) -> None:
        """Return at the ticket's change, after `timeout_s`, or when closed."""
        if self.closed:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await ticket.wait()
        except TimeoutError:
            return
