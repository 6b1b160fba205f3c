"""Lua scripts by file: EVALSHA, with the text sent again when a restarted Redis has forgotten it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import NoScriptError, OutOfMemoryError, ReadOnlyError, ResponseError

Value = bytes | str | int | float


@cache
def source(package: str, name: str) -> str:
    """The text of `<package>/lua/<name>.lua`."""
    return (files(package) / "lua" / f"{name}.lua").read_text()


class Script:
    """A Lua script, called with keys and arguments."""

    def __init__(self, redis: Redis, name: str, *, package: str = "rlvr.core.streams") -> None:
        self._script: AsyncScript = redis.register_script(source(package, name))

    async def __call__(self, keys: Sequence[str], args: Sequence[Value]) -> object:
        """One call; returns what the script returns.

        Raises:
            redis.exceptions.RedisError: what Redis says, by its class even where a script's error hides it.
        """
        with _classified():
            return await self._script(keys=list(keys), args=list(args))

    async def many(self, redis: Redis, calls: Sequence[tuple[Sequence[str], Sequence[Value]]]) -> list[object]:
        """Several calls in one round trip, each atomic by itself; results in order.

        Raises:
            redis.exceptions.RedisError: the first call that failed.
        """
        try:
            return await self._pipelined(redis, calls)
        except NoScriptError:
            await redis.script_load(self._script.script)
            # Calls before the failing one were not run either: the SHA was unknown to all of them.
            return await self._pipelined(redis, calls)

    async def _pipelined(self, redis: Redis, calls: Sequence[tuple[Sequence[str], Sequence[Value]]]) -> list[object]:
        pipe = redis.pipeline(transaction=False)
        for keys, args in calls:
            pipe.evalsha(self._script.sha, len(keys), *keys, *args)
        with _classified():
            return list(await pipe.execute())


@contextmanager
def _classified() -> Iterator[None]:
    """Redis before 7 wraps the error of a command in a script into one of its own, whose class says nothing."""
    try:
        yield
    except ResponseError as failure:
        if type(failure) is ResponseError:
            if "OOM command not allowed" in str(failure):
                raise OutOfMemoryError(str(failure)) from failure
            if "READONLY" in str(failure):
                raise ReadOnlyError(str(failure)) from failure
        raise
