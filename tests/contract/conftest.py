"""A gateway before a verifier and a coordinator, each a process: what the contract tests call."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest


@pytest.fixture(scope="module")
def client(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a gateway before verifier and coordinator."""
    folder = tmp_path_factory.mktemp("gateway")
    common = {
        "RLVR_REDIS__URL": redis_server,
        "RLVR_METRICS__LISTEN": "",
        "RLVR_LOG__FORMAT": "json",
        "RLVR_HOME": str(folder),
        "RLVR_GRPC__LISTEN": "127.0.0.1:0",
    }
    with ExitStack() as stack:

        def room(name: str, pattern: str, **env: str) -> str:
            log = folder / f"{name}.log"
            with log.open("wb") as output:
                command = [sys.executable, "-m", f"rlvr.{name}"]
                process = subprocess.Popen(command, env={**os.environ, **common, **env}, stderr=output)
            stack.callback(process.wait, 60)
            stack.callback(process.terminate)
            deadline = time.monotonic() + 110
            while not (found := re.search(pattern, log.read_text())):
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            return found[1]

        kinds = json.dumps(["math", "puzzle", "format"])
        verifier = room("verifier", r'"grpc_port": (\d+)', RLVR_VERIFIER__KINDS=kinds)
        coordinator = room("coordinator", r'"grpc_port": (\d+)')
        url = room(
            "gateway",
            r"(http://127\.0\.0\.1:\d+)",
            RLVR_GATEWAY__LISTEN="127.0.0.1:0",
            RLVR_PEERS__VERIFIER=f"127.0.0.1:{verifier}",
            RLVR_PEERS__COORDINATOR=f"127.0.0.1:{coordinator}",
        )
        yield stack.enter_context(httpx.Client(base_url=url, timeout=60, trust_env=False))
