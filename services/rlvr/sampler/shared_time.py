"""Whose time the sampler's was: the time in which anything is sampled, split among the groups being sampled."""

from __future__ import annotations

import time
from collections.abc import Callable


class SharedTime:
    """While n groups are being sampled, each is charged 1/n of the time, so that charges add up to the time that
    passed, however many overlap and whatever the engine does inside.

    `start` and `stop` read a meter that runs at 1/n of the clock: a group's share is what it has advanced meanwhile.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._read_at = 0.0
        self._meter = 0.0
        self._running = 0

    def start(self) -> float:
        """A group begins; give the result to `stop`."""
        self._advance()
        self._running += 1
        return self._meter

    def stop(self, started: float) -> float:
        """A group ends; its share in seconds."""
        self._advance()
        self._running -= 1
        return self._meter - started

    def _advance(self) -> None:
        now = self._clock()
        if self._running:
            self._meter += (now - self._read_at) / self._running
        self._read_at = now
