"""Runs as the grader asks for them: counted, timed, and made once more where they may have failed through us."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from rlvr.core import metrics
from rlvr.verifier.code.runner import End, Job, Limits, Runner, RunnerUnavailable, RunResult

_UNAVAILABLE, _STOPPED = "unavailable", "stopped"
"""How a run ends without a result: the sandbox failed; we ended it, its test being over or its caller gone."""


async def run_or_again(runner: Runner, job: Job, limits: Limits, slot: int) -> RunResult:
    """Run a job, and once more if that may have failed through no fault of the candidate's.

    Raises:
        RunnerUnavailable: the sandbox failed twice.
    """
    with suppress(RunnerUnavailable):
        result = await run_once(runner, job, limits, slot)
        if result.end is not End.KILLED:
            return result
    return await run_once(runner, job, limits, slot)


async def run_once(runner: Runner, job: Job, limits: Limits, slot: int) -> RunResult:
    """`runner.run`, counted by how it ended and timed. Raises what it raises."""
    tier = runner.describe()["tier"]
    end = _UNAVAILABLE
    begin = time.monotonic()
    try:
        result = await runner.run(job, limits, slot)
        end = result.end.value
        return result
    except asyncio.CancelledError:
        end = _STOPPED
        raise
    finally:
        kind = type(job.action).__name__.lower()
        metrics.SANDBOX_RUNS.labels(tier, end).inc()
        metrics.SANDBOX_RUN_SECONDS.labels(tier, kind).observe(time.monotonic() - begin)
