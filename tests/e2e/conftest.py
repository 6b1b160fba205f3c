"""A whole platform for end-to-end tests: `rlvr up` in a folder of its own, on free ports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from rlvr.embedded import platform_file
from rlvr.embedded.platform_file import Platform
from rlvr.embedded.ports import free_ports


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
        before = self.restarts(room)
        os.kill(self.pid(room), signal.SIGKILL)
        wait_until(lambda: self.restarts(room) > before, f"{room} is started again")

    def processes(self) -> list[psutil.Process]:
        """The launcher and everything that descends from it."""
        launcher = psutil.Process(self.launcher.pid)
        return [launcher, *launcher.children(recursive=True)]

    def log(self) -> str:
        """The combined log."""
        return (self.home / "logs" / "rlvr.log").read_text()


StartPlatform = Callable[..., RunningPlatform]


@pytest.fixture(scope="module")
def start_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartPlatform]:
    """Starts platforms; `env` adds settings. Those that still run at the end of the module are stopped."""
    started: list[RunningPlatform] = []

    def start(**env: str) -> RunningPlatform:
        home = tmp_path_factory.mktemp("platform")
        [port] = free_ports(1)
        clean = {key: value for key, value in os.environ.items() if not key.startswith("RLVR_")}
        launcher = subprocess.Popen(
            [sys.executable, "-m", "rlvr.cli", "up", "--quiet", "--home", str(home), "--port", str(port)],
            env={**clean, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        platform = RunningPlatform(home, launcher)
        started.append(platform)
        wait_until(
            lambda: platform_file.path_in(home).exists() or launcher.poll() is not None, "the platform is ready", 100
        )
        assert launcher.poll() is None, launcher.communicate()[0]
        return platform

    yield start
    for platform in started:
        if platform.launcher.poll() is None:
            platform.launcher.terminate()
    for platform in started:
        try:
            platform.launcher.wait(30)
        except subprocess.TimeoutExpired:
            platform.launcher.kill()
            platform.launcher.wait()


@pytest.fixture(scope="module")
def platform(start_platform: StartPlatform) -> RunningPlatform:
    """A running platform that a module's tests share."""
    return start_platform()
