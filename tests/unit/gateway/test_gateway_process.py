"""The gateway as a process: how it starts, what it imports, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

WAIT_S = 60


def start(log: Path, **env: str) -> subprocess.Popen[bytes]:
    defaults = {
        "RLVR_GATEWAY__LISTEN": "127.0.0.1:0",
        "RLVR_METRICS__LISTEN": "127.0.0.1:0",
        "RLVR_LOG__FORMAT": "json",
        "RLVR_PEERS__COORDINATOR": "",
    }
    with log.open("wb") as output:
        command = [sys.executable, "-m", "rlvr.gateway"]
        return subprocess.Popen(command, env={**os.environ, **defaults, **env}, stderr=output)


def up(process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + WAIT_S
    while True:
        for line in log.read_text().splitlines():
            if '"room is up"' in line:
                said = json.loads(line)
                assert isinstance(said, dict)
                return said
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "gateway.log"


@pytest.fixture
def slow_verifier() -> Iterator[str]:
    """A verifier that takes a second for each trace, in a thread of its own."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    from rlvr.v1 import verifier_pb2, verifier_pb2_grpc

    class Slow(verifier_pb2_grpc.VerifierServiceServicer):
        def Verify(self, request: verifier_pb2.VerifyRequest, context: Any) -> verifier_pb2.VerifyResponse:
            arrived.set()
            time.sleep(1.0)
            verdict = verifier_pb2.Verdict(outcome=verifier_pb2.OUTCOME_INCORRECT, reward=0.0, reason=10)
            return verifier_pb2.VerifyResponse(verdict=verdict)

    arrived.clear()
    server = grpc.server(ThreadPoolExecutor(2))
    verifier_pb2_grpc.add_VerifierServiceServicer_to_server(Slow(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(0)


arrived = threading.Event()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_running_requests(log: Path, slow_verifier: str, number: signal.Signals) -> None:
    process = start(log, RLVR_PEERS__VERIFIER=slow_verifier)
    try:
        url = up(process, log)["http"]
        answers: list[httpx.Response] = []
        body = {"verifier": "slow", "completion": "", "spec": {}}

        def ask() -> None:
            answers.append(httpx.post(f"{url}/v1/verify", json=body, timeout=WAIT_S))

        asking = threading.Thread(target=ask)
        asking.start()
        assert arrived.wait(WAIT_S)
        process.send_signal(number)
        assert process.wait(WAIT_S) == 0
        asking.join(WAIT_S)
        assert [answer.status_code for answer in answers] == [200]
    finally:
        process.kill()
        process.wait()


def test_metrics_are_on_a_port_of_their_own(log: Path) -> None:
    process = start(log)
    try:
        said = up(process, log)
        assert httpx.get(f"{said['http']}/metrics", timeout=WAIT_S).status_code == 404
        shown = httpx.get(f"http://127.0.0.1:{said['metrics_port']}/metrics", timeout=WAIT_S).text
        assert re.search(r"^rlvr_http_request_duration_seconds_count", shown, re.MULTILINE)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("env", "code", "says"),
    [
        ({"RLVR_GATEWAY__LISTEN": "0.0.0.0:0"}, 2, "API keys are needed"),
        ({"RLVR_GATEWAY__API_KEYS": "not json"}, 2, "gateway"),
        ({"RLVR_GATEWAY__MAX_ITEM": "3"}, 2, "RLVR_GATEWAY__MAX_ITEM"),
        (
            {"RLVR_GATEWAY__LISTEN": "203.0.113.1:0", "RLVR_GATEWAY__API_KEYS": '["0123456789abcdef"]'},
            1,
            "cannot listen",
        ),
    ],
)
def test_what_it_cannot_start_with_is_said(log: Path, env: dict[str, str], code: int, says: str) -> None:
    process = start(log, **env)
    assert process.wait(WAIT_S) == code
    assert says in log.read_text()
    assert "Traceback" not in log.read_text()


def test_nothing_heavy_is_imported() -> None:
    program = """
import sys, rlvr.gateway.__main__, rlvr.gateway.app, rlvr.gateway.peers
heavy = {"torch", "sympy", "transformers", "numpy"} & set(sys.modules)
other = {name for name in sys.modules if name.startswith("rlvr.")
         and name.split(".")[1] in ("verifier", "sampler", "trainer", "coordinator")}
assert not heavy | other, heavy | other
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
