"""The life of a room's process: settings, logs, metrics, Redis, gRPC, workers, and the order in which it ends.

On SIGTERM or SIGINT: health says NOT_SERVING, streams are read no more, work in hand is finished, running calls
end, connections close. A second signal ends the process at once.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from redis.asyncio import Redis

from rlvr import __version__
from rlvr.core import metrics, process
from rlvr.core.rpc_server import Health, RpcServer
from rlvr.core.settings import CoreSettings
from rlvr.core.streams import LOST, connect
from rlvr.core.telemetry import get_logger

S = TypeVar("S", bound=CoreSettings)
log = get_logger("room")

_PING_S = 5.0
_NO_ANSWER: tuple[type[Exception], ...] = (TimeoutError, *LOST)


class Worker(Protocol):
    """Something that works in the background."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then finish what is in hand and return. Returning or raising earlier
        ends the room."""
        ...


@dataclass
class Room(Generic[S]):
    """What a room is made of while it runs."""

    name: str
    settings: S
    redis: Redis
    health: Health
    rpc: RpcServer
    workers: list[Worker] = field(default_factory=list)

    @property
    def consumer_name(self) -> str:
        """This process's name in consumer groups: stable over restarts where the platform gives one."""
        return self.settings.streams.consumer or f"{socket.gethostname()}-{self.name}"


Build = Callable[[Room[S]], AbstractAsyncContextManager[None]]
"""Puts services on `room.rpc` and workers into `room.workers`; its exit releases what it made."""


def main(name: str, kind: type[S], build: Build[S]) -> int:
    """Run a room until it is told to stop; the exit code. `build` may import what is heavy."""
    return process.run(name, kind, lambda settings, stopping: _run(name, settings, stopping, build))


async def _run(name: str, settings: S, stopping: asyncio.Event, build: Build[S]) -> int:
    metrics_port = metrics.serve_metrics(settings.metrics.listen)
    health = Health()
    redis = connect(settings.redis)
    room = Room(name, settings, redis, health, RpcServer(settings.grpc, health))
    health.parts["redis"] = "not reached yet"
    try:
        async with build(room):
            port = await room.rpc.start()
            log.info("room is up", version=__version__, grpc_port=port, metrics_port=metrics_port, pid=os.getpid())
            return await _work(room, stopping)
    finally:
        await redis.aclose()
        log.info("room is down")


async def _work(room: Room[S], stopping: asyncio.Event) -> int:
    """Run the workers until a signal, or until one of them ends, which is a failure."""
    watch = asyncio.create_task(_watch_redis(room))
    stop: asyncio.Task[Any] = asyncio.create_task(stopping.wait())
    workers: list[asyncio.Task[Any]] = [asyncio.create_task(worker.run(stopping)) for worker in room.workers]
    failed = False
    try:
        await asyncio.wait([stop, *workers], return_when=asyncio.FIRST_COMPLETED)
        for task in workers:
            if task.done() and not stopping.is_set():
                failed = True
                log.error("worker ended", exc_info=None if task.cancelled() else task.exception())
        log.info("draining", seconds=room.settings.grpc.drain_s)
        await room.health.drain()
        stopping.set()
        if workers:
            _done, late = await asyncio.wait(workers, timeout=room.settings.grpc.drain_s)
            if late:
                log.warning("work in hand was left for another worker", workers=len(late))
        await room.rpc.stop(room.settings.grpc.drain_s)
    finally:
        for task in (watch, stop, *workers):
            task.cancel()
        await asyncio.gather(watch, stop, *workers, return_exceptions=True)
    return 1 if failed else 0


async def _watch_redis(room: Room[S]) -> None:
    while True:
        try:
            async with asyncio.timeout(_PING_S):
                await room.redis.ping()
            await room.health.set_part("redis", "")
        except _NO_ANSWER as failure:
            why = str(failure) or f"no answer within {_PING_S:g} s"
            await room.health.set_part("redis", f"Redis cannot be reached: {why}")
        await asyncio.sleep(1)
