"""The room's side of one box: a sandbox that somebody else builds, for one run of one program (see `zygote.box`)."""

from __future__ import annotations

import asyncio
import marshal
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from rlvr.verifier.code.runner import Job, RunnerUnavailable
from rlvr.verifier.code.runners.exchange import Output, header_of, input_of, line_of
from rlvr.verifier.code.runners.meter import Meter
from rlvr.verifier.code.runners.run import Run
from rlvr.verifier.code.runners.usage import Usage

_INSIDE = ("rlvr.verifier.code.zygote", "rlvr.verifier.code.isolation")
"""Packages that run in a box."""
_OPTIONS = ("-s", "-S", "-X", "utf8", "-c")
_LINE_BYTES = 4096
ENVIRONMENT = {"PYTHONHASHSEED": "0"}  # a seed, so that equal runs answer equally


class Input(Protocol):
    """What leads to a box's standard input: a part of an asyncio transport."""

    def write(self, data: bytes) -> None:
        """Send in order, without waiting."""
        ...


class Box:
    """A sandbox with a process of ours in it that waits for its only run.

    A tier says how one is opened and removed, and tells what comes out of it.
    """

    uid: int | None = None
    """User of the candidate; None if our process inside is that user already."""

    def __init__(self) -> None:
        self.run = Run()
        self.pid: int | None = None
        """The process of this host below which are those of the run, where there is one."""
        self.was_cut_off = False
        """Whether it ended before it could tell how the run did."""
        self.num_oom_kills = 0
        """How many processes the box's kernel had killed for want of memory at the run's end, if it tells."""
        self.is_full = False
        """Whether the run was ended for having too many files."""
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._input: Input | None = None
        self._output: Output | None = None
        self._said = b""
        self._meter: Meter | None = None
        self._before = Usage(0.0, 0.0)
        """What the box had had of this host when its run began."""

    async def open(self) -> Input:
        """Start the sandbox, with `command` in it.

        Raises:
            RunnerUnavailable: it cannot be.
        """
        raise NotImplementedError

    async def remove(self) -> None:
        """Kill it, and free all that it has; also one that could not be opened. Never fails."""
        raise NotImplementedError

    async def was_short_of_memory(self) -> bool:
        """Whether a process of the dead box was killed for want of memory.

        Raises:
            RunnerUnavailable: it is not dead, or was killed from outside, or nobody can tell.
        """
        raise NotImplementedError

    @property
    def is_lost(self) -> bool:
        """Whether it ended before its run began, or the run is over."""
        return self.run.ended.done()

    async def start(self) -> None:
        """Open it, and wait until it waits for its run.

        Raises:
            RunnerUnavailable: it does not come to that.
        """
        self._input = await self.open()
        self._input.write(_message(_modules()) + _message({"uid": self.uid}))
        await self._ready

    def begin(self, job: Job, limits: dict[str, int], output_bytes: int) -> Output:
        """Start the run; what it answers. `limits` are those of `isolation.rlimits`, and `scratch_mb`."""
        assert self._input is not None and self._output is None, "a box is started once and has one run"
        line = line_of(job)
        body = header_of(job)
        known = input_of(job) if line is None else b""
        sizes = {"job_bytes": len(body), "input_bytes": len(known) if line is None else None}
        self._output = Output(output_bytes, line)
        if self.pid is not None:
            self._meter = Meter(self.pid, self.group_cpu_s, limits["processes"])
            self._before = self._meter.usage() or self._before
        self._input.write(_message({"limits": limits, **sizes}) + body)
        self._input.write(known)
        if line is not None:
            line.connected(self._input.write)
        if self.is_lost:
            self._output.add(b"")
        return self._output

    def usage(self) -> Usage | None:
        """What the run has had of this host (see `Watch`); nothing if it is on another, for all that one can see."""
        if self._meter is None:
            return Usage(0.0, 0.0)
        now = self._meter.usage()
        if now is None:
            return None
        return Usage(now.cpu_s - self._before.cpu_s, max(0.0, now.starved_s - self._before.starved_s))

    def memory_bytes(self) -> int:
        """Memory of the run's processes now, if they are on this host."""
        return 0 if self._meter is None else self._meter.memory_bytes()

    def group_cpu_s(self) -> float | None:
        """CPU time of all that was ever in the box, if a cgroup of ours counts it."""
        return None

    def heard_output(self, data: bytes) -> None:
        """A part of standard output has come."""
        if self._output is not None and data:
            self._output.add(data)

    def heard_control(self, data: bytes) -> None:
        """A part of standard error, which our process has for itself, has come."""
        *lines, self._said = (self._said + data).split(b"\n")
        for line in lines:
            self._hear(line.decode(errors="replace"))
        if len(self._said) > _LINE_BYTES:
            self.lose(f"the sandbox says what it should not: {self._said[:200]!r}")

    def hung_up(self) -> None:
        """Nothing comes any more."""
        if not self._ready.done():
            self.lose(f"the sandbox did not start: {self._said.decode(errors='replace').strip() or 'it ended'}")
        elif not self.run.started.done():
            self.lose("the sandbox was killed")
        elif not self.run.ended.done() and not self.is_full:
            self.was_cut_off = True
            self.run.ended.set_result((None, 0.0))
        if self._output is not None:
            self._output.add(b"")

    def lose(self, why: str) -> None:
        """It is of no use any more."""
        self.run.fail(why)
        if not self._ready.done():
            self._ready.set_exception(RunnerUnavailable(why))
            self._ready.exception()  # it may be that nobody waits for it any more

    def _hear(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        match word:
            case "ready" if not self._ready.done():
                self._ready.set_result(None)
            case "started" if not self.run.started.done():
                self.run.started.set_result(None)
            case "ended" if self.run.started.done() and not self.run.ended.done():
                status, cpu_s, oom_kills = rest.split()
                self.num_oom_kills = int(oom_kills)
                self.run.ended.set_result((int(status), float(cpu_s)))
            case "full" if self.run.started.done():
                self.is_full = True
            case "broken":
                self.lose(f"the sandbox failed: {rest}")
            case _:  # e.g. an interpreter or an engine that cannot start
                self.lose(f"the sandbox {'fails' if self._ready.done() else 'did not start'}: {line}")


def command(python: str) -> list[str]:
    """What runs in a box."""
    return [python, *_OPTIONS, _boot()]


@cache
def _boot() -> str:
    return Path(_file_of("rlvr.verifier.code.zygote.boot")).read_text()


@cache
def _modules() -> dict[str, str | None]:
    """Sources of all that runs in a box; None for a package."""
    sources: dict[str, str | None] = {}
    for package in _INSIDE:
        parts = package.split(".")
        sources |= {".".join(parts[: number + 1]): None for number in range(len(parts))}
        folder = Path(_file_of(package)).parent
        sources |= {f"{package}.{path.stem}": path.read_text() for path in folder.glob("[!_]*.py")}
    return sources


def _file_of(module: str) -> str:
    file = import_module(module).__file__
    assert file is not None
    return file


def _message(content: Any) -> bytes:
    body = marshal.dumps(content)
    return len(body).to_bytes(4, "little") + body
