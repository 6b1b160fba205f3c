"""The room's side of one zygote: its start, its runs one after the other, its end."""

from __future__ import annotations

import asyncio
import contextlib
import marshal
import os
import signal
import socket
import struct
from pathlib import Path
from typing import Any

from rlvr.verifier.code.runner import RunnerUnavailable
from rlvr.verifier.code.runners.cgroups import Cgroup
from rlvr.verifier.code.runners.run import Run
from rlvr.verifier.code.zygote.wire import MESSAGE_BYTES

_SOURCE_ROOT = str(Path(__file__).resolve().parents[4])
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from rlvr.verifier.code.zygote.main import main; main()"
_OPTIONS = ["-P", "-s", "-S", "-X", "utf8", "-c", _BOOT, _SOURCE_ROOT]
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"}  # a seed, so that equal runs answer equally
_GRACE_S = 5.0
_CREDENTIALS = struct.Struct("3i")


class Zygote:
    """A started zygote."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket, cgroup: Cgroup | None) -> None:
        self._process = process
        self._control = control
        self.cgroup = cgroup
        self.pid = process.pid
        """Process id, in our pid namespace, of the process that forks the runs."""
        self._pidfd = _pidfd(process.pid)
        self._runs, self._runs_inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._runs.setblocking(False)
        self._num_runs = 0
        self._run: Run | None = None
        self.alive = True

    @classmethod
    async def spawn(
        cls, python: str, tier: str, config: dict[str, Any], cgroup: Cgroup | None, startup_s: float
    ) -> Zygote:
        """Start one and wait until it can serve.

        Raises:
            RunnerUnavailable: it could not shut itself in, or was not ready in time.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    python,
                    *_OPTIONS,
                    stdin=theirs.fileno(),
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                    env=_ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,
                )
        except OSError as failure:
            ours.close()
            if cgroup is not None:
                await cgroup.remove()
            raise RunnerUnavailable(f"cannot start a process: {failure}") from failure
        zygote = cls(process, ours, cgroup)
        try:
            if cgroup is not None and not cgroup.add(process.pid):
                await cgroup.remove()
                zygote.cgroup = None
            async with asyncio.timeout(startup_s):
                await zygote._become_ready(tier, config)
        except BaseException as failure:
            await asyncio.shield(zygote.close())
            if isinstance(failure, TimeoutError):
                raise RunnerUnavailable(f"the sandbox was not ready after {startup_s:g} s") from None
            if isinstance(failure, OSError):
                raise RunnerUnavailable(f"the sandbox did not start: {failure}") from failure
            raise
        return zygote

    async def _become_ready(self, tier: str, config: dict[str, Any]) -> None:
        with self._runs_inside:
            socket.send_fds(self._control, [marshal.dumps((tier, config))], [self._runs_inside.fileno()])
        loop = asyncio.get_running_loop()
        readable: asyncio.Future[None] = loop.create_future()
        loop.add_reader(self._control, lambda: None if readable.done() else readable.set_result(None))
        try:
            await readable
        finally:
            loop.remove_reader(self._control)
        message, ancillary, _, _ = self._control.recvmsg(MESSAGE_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size))
        if not message:
            assert self._process.stderr is not None
            lines = (await self._process.stderr.read()).decode(errors="replace").splitlines()
            raise RunnerUnavailable(f"the sandbox did not start: {lines[-1] if lines else 'it was killed'}")
        self.pid = _CREDENTIALS.unpack(ancillary[0][2])[0]
        loop.add_reader(self._control, self._hear)

    def begin(self, config: dict[str, Any], descriptors: tuple[int, ...]) -> Run:
        """Start a run; the one before must have ended."""
        assert self._run is None or self._run.ended.done(), "a zygote has one run at a time"
        self._run = run = Run()
        self._num_runs += 1
        try:
            socket.send_fds(self._runs, [marshal.dumps((config,))], descriptors)
        except OSError as failure:
            self._lose(f"the sandbox is gone: {failure}")
        return run

    def cpu_s(self) -> float | None:
        """CPU time of its cgroup so far; None if that is not known."""
        return None if self.cgroup is None else self.cgroup.cpu_s()

    async def end(self, run: Run) -> None:
        """Kill a run, if it still goes on, and wait until nothing is left of it. Then the zygote may be dead too."""
        if run.ended.done():
            return
        with contextlib.suppress(OSError):
            self._control.send(marshal.dumps(("kill", self._num_runs)))
        await asyncio.wait({run.ended}, timeout=_GRACE_S)
        if not run.ended.done():
            self._lose("the sandbox did not end a run")
            await self.close()

    def _hear(self) -> None:
        try:
            message = self._control.recv(MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self._lose("the sandbox was killed")
            return
        kind, *details = marshal.loads(message)
        run = self._run
        if run is None or run.ended.done():  # what waits to become the next candidate has died, and we count on it
            self._lose("the sandbox lost a process")
        elif kind == "broken":
            run.fail_start(f"the sandbox failed: {details[0]}")
        elif kind == "started":
            run.started.set_result(None)
        elif run.started.done() and not run.started.exception():
            run.ended.set_result((details[0], details[1]))
        else:
            self._lose("the sandbox failed before the program began")

    def _lose(self, why: str) -> None:
        self.alive = False
        if self._control.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._control)
        if self._run is not None:
            self._run.fail(why)

    async def close(self) -> None:
        """End it, with everything below it, and reap."""
        self._lose("the sandbox was closed")
        self._runs_inside.close()
        self._runs.close()
        self._control.close()  # at which the zygote kills its run and leaves, and those that wait for it after it
        try:
            async with asyncio.timeout(_GRACE_S):
                await self._gone()
        except TimeoutError:
            if self._pidfd is not None:
                # `Process.kill` polls, and so takes the exit status from asyncio's own watcher.
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            await self._gone()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        if self.cgroup is not None:
            await self.cgroup.remove()

    async def _gone(self) -> None:
        """Wait for the process and the end of its pipe: asyncio reports the first only after the second."""
        assert self._process.stderr is not None
        await self._process.stderr.read()
        await self._process.wait()


def _pidfd(pid: int) -> int | None:
    """A handle on a process just started; None if it is gone already."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None
