"""Boxes that are started ahead of their runs."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable

from rlvr.verifier.code.runner import RunnerUnavailable
from rlvr.verifier.code.runners.box import Box


class Pool:
    """Keeps `size` boxes ready, or on their way; each is given out once.

    It makes up for what it gave out, and for what broke, when the next one is taken and at no other time: an engine
    that is down is asked once for each run that wants a box, and the first run after it is back gets one.
    """

    def __init__(self, make: Callable[[], Box], size: int, startup_s: float) -> None:
        self._make = make
        self._size = size
        self._startup_s = startup_s
        self._boxes: deque[asyncio.Task[Box]] = deque()
        self._leaving: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Semaphore(2 * (os.cpu_count() or 1))

    async def take(self) -> Box:
        """A box of one's own; waits if none is ready.

        Raises:
            RunnerUnavailable: the next one did not start.
        """
        self._drop_broken()
        is_ahead = bool(self._boxes)
        task = self._boxes.popleft() if is_ahead else self._started()
        while len(self._boxes) < self._size:
            self._boxes.append(self._started())
        try:
            return await self._wait(task)
        except RunnerUnavailable:
            if not is_ahead:
                raise
        return await self._wait(self._started())  # what broke the other may be over

    async def _wait(self, task: asyncio.Task[Box]) -> Box:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._boxes.appendleft(task)  # for the next
            raise

    def give_back(self, box: Box) -> asyncio.Task[None]:
        """Remove a box that has been taken; the removal."""
        removal = asyncio.create_task(box.remove())
        self._leaving.add(removal)
        removal.add_done_callback(self._leaving.discard)
        return removal

    async def settled(self) -> None:
        """Wait until all boxes are ready or broken, and what was given back is gone."""
        while pending := {*self._leaving, *(task for task in self._boxes if not task.done())}:
            await asyncio.wait(pending)

    async def close(self) -> None:
        """Remove all of them."""
        tasks, self._boxes = list(self._boxes), deque()
        for task in tasks:
            task.cancel()
        for found in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(found, Box):
                self.give_back(found)
        await self.settled()

    def _drop_broken(self) -> None:
        for task in [task for task in self._boxes if task.done()]:
            if task.cancelled() or task.exception():
                self._boxes.remove(task)
            elif task.result().is_lost:
                self._boxes.remove(task)
                self.give_back(task.result())

    def _started(self) -> asyncio.Task[Box]:
        return asyncio.create_task(self._start())

    async def _start(self) -> Box:
        async with self._starting:
            box = self._make()
            try:
                async with asyncio.timeout(self._startup_s):
                    await box.start()
            except BaseException as failure:
                await asyncio.shield(self.give_back(box))
                if isinstance(failure, TimeoutError):
                    raise RunnerUnavailable(f"the sandbox was not ready after {self._startup_s:g} s") from None
                raise
            return box
