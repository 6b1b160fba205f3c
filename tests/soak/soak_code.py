"""Many runs, a tenth of them hostile: every verdict right, nothing left over, no honest program kept waiting.

python tests/soak/soak_code.py --runs 20000 --tier jail

While it runs it prints a table of what the room, its zygotes and the host hold; afterwards what must not have grown.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from code_soak import Soak
from rlvr.verifier.code.grader import CodeGrader
from sandboxes import leftovers, new_leftovers, settled, started

NUM_ASKERS = 8
NUM_ROWS = 20
WARM_SHARE = 0.25
"""Of the runs, after which nothing may grow any more."""
MAX_GROWTH = {"room_mb": 16, "zygote_mb": 8, "room_fds": 4, "zygote_fds": 2, "zygote_mounts": 0, "pid_ns": 200}
"""Column -> by how much the last row may be over the first warm one; a thing lost in each run would be over it."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is held at a moment."""

    room_mb: float
    """Resident memory."""
    zygote_mb: float
    """Resident memory of the largest zygote."""
    host_free_mb: float
    room_fds: int
    zygote_fds: int
    """Of the zygote with most."""
    zygote_mounts: int
    """Mounts that the zygote with most sees in a mount namespace of its own."""
    pid_ns: int
    net_ns: int
    """Namespaces that the kernel holds for everyone on this host; 0 where it does not say."""


def held(grader: CodeGrader) -> Held:
    """What is held now."""
    room = psutil.Process()
    zygotes = list(_zygotes(grader))
    namespaces = _slab_objects()
    return Held(
        room_mb=round(room.memory_info().rss / 2**20, 1),
        zygote_mb=round(max((zygote.memory_info().rss for zygote in zygotes), default=0) / 2**20, 1),
        host_free_mb=round(psutil.virtual_memory().available / 2**20),
        room_fds=room.num_fds(),
        zygote_fds=max((_count(f"/proc/{zygote.pid}/fd") for zygote in zygotes), default=0),
        zygote_mounts=max((_mounts(zygote.pid) for zygote in zygotes), default=0),
        pid_ns=namespaces.get("pid_namespace", 0),
        net_ns=namespaces.get("net_namespace", 0),
    )


def _zygotes(grader: CodeGrader) -> Iterator[psutil.Process]:
    for zygote in grader.runner._zygotes.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            yield psutil.Process(zygote.pid)


def _count(folder: str) -> int:
    """Entries of a folder; 0 where only root may look."""
    with contextlib.suppress(OSError):
        return len(list(Path(folder).iterdir()))
    return 0


def _mounts(pid: int) -> int:
    """What a process sees mounted, if it sees other than we do."""
    with contextlib.suppress(OSError):
        if Path(f"/proc/{pid}/ns/mnt").readlink() != Path("/proc/self/ns/mnt").readlink():
            return len(Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
    return 0


def _slab_objects() -> dict[str, int]:
    """Kind of kernel object -> how many there are."""
    with contextlib.suppress(OSError):
        rows = [line.split() for line in Path("/proc/slabinfo").read_text().splitlines()[2:]]
        return {row[0]: int(row[1]) for row in rows}
    return {}


class Table:
    """Rows printed as they come."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, Held]] = []
        self._begin = self._last = time.monotonic()
        names = [field.name for field in fields(Held)]
        print(f"{'runs':>8}{'s':>7}{'runs/s':>8}" + "".join(f"{name:>14}" for name in names), flush=True)

    def add(self, num_runs: int, now: Held) -> None:
        """Print a row."""
        at = time.monotonic()
        before = self.rows[-1][0] if self.rows else 0
        rate = (num_runs - before) / max(at - self._last, 1e-9)
        self._last = at
        self.rows.append((num_runs, now))
        cells = "".join(f"{value:>14g}" for value in astuple(now))
        print(f"{num_runs:>8}{at - self._begin:>7.0f}{rate:>8.0f}{cells}", flush=True)

    def grown(self) -> list[str]:
        """What has grown by more than it may since the first warm row."""
        total, last = self.rows[-1]
        first = next(row for runs, row in self.rows if runs >= total * WARM_SHARE)
        changes = {name: getattr(last, name) - getattr(first, name) for name in MAX_GROWTH}
        return [f"{name}: {change:+g}" for name, change in changes.items() if change > MAX_GROWTH[name]]


async def soak(grader: CodeGrader, num_runs: int, max_s: float, seed: int) -> bool:
    """Grade programs and print what came of it; whether all is as it must be."""
    warm_up = Soak(grader, seed + 1)
    await asyncio.gather(*(warm_up.one() for _ in range(4 * NUM_ASKERS)))
    await settled(grader)
    before = leftovers()
    programs, table = Soak(grader, seed), Table()
    begin, done, row_every = time.monotonic(), 0, max(1, num_runs // NUM_ROWS)

    async def ask() -> None:
        nonlocal done
        while done < num_runs and time.monotonic() - begin < max_s:
            done += 1
            number = done
            await programs.one()
            if number % row_every == 0:
                table.add(number, held(grader))

    await asyncio.gather(*(ask() for _ in range(NUM_ASKERS)))
    seconds = time.monotonic() - begin
    await asyncio.sleep(1)  # for what the kernel cleans up behind a namespace
    await settled(grader)
    table.add(done, held(grader))
    left, grown = new_leftovers(before), table.grown()
    print(f"\n{done} runs in {seconds:.0f} s, {done / seconds:.0f}/s")
    for name, count in sorted(programs.outcomes.items()):
        print(f"  {count:6} {name}")
    times = sorted(programs.honest_s)
    p50, p99 = statistics.median(times), times[len(times) * 99 // 100]
    print(f"honest programs: p50 {p50 * 1e3:.0f} ms, p99 {p99 * 1e3:.0f} ms, worst {times[-1] * 1e3:.0f} ms")
    print(f"left over: {left or 'nothing'}")
    print(f"grown: {', '.join(grown) or 'nothing'}")
    print(f"wrong: {len(programs.mistakes)}", *programs.mistakes[:10], sep="\n  ")
    return not (programs.mistakes or left or grown)


async def main(tier: str, num_runs: int, max_s: float, seed: int) -> int:
    async with started(tier) as grader:
        described = grader.describe()
        print(f"{described['tier']}: {', '.join(described['isolation'])}; {described['concurrency']} at a time\n")
        return 0 if await soak(grader, num_runs, max_s, seed) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--max-s", type=float, default=float("inf"), help="stop after so many seconds")
    parser.add_argument("--tier", default="jail")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    raise SystemExit(asyncio.run(main(arguments.tier, arguments.runs, arguments.max_s, arguments.seed)))
