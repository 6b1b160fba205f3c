"""The parent's side of one run: its start, its limits on time and output, its end."""

from __future__ import annotations

import asyncio
import contextlib
import marshal
import os
import signal
import time
from typing import Any

from rlvr.verifier.code.inside import harness
from rlvr.verifier.code.runner import Call, End, Job, Limits, RunnerUnavailable, RunResult, Stdio
from rlvr.verifier.code.usage import usage_below

_KILL_GRACE_S = 5.0
_PATIENCE = 3
"""A program that the host gives too few cores has this many times its limit, by the wall clock."""
_TICK_S = 0.05
"""Least time between two looks at a program that is over its limit by the wall clock."""


class Supervisor:
    """The parent's side of one `inside.launcher`."""

    def __init__(self, process: asyncio.subprocess.Process, job: Job, limits: Limits, startup_s: float) -> None:
        assert process.stdout is not None and process.stderr is not None
        self._process = process
        self._pidfd: int | None = _pidfd(process.pid)
        self._limits = limits
        self._startup_s = startup_s
        self._report = process.stderr
        self._feeder = asyncio.create_task(self._feed(job))
        self._output = asyncio.create_task(_read_capped(process.stdout, limits.output_bytes))

    @classmethod
    async def spawn(
        cls, command: list[str], config: dict[str, Any], job: Job, limits: Limits, startup_s: float
    ) -> Supervisor:
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                marshal.dumps(config).hex(),
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                env={
                    "PATH": "/usr/bin:/bin",
                    "PYTHONHASHSEED": "0",
                },  # a seed, so that equal runs answer equally
                cwd="/",
                start_new_session=True,
                limit=2**18,
            )
        except OSError as failure:
            raise RunnerUnavailable(f"cannot start a process: {failure}") from failure
        return cls(process, job, limits, startup_s)

    async def result(self) -> RunResult:
        """Wait for the run to end or to break a limit.

        Raises:
            RunnerUnavailable: the supervisor failed, or the host had no core for the program.
        """
        try:
            first = await asyncio.wait_for(self._report.readline(), self._startup_s)
            if first != b"started\n":
                traceback = first + await asyncio.wait_for(self._report.read(), self._startup_s)
                raise RunnerUnavailable(f"the sandbox did not start: {_last_line(traceback)}")
        except TimeoutError:
            raise RunnerUnavailable(f"the sandbox was not ready after {self._startup_s:g} s") from None
        ended = asyncio.create_task(self._report.readline())
        try:
            return await self._watch(ended)
        finally:
            await _cancel(ended)

    async def _watch(self, ended: asyncio.Task[bytes]) -> RunResult:
        limit = self._limits.time_s
        begin = time.monotonic()
        left = limit
        last_look = False
        pending: set[asyncio.Task[Any]] = {ended, self._output}
        while pending:
            done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            taken = time.monotonic() - begin
            left = limit - taken
            if self._output in done and self._output.result() is None:
                detail = f"over {self._limits.output_bytes} bytes of output"
                return RunResult(End.OUTPUT_LIMIT, b"", min(taken, limit), detail)
            if not done:
                left = self._time_left(taken)
                if left <= 0 and last_look:
                    return RunResult(End.TIME_LIMIT, b"", limit, f"over {limit:g} s")
                if left <= 0:  # it may have ended just now, its report on the way
                    last_look, left = True, _TICK_S
        output = self._output.result() or b""
        exit_code = await self._process.wait()
        words = ended.result().split()
        if len(words) != 3:
            if exit_code != 0:
                raise RunnerUnavailable("the sandbox's supervisor was killed")
            # The supervisor saw init die, by a hand within the run or a host short of memory.
            return RunResult(End.KILLED, b"", min(taken, limit), "the run's init was killed")
        end, detail = self._end(int(words[1]), float(words[2]))
        return RunResult(end, output, min(taken, limit), detail)

    def _time_left(self, taken: float) -> float:
        """What a program that has run for `taken` seconds by the clock has left of its limit; 0 if nothing.

        Raises:
            RunnerUnavailable: it has, but waited for a core for too long.
        """
        limit = self._limits.time_s
        usage = usage_below(self._process.pid)
        # Without a process it has ended, and only our reading of its report is late.
        own = 0.0 if usage is None else max(usage.cpu_s, taken - usage.starved_s)
        if own >= limit:
            return 0.0
        if taken >= _PATIENCE * limit:
            raise RunnerUnavailable(
                f"the host was too busy: {taken:.1f} s were not enough to give the program {limit:g} s"
            )
        return max(_TICK_S, limit - own) if usage is not None else _TICK_S

    def _end(self, status: int, cpu_s: float) -> tuple[End, str]:
        """What the candidate's exit status means, and a detail."""
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            end = End.KILLED if number == signal.SIGKILL else End.FAILED
            if number in (signal.SIGXCPU, signal.SIGKILL) and cpu_s >= self._limits.time_s:
                end = End.TIME_LIMIT
            return end, f"killed by signal {number}"
        code = os.WEXITSTATUS(status)
        ends = {0: End.EXITED, harness.EXIT_COMPILE: End.COMPILE_ERROR, harness.EXIT_MEMORY: End.MEMORY_LIMIT}
        return ends.get(code, End.FAILED), f"exit code {code}" if code not in ends else ""

    def interrupt(self) -> None:
        """Make the supervisor end its run and fail."""
        self._signal(signal.SIGTERM)

    async def kill(self) -> None:
        """End every process of the run and close its pipes."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await _cancel(self._feeder)
        await _cancel(self._output)
        self.interrupt()
        try:
            await asyncio.wait_for(self._gone(), _KILL_GRACE_S)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await asyncio.wait_for(self._gone(), _KILL_GRACE_S)
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    async def _gone(self) -> None:
        """Wait for the process and the ends of its pipes: asyncio reports the first only after the second."""
        assert self._process.stdout is not None
        await asyncio.gather(_drain(self._process.stdout), _drain(self._report), self._process.wait())

    def _signal(self, number: signal.Signals) -> None:
        """By pidfd: `Process.kill` polls, and so takes the exit status from asyncio's own watcher."""
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def _feed(self, job: Job) -> None:
        assert self._process.stdin is not None
        call = job.action if isinstance(job.action, Call) else None
        stdin = job.action.stdin if isinstance(job.action, Stdio) else b""
        header = {
            "source": job.source,
            "entry_point": call.entry_point if call else None,
            "args": call.args if call else None,
        }
        text = marshal.dumps(header)
        try:
            self._process.stdin.write(len(text).to_bytes(8, "big") + text + stdin)
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):  # the candidate need not read its input
            pass
        finally:
            self._process.stdin.close()


def _pidfd(pid: int) -> int | None:
    """A handle on a process just started; None if it is gone already."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _last_line(report: bytes) -> str:
    """The error at the end of a traceback."""
    lines = [line for line in report.decode(errors="replace").splitlines() if not line.startswith("ended ")]
    return lines[-1] if lines else "its supervisor was killed"


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _read_capped(reader: asyncio.StreamReader, cap: int) -> bytes | None:
    """Everything up to the end of the stream; None as soon as it is more than `cap` bytes."""
    parts, size = [], 0
    while part := await reader.read(2**18):
        parts.append(part)
        size += len(part)
        if size > cap:
            return None
    return b"".join(parts)


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(2**18):
        pass
