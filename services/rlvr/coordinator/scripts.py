"""The coordinator's Lua scripts: each change of a run's state is one of them, atomic and idempotent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from rlvr.core.streams.scripts import Script, Value

Call = tuple[Sequence[str], Sequence[Value]]
"""The keys and the arguments of one call."""


def script(redis: Redis, name: str) -> Script:
    """The script `lua/<name>.lua`."""
    return Script(redis, name, package="rlvr.coordinator")


async def call(script: Script, keys: Sequence[str], args: Sequence[Value]) -> tuple[str, list[Any]]:
    """One call of a script that returns {word, ...}; the word as text and the rest as it is."""
    reply: Any = await script(keys, args)
    return reply[0].decode(), reply[1:]
