"""A room ends when it is told to."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

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


async def test_the_watch_on_redis_outlives_a_redis_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlvr.core.room._PING_S", 0.01)
    answers = asyncio.Event()

    class StandsStill:
        async def ping(self) -> None:
            if not answers.is_set():
                await asyncio.Event().wait()

    health = Health()
    health.parts["redis"] = "not reached yet"
    watch = asyncio.create_task(_watch_redis(SimpleNamespace(redis=StandsStill(), health=health)))  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(60):
            while "no answer" not in health.parts["redis"]:
                assert not watch.done()
                await asyncio.sleep(0.01)
            answers.set()
            while not health.ready:
                assert not watch.done()
                await asyncio.sleep(0.01)
    finally:
        watch.cancel()
