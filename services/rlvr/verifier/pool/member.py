"""One worker process as the pool sees it."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from rlvr.v1 import verifier_pb2
from rlvr.verifier.pool.wire import PAGE_SIZE, WORKING, Activity, Frames, Page, frame

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PIDFD_SIGNAL_PROCESS_GROUP = 4
"""Flag of pidfd_send_signal(2), since Linux 6.9."""


@dataclass(slots=True, eq=False)
class Task:
    """Something to grade, and what has been tried."""

    number: int
    body: bytes
    future: asyncio.Future[verifier_pb2.Verdict]
    queued: float
    expires: float
    """When its caller gives up (monotonic)."""
    attempts: int = 0
    """How often a worker was lost on it through no fault of the candidate's."""


@dataclass(slots=True)
class Progress:
    """How long a worker has been at its present task."""

    activity: Activity
    seconds: float
    cpu_seconds: float
    """CPU time spent on it; at most 0 when the process is gone."""
    wants_cpu: bool
    """It runs, or would if it had a processor; not asleep and not stopped."""


@dataclass(eq=False)
class Member(asyncio.Protocol):
    """A worker: its process, its socket, its page, and the tasks it was given and has not answered."""

    pid: int
    pidfd: int
    """Names the process even when its pid has been given to another."""
    page: Page
    on_answer: Callable[[Member, Task | None, verifier_pb2.Verdict], None]
    """Called with None for the answer to a task that was given to another worker since."""
    on_lost: Callable[[Member], None]
    tasks: dict[int, Task] = field(default_factory=dict)
    given: int = 0
    """Tasks given since it was forked."""
    slow: bool = False
    """At its present task for so long that another worker stands in for it."""
    retiring: bool = False
    """Gets no more tasks; ends when it has answered."""
    memory_at_fork: int = 0
    """Bytes of address space before it was given anything."""
    killed_for: str = ""
    """Why the pool killed it; empty when it did not."""
    is_lost: bool = False
    """Its socket has closed."""
    _frames: Frames = field(default_factory=Frames)
    _transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self.memory_at_fork = self.memory()
        # Should it die and leave a child that holds the socket, the socket would not tell.
        asyncio.get_running_loop().add_reader(self.pidfd, self._died)

    def give(self, tasks: list[Task]) -> None:
        """Send tasks; they are answered in order."""
        assert self._transport is not None
        for task in tasks:
            self.tasks[task.number] = task
        self.given += len(tasks)
        self._transport.write(b"".join(frame(task.number, task.body) for task in tasks))

    def data_received(self, data: bytes) -> None:
        for number, body in self._frames.feed(data):
            self.on_answer(self, self.tasks.pop(number, None), verifier_pb2.Verdict.FromString(body))

    def _died(self) -> None:
        asyncio.get_running_loop().remove_reader(self.pidfd)
        self.end()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        asyncio.get_running_loop().remove_reader(self.pidfd)
        self.on_lost(self)
        # Its socket may still hold tasks that were given to others since; nobody would watch it at those.
        self.end()
        self.page.close()
        os.close(self.pidfd)

    def progress(self) -> Progress | None:
        """What it is at, or None when it is idle. It may be at a task that was given to another since."""
        activity = self.page.read()
        if activity.phase not in WORKING:
            return None
        state, cpu_seconds = self._process_state()
        seconds = time.monotonic() - activity.started
        return Progress(activity, seconds, cpu_seconds - activity.cpu_at_start, state == "R")

    def memory(self) -> int:
        """Bytes of address space that it has now, which is what its cap counts; 0 when the process is gone."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[0]
        except OSError:
            return 0
        return int(pages) * PAGE_SIZE

    def _process_state(self) -> tuple[str, float]:
        """The kernel's letter for what it does, and the CPU seconds it has used (proc(5), /proc/pid/stat)."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return "X", 0.0
        return fields[0], (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND

    def kill(self, why: str) -> None:
        """End it now; `on_lost` follows when its socket closes."""
        self.killed_for = why
        self.end()

    def end(self) -> None:
        """Kill the process and all that it has started: the nursery makes each worker the leader of a group."""
        with suppress(ProcessLookupError):
            try:
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL, None, _PIDFD_SIGNAL_PROCESS_GROUP)
            except OSError as failure:
                if failure.errno != errno.EINVAL:
                    raise
                # An older kernel. It gives the number to nobody else as long as there is something to kill.
                os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let it end by itself: it sees its socket close."""
        if self._transport is not None:
            self._transport.close()
