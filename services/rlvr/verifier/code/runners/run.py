"""One run under way, as the room sees it."""

from __future__ import annotations

import asyncio
from typing import Any

from rlvr.verifier.code.runner import RunnerUnavailable


class Run:
    """One run under way."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[None] = loop.create_future()
        """The program's first line comes next; or RunnerUnavailable."""
        self.ended: asyncio.Future[tuple[int | None, float]] = loop.create_future()
        """The candidate's wait status, if known, and CPU seconds, once all it started is gone; or RunnerUnavailable."""

    @property
    def has_ended(self) -> bool:
        """Whether all it started is gone."""
        return self.ended.done() and not self.ended.exception()

    def fail(self, why: str) -> None:
        """Nothing was learnt about the program, and there is nothing left to wait for."""
        self.fail_start(why)
        _fail(self.ended, why)

    def fail_start(self, why: str) -> None:
        """The program never began."""
        _fail(self.started, why)


def _fail(future: asyncio.Future[Any], why: str) -> None:
    if not future.done():
        future.set_exception(RunnerUnavailable(why))
        future.exception()  # it may be that nobody waits for it any more
