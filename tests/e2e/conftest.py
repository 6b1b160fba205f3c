"""A whole platform for end-to-end tests: `rlvr up` in a folder of its own, on free ports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from launched import RunningPlatform, StartPlatform, wait_until
from rlvr.embedded import platform_file
from rlvr.embedded.ports import free_ports


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
