"""The room's end of the nursery: starts it, asks it for workers, starts it anew when it dies."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

from rlvr.core.telemetry import get_logger
from rlvr.v1 import verifier_pb2
from rlvr.verifier.pool.member import Member, Task
from rlvr.verifier.pool.wire import Page

log = get_logger("pool")

_START_S = 60.0
_FORK_S = 10.0


class ForkerLost(Exception):
    """The nursery could not be started, or died while it was asked."""


class Forker:
    """One nursery process for the kinds that are served. Requests are made one at a time."""

    def __init__(self, graders: Mapping[str, str]) -> None:
        """`graders` are import paths by kind, as in `registry.POOLED`."""
        self._graders = dict(graders)
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self.described: dict[str, dict[str, Any]] = {}
        """Kind -> its version and the JSON schema of its spec, once the nursery is up."""

    async def start(self) -> None:
        """Start the nursery and wait until the graders are imported.

        Raises:
            ForkerLost: it ended before it was ready; its error is on stderr.
        """
        async with self._lock:
            await self._start()

    async def fork(
        self,
        kind: str,
        memory_mb: int,
        cpu_s: int,
        on_answer: Callable[[Member, Task | None, verifier_pb2.Verdict], None],
        on_lost: Callable[[Member], None],
    ) -> Member:
        """A new worker that may take so much memory in all and so much processor time for a task.

        Raises:
            ForkerLost: the nursery is gone; the next call starts another.
        """
        async with self._lock:
            if self._process is None or self._process.returncode is not None:
                await self._start()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            page_fd = Page.create()
            try:
                request = json.dumps({"kind": kind, "memory_mb": memory_mb, "cpu_s": cpu_s}).encode()
                reply = await self._ask(request, [theirs.fileno(), page_fd])
                page = Page(page_fd)
                pidfd = os.pidfd_open(reply["pid"])
            except (OSError, ForkerLost) as failure:
                ours.close()
                await self._stop()
                raise ForkerLost(f"the nursery did not answer: {failure}") from failure
            finally:
                theirs.close()
                os.close(page_fd)
            member = Member(reply["pid"], pidfd, page, on_answer, on_lost)
            ours.setblocking(False)
            await asyncio.get_running_loop().create_connection(lambda: member, sock=ours)
            return member

    async def close(self) -> None:
        """End the nursery; the kernel ends its workers with it."""
        async with self._lock:
            await self._stop()

    async def _start(self) -> None:
        await self._stop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._control = ours
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "rlvr.verifier.pool.nursery", "--fd", str(theirs.fileno())),
                *(f"{kind}={path}" for kind, path in self._graders.items()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        finally:
            theirs.close()
        message = await self._receive(_START_S)
        self.described = message["ready"]
        log.info("nursery is up", pid=self._process.pid, kinds=list(self._graders))

    async def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
            self._process = None

    async def _ask(self, request: bytes, fds: list[int]) -> dict[str, Any]:
        assert self._control is not None
        socket.send_fds(self._control, [request], fds)
        return await self._receive(_FORK_S)

    async def _receive(self, timeout_s: float) -> dict[str, Any]:
        assert self._control is not None
        try:
            async with asyncio.timeout(timeout_s):
                data = await asyncio.get_running_loop().sock_recv(self._control, 1 << 18)
        except TimeoutError:
            raise ForkerLost(f"no answer within {timeout_s:g} s") from None
        if not data:
            raise ForkerLost("it has ended; its error is on stderr")
        message: dict[str, Any] = json.loads(data)
        return message
