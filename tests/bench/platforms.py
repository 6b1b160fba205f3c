"""A platform of its own for a benchmark: started, given runs, read, stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from rlvr.embedded import platform_file
from rlvr.embedded.ports import free_ports

_START_S = 120
_STOP_S = 60


@contextlib.contextmanager
def platform(home: Path, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """The gateway's URL of a platform with these settings and no others."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("RLVR_")}
    command = [sys.executable, "-m", "rlvr.cli", "up", "--quiet", "--home", str(home)]
    command += ["--port", str(free_ports(1)[0])]
    launcher = subprocess.Popen(command, env={**clean, **(settings or {})}, stdout=subprocess.DEVNULL)
    try:
        yield _url(home, launcher)
    finally:
        launcher.send_signal(signal.SIGTERM)
        launcher.wait(_STOP_S)


def train(url: str, spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The step records of a run, once it has succeeded."""
    run_id = httpx.post(f"{url}/v1/runs", json=spec, timeout=30).raise_for_status().json()["run_id"]
    while (run := httpx.get(f"{url}/v1/runs/{run_id}", timeout=30).json())["state"] in ("pending", "running"):
        time.sleep(0.2)
    if run["state"] != "succeeded":
        raise RuntimeError(f"the run of the benchmark {run['state']}: {run['error']}")
    records: list[dict[str, Any]] = httpx.get(f"{url}/v1/runs/{run_id}/steps", timeout=30).json()["steps"]
    return records


def lags(records: list[dict[str, Any]]) -> dict[int, int]:
    """Lag -> traces."""
    found: dict[int, int] = {}
    for record in records:
        for lag, count in record["lags"].items():
            found[int(lag)] = found.get(int(lag), 0) + count
    return dict(sorted(found.items()))


def _url(home: Path, launcher: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + _START_S
    while not platform_file.path_in(home).exists():
        if launcher.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the platform did not come up; its log is in {home}/logs")
        time.sleep(0.1)
    found = platform_file.read(home)
    assert found is not None
    return found.gateway
