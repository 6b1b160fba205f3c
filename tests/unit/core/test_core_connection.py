"""Connections to Redis: a cancelled command ends, and so does one that cannot be sent."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import TimeoutError


async def test_a_command_that_is_cancelled_ends_whatever_it_is_at(redis: Redis) -> None:
    """Before Python 3.12, redis-py's own way to send loses a cancellation in the first turns of the loop."""
    await redis.ping()
    for turns in range(30):
        command = asyncio.create_task(redis.ping())
        for _ in range(turns):
            await asyncio.sleep(0)
        if command.cancel():
            await asyncio.wait([command])
            assert command.cancelled(), f"it went on when it was cancelled after {turns} turns of the loop"
    assert await redis.ping()


async def test_a_command_that_nobody_takes_ends_as_one_to_a_lost_redis(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await redis.connection_pool.get_connection()
    try:
        connection.socket_timeout = 0.01
        monkeypatch.setattr(connection._writer, "drain", asyncio.Event().wait)
        with pytest.raises(TimeoutError, match="writing"):
            await connection.send_command("PING")
        assert connection.socket_timeout == 0.01
    finally:
        await redis.connection_pool.release(connection)
