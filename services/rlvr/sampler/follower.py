"""Keeps the engine at the version that the coordinator's register names.

    coordinator --WatchPolicy--> target --checked, loaded--> held

The coordinator may be gone at any time: the target stays what it was last known to be, and the weights stay
loaded. A version that cannot be loaded is refused and tried again until it loads or a newer one comes; the
version before goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

from rlvr.core import metrics
from rlvr.core.errors import Conflict
from rlvr.core.rpc_server import Health
from rlvr.core.telemetry import get_logger
from rlvr.sampler.engine import Engine, EngineFailed, EngineState, PolicyLoadFailed
from rlvr.sampler.versions import PolicyVersion, checked_folder, keep_only
from rlvr.sampler.wire import to_version
from rlvr.v1 import coordinator_pb2, coordinator_pb2_grpc

log = get_logger("policy")

_RETRY_S = 2.0
"""Between tries to load a version that was refused, and between tries to reach the coordinator (at most)."""
_BUSY_RETRY_S = 0.05
_REPORT_S = 0.5


@dataclass(frozen=True, slots=True)
class Target:
    """What a run wants sampled."""

    run_id: str
    version: PolicyVersion


class PolicyFollower:
    """A worker of the room, and the one place that loads versions into the engine."""

    def __init__(
        self,
        engine: Engine,
        coordinator: coordinator_pb2_grpc.CoordinatorServiceStub,
        *,
        policy: str,
        cache: Path,
        health: Health,
    ) -> None:
        self.target: Target | None = None
        """The run that is followed; None while no run needs this sampler."""
        self.held: PolicyVersion | None = None
        """The version in the engine."""
        self.held_for = ""
        """The run that it was loaded for; empty when somebody asked for it."""
        self._engine = engine
        self._coordinator = coordinator
        self._policy = policy
        self._cache = cache
        self._health = health
        self._changed = asyncio.Condition()
        self._loading = asyncio.Lock()

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow until `stopping`.

        Raises:
            EngineFailed: the engine broke; the process must be restarted.
        """
        parts = [self._watch(), self._report(), stopping.wait()]
        if not self._engine.untrainable:
            parts.append(self._load_targets())
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def load(self, version: PolicyVersion, run_id: str = "") -> None:
        """Check a version and put it into the engine, for a run or for whoever asked.

        Raises:
            PolicyLoadFailed: it is damaged, missing, or not a model; what is held goes on.
            Conflict: it would replace another policy while completions are being drawn from that one.
        """
        async with self._loading:
            begin = time.perf_counter()
            try:
                folder = await asyncio.to_thread(checked_folder, version, self._cache)
                await self._engine.load(version.policy, version.version, str(folder))
                await asyncio.to_thread(keep_only, folder, self._cache)
            except PolicyLoadFailed:
                metrics.POLICY_LOADS.labels("refused").inc()
                raise
            metrics.POLICY_LOADS.labels("loaded").inc()
            metrics.POLICY_LOAD_SECONDS.observe(time.perf_counter() - begin)
            metrics.POLICY_VERSION.labels("sampler").set(version.version)
            self.held, self.held_for = version, run_id
        await self._tell()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition on `target` and `held` is true."""
        async with self._changed:
            await self._changed.wait_for(condition)

    def serves(self, run_id: str, at_least: int = 0) -> bool:
        """True when the engine holds this run's policy at this version or a newer one. The policy's name would not
        do: it may have been another run's, whose versions are other weights under the same numbers."""
        return self.held is not None and self.held_for == run_id and self.held.version >= at_least

    @property
    def up_to_date(self) -> bool:
        """True when the engine holds what the register says."""
        return self.target is not None and (self.held_for, self.held) == (self.target.run_id, self.target.version)

    async def _watch(self) -> None:
        request = coordinator_pb2.WatchPolicyRequest(policy=self._policy)
        pause = 0.1
        while True:
            try:
                # A watch has no end, so it has no deadline; keepalive notices a peer that is gone.
                async for response in self._coordinator.WatchPolicy(request, wait_for_ready=True):
                    pause = 0.1
                    await self._aim(response)
            except grpc.aio.AioRpcError as failure:
                log.warning("the coordinator cannot be reached", error=failure.details(), pause_s=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _RETRY_S)

    async def _aim(self, response: coordinator_pb2.WatchPolicyResponse) -> None:
        before = self.target
        wanted = response.HasField("policy")
        self.target = Target(response.run_id, to_version(response.policy)) if wanted else None
        if (before and before.run_id) != (self.target and self.target.run_id):
            log.info("following a run" if self.target else "no run needs this sampler", run=response.run_id)
        await self._tell()

    async def _load_targets(self) -> None:
        """Load the newest target; those that were passed over meanwhile are never loaded."""
        while True:
            await self.until(lambda: self.target is None or not self.up_to_date)
            target = self.target
            if target is None:
                await self._health.set_part("policy", "")
                await self.until(lambda: self.target is not None)
                continue
            if not self.serves(target.run_id):
                await self._health.set_part("policy", f"loading policy {target.version.policy!r}")
            try:
                await self.load(target.version, target.run_id)
                await self._health.set_part("policy", "")
            except PolicyLoadFailed as failure:
                log.error("a version was refused", error=failure.detail, version=target.version.version)
                await self._health.set_part("policy", failure.detail)
                await self._pause_unless_changed(target, _RETRY_S)
            except Conflict:
                # The engine still draws from the policy of the run before.
                await self._pause_unless_changed(target, _BUSY_RETRY_S)

    async def _pause_unless_changed(self, target: Target, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.until(lambda: self.target != target)
        except TimeoutError:
            return

    async def _report(self) -> None:
        """Export the engine's figures; end when it can sample no more."""
        counters = {
            "tokens_generated": metrics.TOKENS_GENERATED,
            "prompt_tokens_computed": metrics.PROMPT_TOKENS_COMPUTED,
            "prompt_tokens_shared": metrics.PROMPT_TOKENS_SHARED,
        }
        reported = dict.fromkeys(counters, 0)
        while True:
            status = self._engine.status()
            if status.state is EngineState.FAILED:
                raise EngineFailed(status.detail)
            # Before its first version is loaded a room is ready to load it.
            out = status.state is EngineState.LOADING and (self.held is not None or self._engine.untrainable)
            await self._health.set_part("engine", (status.detail or "loading") if out else "")
            metrics.SEQUENCES_RUNNING.set(status.running)
            for name, counter in counters.items():
                total = getattr(status, name)
                counter.inc(total - reported[name])
                reported[name] = total
            await asyncio.sleep(_REPORT_S)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
