"""A room ends when it is told to."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from rlvr.core.room import _watch_redis
from rlvr.core.rpc_server import Health


async def test_the_watch_on_redis_ends_though_it_is_cancelled_as_an_answer_comes() -> None:
    """A room waits for its watch when it drains; one that lost the cancellation kept the room up for ever."""

    class Answers:
        async def ping(self) -> None:
            asyncio.get_running_loop().call_soon(watch.cancel)

    watch = asyncio.create_task(_watch_redis(SimpleNamespace(redis=Answers(), health=Health())))  # type: ignore[arg-type]
    done, _ = await asyncio.wait([watch], timeout=30)
    assert done and watch.cancelled()
