"""Watching one run: its limits on time, memory and output, by the room's own measures."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from rlvr.verifier.code.runner import End, Limits, RunnerUnavailable, RunResult
from rlvr.verifier.code.runners.exchange import Output
from rlvr.verifier.code.runners.run import Run
from rlvr.verifier.code.runners.usage import Usage
from rlvr.verifier.code.zygote.harness import EXIT_COMPILE, EXIT_MEMORY

_PATIENCE = 3
"""A program that the host gives too few cores has this many times its limit, by the wall clock."""
_TICK_S = 0.05
"""Least time between two looks at a program that is over its limit by the wall clock."""


class Watch:
    """One run and its limits."""

    def __init__(self, run: Run, output: Output, limits: Limits, usage: Callable[[], Usage | None]) -> None:
        """`usage` tells what the run's processes have had of the host; None if there are none any more."""
        self._run = run
        self._output = output
        self._limits = limits
        self._usage = usage

    async def started(self, startup_s: float) -> None:
        """Wait for the program to begin. Raises RunnerUnavailable."""
        try:
            async with asyncio.timeout(startup_s):  # wait_for may lose a cancellation, before 3.12
                await asyncio.shield(self._run.started)
        except TimeoutError:
            raise RunnerUnavailable(f"the sandbox was not ready after {startup_s:g} s") from None

    async def result(self, look: Callable[[], RunResult | None] | None, look_every_s: float) -> RunResult:
        """Wait for the run to end or to break a limit. `look` is asked now and then whether it has broken another.

        Raises:
            RunnerUnavailable: the sandbox failed, or the host had no core for the program.
        """
        limit = self._limits.time_s
        begin = time.monotonic()
        left = limit
        last_look = False
        pending: set[asyncio.Future[Any]] = {self._run.ended, self._output.closed}
        while pending:
            tick = left if look is None else min(left, look_every_s)
            done, pending = await asyncio.wait(pending, timeout=tick, return_when=asyncio.FIRST_COMPLETED)
            taken = time.monotonic() - begin
            left = limit - taken
            if self._output.closed in done and self._output.closed.result() is None:
                detail = f"over {self._limits.output_bytes} bytes of output"
                return RunResult(End.OUTPUT_LIMIT, b"", min(taken, limit), detail)
            if done:
                continue
            if self._run.ended.done() and self._output.end():
                continue
            if look is not None and (broken := look()):
                return broken
            if left <= 0:
                left = self._time_left(taken)
                if left <= 0 and last_look:
                    return RunResult(End.TIME_LIMIT, b"", limit, f"over {limit:g} s")
                if left <= 0:  # it may have ended just now, its report on the way
                    last_look, left = True, _TICK_S
        status, cpu_s = self._run.ended.result()
        end, detail = self._end(status, cpu_s)
        exit_code = os.WEXITSTATUS(status) if status is not None and os.WIFEXITED(status) else None
        return RunResult(end, self._output.closed.result() or b"", min(taken, limit), detail, exit_code)

    def _time_left(self, taken: float) -> float:
        """What a program that has run for `taken` seconds by the clock has left of its limit; 0 if nothing.

        Raises:
            RunnerUnavailable: it has, but waited for a core for too long.
        """
        limit = self._limits.time_s
        usage = self._usage()
        # Without a process it has ended, and only our reading of its report is late.
        own = 0.0 if usage is None else max(usage.cpu_s, taken - usage.starved_s)
        if own >= limit:
            return 0.0
        if taken >= _PATIENCE * limit:
            raise RunnerUnavailable(
                f"the host was too busy: {taken:.1f} s were not enough to give the program {limit:g} s"
            )
        return max(_TICK_S, limit - own) if usage is not None else _TICK_S

    def _end(self, status: int | None, cpu_s: float) -> tuple[End, str]:
        """What the candidate's wait status means, and a detail."""
        if status is None:
            return End.KILLED, "the run's init was killed"
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            end = End.KILLED if number == signal.SIGKILL else End.FAILED
            if number in (signal.SIGXCPU, signal.SIGKILL) and cpu_s >= self._limits.time_s:
                end = End.TIME_LIMIT
            return end, f"killed by signal {number}"
        code = os.WEXITSTATUS(status)
        ends = {0: End.EXITED, EXIT_COMPILE: End.COMPILE_ERROR, EXIT_MEMORY: End.MEMORY_LIMIT}
        return ends.get(code, End.FAILED), f"exit code {code}" if code not in ends else ""
