"""Connections to Redis, made one way."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Iterable

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TimeoutError,
)

from rlvr.core.settings import RedisSettings

_BROKEN: tuple[type[RedisError], ...] = (ConnectionError, TimeoutError, BusyLoadingError)

LOST: tuple[type[Exception], ...] = (*_BROKEN, OutOfMemoryError, ReadOnlyError)
"""What a broken, restarting or full Redis raises. Every effect is idempotent, so the call can be made again."""


class _Cancellable(AbstractConnection):
    """Sends within `asyncio.timeout`. Redis-py sends within `asyncio.wait_for`, which before Python 3.12 loses a
    cancellation that comes as what it waits for ends: with every command there were moments in which a task that was
    cancelled went on, and whoever waited for its end waited for ever."""

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            await self.check_health()
        # Without a time-out of its own the base class uses no `wait_for`. Nobody else is at this connection now.
        limit, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(limit):
                await super().send_packed_command(command, check_health=False)
        except builtins.TimeoutError:
            raise TimeoutError("Timeout writing to socket") from None
        finally:
            self.socket_timeout = limit


def connect(settings: RedisSettings) -> Redis:
    """A client with a pool of connections; replies are bytes. Nothing is sent until it is used.

    Commands are tried again for a few seconds when the connection breaks, so a killed connection or a Redis
    that restarts is a pause and not a failure.
    """
    pool = BlockingConnectionPool.from_url(
        settings.url,
        max_connections=settings.max_connections,
        socket_connect_timeout=settings.connect_timeout_s,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=1.0, base=0.05), retries=8, supported_errors=_BROKEN),
    )
    pool.connection_class = type("Connection", (_Cancellable, pool.connection_class), {})
    return Redis(connection_pool=pool)
