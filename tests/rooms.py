"""Rooms as real processes, for tests: started, found, killed, started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from rlvr.embedded.ports import free_ports


def free_port() -> int:
    """A loopback port that was free a moment ago, and that no outgoing connection takes."""
    [port] = free_ports(1)
    return port


@dataclass
class RoomProcess:
    """`python -m rlvr.<room>` on a fixed port, so that a restarted one is found where it was."""

    room: str
    redis_url: str
    home: Path
    env: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.home / f"{self.room}.log"

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self.spawn()
        self.wait_ready()

    def spawn(self) -> None:
        """Start it without waiting."""
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("RLVR_")},
            "RLVR_REDIS__URL": self.redis_url,
            "RLVR_GRPC__LISTEN": self.address,
            "RLVR_HOME": str(self.home),
            "RLVR_STREAMS__CONSUMER": f"{self.room}-0",
            **self.env,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"rlvr.{self.room}"], env=environment, stdout=log, stderr=log
            )

    def wait_ready(self, seconds: float = 110) -> None:
        """Poll its health until it serves."""
        deadline = time.monotonic() + seconds
        assert self.process is not None
        # Tried again as often at the end of a long start as at its beginning.
        often = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 100)]
        with grpc.insecure_channel(self.address, options=often) as connection:
            stub = health_pb2_grpc.HealthStub(connection)
            while True:
                try:
                    reply = stub.Check(health_pb2.HealthCheckRequest(), timeout=1, wait_for_ready=True)
                    if reply.status == health_pb2.HealthCheckResponse.SERVING:
                        return
                except grpc.RpcError:
                    pass
                assert self.process.poll() is None, f"{self.room} ended:\n{self.log.read_text()}"
                assert time.monotonic() < deadline, f"{self.room} is not ready:\n{self.log.read_text()}"
                time.sleep(0.02)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(60)

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM, and wait; its exit code. A room may take its time to drain twice, 10 s each: for its work, and then
        for its calls."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.room} did not stop:\n{self.log.read_text()}") from None


@dataclass
class GatewayProcess:
    """`python -m rlvr.gateway` before a verifier, on a free port."""

    verifier: str
    home: Path
    env: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    url: str = ""

    def start(self) -> None:
        """Start it and wait until its log says where it listens."""
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("RLVR_")},
            "RLVR_GATEWAY__LISTEN": "127.0.0.1:0",
            "RLVR_PEERS__VERIFIER": self.verifier,
            "RLVR_PEERS__COORDINATOR": "",
            "RLVR_METRICS__LISTEN": "",
            "RLVR_LOG__FORMAT": "json",
            **self.env,
        }
        log = self.home / "gateway.log"
        with log.open("wb") as output:
            self.process = subprocess.Popen([sys.executable, "-m", "rlvr.gateway"], env=environment, stderr=output)
        deadline = time.monotonic() + 110
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            assert self.process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        self.url = found[0]

    def stop(self) -> None:
        """SIGTERM, and wait."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(60)
