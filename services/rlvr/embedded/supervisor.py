"""One child process: started, its output collected, started again when it dies, ended on request.

    starting --exit--> pause --> starting        every time it dies by itself, with a growing pause
        |
      stop() --SIGTERM--> exit, or SIGKILL after the grace --> whole process group killed, reaped

Every child leads a session of its own, so that a terminal's Ctrl-C reaches only the launcher, and so that what a
dead child leaves behind (worker processes) can be found and killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable

from rlvr.embedded import child as dies_with_parent
from rlvr.embedded.logs import Logs
from rlvr.embedded.plan import Child

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0
_STEADY_S = 30.0
"""A child that lived this long starts again without the growing pause of one that keeps dying."""

BAD_SETTINGS = 2
"""A room's exit code when its settings are not valid: starting it again would not help."""
_ATTEMPTS = 4
"""A child that dies this often before it is established will not come up."""


class WillNotRun(Exception):
    """A child cannot run on this machine as it is. The message has the end of its log."""


class Supervisor:
    """Keeps one child running."""

    def __init__(self, child: Child, logs: Logs, on_start: Callable[[], None]) -> None:
        self.child = child
        self.restarts = 0
        self.failures_in_a_row = 0
        """Deaths since it last ran steadily."""
        self.established = False
        """Whether it has shown that it can run here; from then on it is restarted for ever."""
        self.exit_code: int | None = None
        """How it ended last; negative for a signal."""
        self._logs = logs
        self._on_start = on_start
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int:
        """Of the running process; 0 when there is none now."""
        return self._process.pid if self._process is not None else 0

    async def run(self) -> None:
        """Run the child, again and again, until `stop`.

        Raises:
            WillNotRun: it is not established, and its settings are not valid or it died `_ATTEMPTS` times.
        """
        while not self._stopping.is_set():
            born = time.monotonic()
            await self._live()
            if self._stopping.is_set():
                return
            if time.monotonic() - born > _STEADY_S:
                self.failures_in_a_row = 0
            self.failures_in_a_row += 1
            self._give_up_or_go_on()
            self.restarts += 1
            pause = min(_FIRST_PAUSE_S * 2 ** (self.failures_in_a_row - 1), _LONGEST_PAUSE_S)
            self._logs.say(f"{self.child.name} {self._how_it_ended()}; restart {self.restarts} in {pause:g} s")
            try:
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def stop(self, grace_s: float) -> None:
        """SIGTERM, and SIGKILL to all that is left of it after the grace."""
        self._stopping.set()
        process = self._process
        if process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_s):
                await process.wait()
        except TimeoutError:
            self._logs.say(f"{self.child.name} did not end within {grace_s:g} s: killed")
        self.kill()

    def kill(self) -> None:
        """End the child and whatever it started, at once."""
        self._stopping.set()
        if self._process is not None:
            _kill_group(self._process.pid)

    async def _live(self) -> None:
        # A pipe of our own, because asyncio's `wait` for a process with its pipe waits for the pipe's end too,
        # which a dead child's workers hold open.
        readable, writable = os.pipe()
        output = asyncio.create_task(self._logs.collect(self.child.name, readable))
        try:
            process = await asyncio.create_subprocess_exec(
                *dies_with_parent.command(self.child.command),
                env=self.child.env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writable,
                stderr=writable,
                start_new_session=True,
            )
        finally:
            os.close(writable)
        self._process = process
        self._on_start()
        if self._stopping.is_set():
            _kill_group(process.pid)
        self.exit_code = await process.wait()
        _kill_group(process.pid)
        await output
        self._process = None

    def _give_up_or_go_on(self) -> None:
        if self.established:
            return
        if self.exit_code == BAD_SETTINGS or self.failures_in_a_row >= _ATTEMPTS:
            raise WillNotRun(f"{self.child.name} {self._how_it_ended()}:\n{self._logs.tail(self.child.name)}")

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    def _how_it_ended(self) -> str:
        if self.exit_code is not None and self.exit_code < 0:
            return f"was killed by {signal.Signals(-self.exit_code).name}"
        return f"ended with exit code {self.exit_code}"


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
