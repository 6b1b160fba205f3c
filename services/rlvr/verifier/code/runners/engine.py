"""A container engine that speaks Docker's API, as far as a tier needs it."""

from __future__ import annotations

import asyncio
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from rlvr.verifier.code.runner import RunnerUnavailable

if TYPE_CHECKING:
    from docker import APIClient

_TIMEOUT_S = 10
"""For one answer of the engine's."""
_PLAIN = ("http+docker://localhost", "http://")
"""What docker-py calls connections whose bytes are the streams themselves."""


class NotThere(RunnerUnavailable):
    """The engine does not know the image or container."""


class Engine:
    """Its calls wait in threads of their own, and fail as `RunnerUnavailable`."""

    def __init__(self, host: str | None, num_threads: int) -> None:
        self._host = host
        self._threads = ThreadPoolExecutor(num_threads, "docker")
        self._client: APIClient | None = None

    async def connect(self) -> None:
        """Find the engine.

        Raises:
            RunnerUnavailable: there is none.
        """
        await self._in_thread(self._connect)

    async def call(self, method: str, *args: Any, **options: Any) -> Any:
        """Call a method of `docker.APIClient`. One that is cancelled has been carried out all the same.

        Raises:
            RunnerUnavailable: the engine does not answer, or refuses.
        """
        return await self._in_thread(self._call, method, *args, **options)

    async def attach(self, container: str) -> socket.socket:
        """A socket with the three standard streams of a container that is to be started next.

        Raises:
            RunnerUnavailable: the engine does not answer, or refuses.
        """
        return await self._in_thread(self._attach, container)

    def close(self) -> None:
        """Let go of it."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    async def _in_thread(self, function: Any, *args: Any, **options: Any) -> Any:
        work = asyncio.get_running_loop().run_in_executor(self._threads, partial(function, *args, **options))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait({work})
            raise

    def _connect(self) -> None:
        try:
            import docker
            import docker.utils
        except ImportError:
            raise RunnerUnavailable("the `docker` package is missing: pip install 'rlvr[docker]'") from None
        where = {"base_url": self._host} if self._host is not None else docker.utils.kwargs_from_env()
        try:
            self._client = docker.APIClient(**where, version="auto", timeout=_TIMEOUT_S)
        except docker.errors.DockerException as failure:
            raise RunnerUnavailable(f"no container engine answers: {str(failure)[:500]}") from failure
        if not self._client.base_url.startswith(_PLAIN):
            raise RunnerUnavailable(
                f"{self._client.base_url}: only unix:// and plain tcp:// addresses of an engine serve"
            )

    def _call(self, method: str, *args: Any, **options: Any) -> Any:
        from docker.errors import DockerException, NotFound
        from requests.exceptions import RequestException

        assert self._client is not None, "connect first"
        try:
            return getattr(self._client, method)(*args, **options)
        except NotFound as failure:
            raise NotThere(f"the container engine, {method}: {str(failure)[:500]}") from failure
        except (DockerException, RequestException, OSError) as failure:
            raise RunnerUnavailable(f"the container engine, {method}: {str(failure)[:500]}") from failure

    def _attach(self, container: str) -> socket.socket:
        streams = self._call(
            "attach_socket", container, params=dict.fromkeys(("stdin", "stdout", "stderr", "stream"), 1)
        )
        own = socket.socket(fileno=os.dup(streams.fileno()))
        streams._response.close()  # docker-py's own descriptor, which it leaves to the garbage collector
        return own
