"""A platform of the demo's own, as another process runs it: `rlvr up`."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlvr.cli.failure import Failure
from rlvr.embedded import child, platform_file
from rlvr.embedded.platform_file import Platform

_READY_WITHIN_S = 120.0
_GONE_WITHIN_S = 30.0


@contextmanager
def running_platform(home: Path) -> Iterator[Platform]:
    """Start `rlvr up` in `home`, wait until it is ready, and stop it at the end. It dies with this process.

    Raises:
        Failure: it does not start; with its own words.
    """
    home.mkdir(parents=True, exist_ok=True)
    output = home / "up.log"
    command = [sys.executable, "-m", "rlvr.cli", "up", "--quiet", "--home", str(home)]
    with output.open("w") as log:
        launcher = subprocess.Popen(
            child.command(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield _when_ready(launcher, home, output)
    finally:
        launcher.send_signal(signal.SIGTERM)
        try:
            launcher.wait(_GONE_WITHIN_S)
        except subprocess.TimeoutExpired:
            launcher.kill()
            launcher.wait()


def _when_ready(launcher: subprocess.Popen[bytes], home: Path, output: Path) -> Platform:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        if launcher.poll() is not None:
            raise Failure(output.read_text().strip() or f"the platform ended with exit code {launcher.returncode}")
        platform = platform_file.read(home)
        if platform is not None and platform.launcher_pid == launcher.pid:
            return platform
        time.sleep(0.1)
    raise Failure(f"the platform is not ready after {_READY_WITHIN_S:g} s; its logs are in {home / 'logs'}")
