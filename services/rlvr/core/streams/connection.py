"""Connections to Redis, made one way."""

from __future__ import annotations

from redis.asyncio import BlockingConnectionPool, Redis
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
    return Redis(connection_pool=pool)
