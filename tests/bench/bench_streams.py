"""Streams, trace to verdict: math traces through a real Redis and a real verifier room.

python tests/bench/bench_streams.py [--traces N]
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from redis.asyncio import Redis

from rlvr.core.streams import Outgoing, keys
from rlvr.v1 import trace_pb2
from rooms import RoomProcess

BUDGET = 2_000


def trace(n: int) -> trace_pb2.TraceEntry:
    """A different answer each time, so that no verdict comes from the cache."""
    return trace_pb2.TraceEntry(
        run_id="r",
        group_id=f"r-{n // 8}",
        trace_id=f"r-{n // 8}/{n % 8}",
        policy="p",
        verifier="math",
        spec_json=f'{{"answer": "{n // 8}"}}',
        completion=f"First {n} is thought about. So the answer is \\boxed{{{n // 8 + n % 2}}}.",
    )


async def measure(redis_url: str, traces: int, home: Path) -> float:
    """Verdicts per second, from the first trace to the last verdict."""
    room = RoomProcess("verifier", redis_url, home, {"RLVR_VERIFIER__KINDS": '["math"]'})
    room.start()
    redis = Redis.from_url(redis_url)
    try:
        await redis.hset(keys.run("r"), "state", "running")
        rate = 0.0
        for count in (traces // 10, traces):  # the first round warms up
            await redis.delete(keys.VERDICTS)
            kept = [key async for key in redis.scan_iter("rlvr:verdict:*", count=10_000)]
            if kept:
                await redis.delete(*kept)
            pipe = redis.pipeline(transaction=False)
            for n in range(count):
                entry = Outgoing.of(keys.traces("math"), trace(n + count))
                pipe.xadd(entry.stream, {"p": entry.payload, "t": entry.traceparent})
            begin = time.perf_counter()
            await pipe.execute()
            while await redis.xlen(keys.VERDICTS) < count:
                await asyncio.sleep(0.005)
            rate = count / (time.perf_counter() - begin)
        return rate
    finally:
        await redis.aclose()
        room.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=int, default=20_000)
    options = parser.parse_args()
    server = shutil.which("redis-server")
    if server is None:
        raise SystemExit("redis-server is not installed: apt-get install redis-server")
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/redis.sock"
        redis = subprocess.Popen(
            [server, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder], stdout=subprocess.DEVNULL
        )
        try:
            rate = asyncio.run(measure(f"unix://{socket}", options.traces, Path(folder)))
        finally:
            redis.terminate()
            redis.wait()
    print("| what | measured | budget |\n|---|---|---|")
    print(f"| streams, trace to verdict (math) | {rate:,.0f}/s | >= {BUDGET:,}/s |")


if __name__ == "__main__":
    main()
