"""What the runs of programs tell the metrics."""

from __future__ import annotations

import asyncio
import time

from rlvr.core import metrics
from rlvr.verifier.code.runner import Job, Limits, Runner, RunResult

_UNAVAILABLE, _STOPPED = "unavailable", "stopped"
"""How a run ends without a result: the sandbox failed; we ended it, its test being over or its caller gone."""


async def metered_run(runner: Runner, language: str, job: Job, limits: Limits, *, slot: int) -> RunResult:
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
        metrics.SANDBOX_RUNS.labels(tier, end).inc()
        metrics.SANDBOX_RUN_SECONDS.labels(tier, language).observe(time.monotonic() - begin)
