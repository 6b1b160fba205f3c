"""A platform that `rlvr up` runs, as tests see it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from rlvr.embedded import platform_file
from rlvr.embedded.platform_file import Platform


def wait_until(condition: Callable[[], bool], what: str, within_s: float = 60.0) -> None:
    """Poll until `condition` holds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.05)


@dataclass
class RunningPlatform:
    """A platform under test. Everything is read from platform.json when asked, so restarted rooms are seen."""

    home: Path
    launcher: subprocess.Popen[str]

    @property
    def now(self) -> Platform:
        found = platform_file.read(self.home)
        assert found is not None, "the platform is not running"
        return found

    @property
    def url(self) -> str:
        """The gateway's."""
        return self.now.gateway

    @property
    def redis_url(self) -> str:
        return self.now.redis

    def pid(self, room: str) -> int:
        return self.now.rooms[room].pid

    def restarts(self, room: str) -> int:
        return self.now.rooms[room].restarts

    def kill(self, room: str) -> None:
        """Kill -9 a room (or `redis`) and wait until the launcher has started it again."""
        # A room that is being started has pid 0, which to kill() is whoever asks.
        wait_until(lambda: self.pid(room) > 0, f"{room} runs")
        before = self.restarts(room)
        os.kill(self.pid(room), signal.SIGKILL)
        wait_until(lambda: self.restarts(room) > before and self.pid(room) > 0, f"{room} is started again")

    def processes(self) -> list[psutil.Process]:
        """The launcher and everything that descends from it."""
        launcher = psutil.Process(self.launcher.pid)
        return [launcher, *launcher.children(recursive=True)]

    def log(self) -> str:
        """The combined log."""
        return (self.home / "logs" / "rlvr.log").read_text()


StartPlatform = Callable[..., RunningPlatform]
"""Starts one more platform; keyword arguments are settings for its environment."""
