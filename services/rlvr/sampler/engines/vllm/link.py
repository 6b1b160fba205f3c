"""The server and the version that it holds: brought up, swapped in flight, brought back when it is lost.

Requests go through a gate that is open only while the server is known to hold the wanted version:

    start ──> OPEN ──hold()──> closed: pause, reload, label, reset, resume ──> OPEN
                └── lost ──> closed: start again with the wanted version ──> OPEN

A change that fails half way leaves weights that nobody knows, so it always ends in a new start.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from rlvr.core import metrics
from rlvr.core.errors import Conflict
from rlvr.core.telemetry import get_logger
from rlvr.sampler.engine import EngineFailed, PolicyLoadFailed
from rlvr.sampler.engines.vllm.admission import Admission, Load
from rlvr.sampler.engines.vllm.api import ServerLost, ServerRefused
from rlvr.sampler.engines.vllm.folder import PolicyFolder
from rlvr.sampler.engines.vllm.metrics import ServerMetrics
from rlvr.sampler.engines.vllm.server import Capacity, Server, WillNotStart
from rlvr.sampler.engines.vllm.settings import VllmSettings
from rlvr.sampler.engines.vllm.transfer import WeightTransfer

log = get_logger("vllm")

_POLL_S = 0.5
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 15.0
_TROUBLE = (WillNotStart, ServerLost, ServerRefused, PolicyLoadFailed)


@dataclass(frozen=True, slots=True)
class Version:
    """A version as the server knows it."""

    policy: str
    number: int
    label: str
    """Names this load of the weights, unlike any other; of an adapter, also the model to ask for."""
    folder: PolicyFolder


class Link:
    """Keeps a server at the version that is wanted. Belongs to one asyncio loop."""

    def __init__(
        self, server: Server, admission: Admission, settings: VllmSettings, transfer: WeightTransfer | None = None
    ) -> None:
        """`transfer` is asked first for each version that is swapped in; without one, files are read."""
        self.server = server
        self.wanted: Version | None = None
        """What the server holds, or is to hold once it is back."""
        self.capacity = Capacity(0, Load(0, 0))
        self.updating = False
        self.failure: EngineFailed | None = None
        self.detail = ""
        """What is wrong now, or was with the last version."""
        self.prompt_tokens_computed = 0
        self.prompt_tokens_shared = 0
        self.life = 0
        """Counts the server's starts: a complaint about an earlier one is not a new loss."""
        self._admission = admission
        self._settings = settings
        self._transfer = transfer
        self._numbers: dict[str, int] = {}
        """Label -> version, of everything that the server was given of the wanted policy."""
        self._adapters: list[str] = []
        """Those that the server has, oldest first."""
        self._gate = asyncio.Event()
        self._lost = asyncio.Event()
        self._changing = asyncio.Lock()
        self._seen = ServerMetrics()
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def open(self) -> bool:
        """Whether the server is known to hold the wanted version."""
        return self._gate.is_set() and self.failure is None

    async def ready(self) -> Version:
        """Wait until the server holds the wanted version.

        Raises:
            EngineFailed: it never will.
        """
        await self._gate.wait()
        self.check()
        assert self.wanted is not None
        return self.wanted

    def check(self) -> None:
        """Raise the failure, if there is one."""
        if self.failure is not None:
            raise self.failure

    def number(self, label: str) -> int | None:
        """The version that a label names; None when it is none of ours."""
        return self._numbers.get(label)

    def report_lost(self, life: int, why: str) -> None:
        """Say that the server, in this life, is gone or does not hold what it should."""
        if life == self.life and not self._lost.is_set() and self.failure is None:
            log.error("the vLLM server is lost", error=why)
            self.detail = f"the vLLM server is lost: {why}"
            self._gate.clear()
            self._lost.set()

    async def hold(self, new: Version) -> None:
        """Make the server hold a version. A caller that gives up does not stop it half way.

        Raises:
            PolicyLoadFailed: the server cannot hold it; the version before goes on, if need be after a new start.
            Conflict: completions are being drawn from another policy or architecture.
            EngineFailed: the engine has failed.
        """
        await asyncio.shield(self._spawn(self._hold(new)))

    def fail(self, why: str) -> None:
        """Sample no more; whoever waits for the server is told."""
        if self.failure is None:
            self.failure = EngineFailed(f"the engine has stopped: {why}")
        self._gate.set()

    async def close(self) -> None:
        """Fail whoever waits, and end the server if it is ours."""
        self.fail("closed")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.server.stop()

    async def _hold(self, new: Version) -> None:
        async with self._changing:
            self.check()
            old = self.wanted
            if old is None:
                await self._begin(new)
            elif new.folder.is_served_like(old.folder):
                self._refuse_if_busy(new, old, other=new.policy != old.policy)
                new.folder.check_replaces(old.folder)
                await self._swap(new)
            else:
                self._refuse_if_busy(new, old, other=True)
                await self._restart_with(new)
            self.detail = ""

    def _refuse_if_busy(self, new: Version, old: Version, *, other: bool) -> None:
        running, waiting = self._admission.running, self._admission.waiting
        if other and running + waiting:
            raise Conflict(
                f"policy {old.policy!r} is sampling {running} completions ({waiting} wait): another policy or "
                f"architecture ({new.policy!r}) is taken when they are done"
            )

    async def _begin(self, first: Version) -> None:
        try:
            await self._bring_up(first)
        except _TROUBLE as trouble:
            raise _cannot_serve(first, trouble) from trouble
        self._spawn(self._bring_back_when_lost())
        self._spawn(self._listen())

    async def _swap(self, new: Version) -> None:
        if not self.open:
            # It is being brought back with the version before; it can as well be with this one.
            await self._restart_with(new)
            return
        self.updating = True
        self._gate.clear()
        try:
            await self._give(new, self._transfer)
            self._take_over(new)
        except _TROUBLE as trouble:
            log.error("a weight update failed; the server is started again", error=str(trouble))
            self.updating = False
            await self._restart_with(new)
        finally:
            self.updating = False

    async def _restart_with(self, new: Version) -> None:
        """Start with another version, and with the one before when that fails."""
        self._gate.clear()
        try:
            await self._bring_up(new)
        except _TROUBLE as trouble:
            self._lost.set()
            raise _cannot_serve(new, trouble) from trouble

    async def _bring_up(self, version: Version) -> None:
        """Start the server, give it the version, let requests through."""
        self._gate.clear()
        self.life += 1
        self._seen = ServerMetrics()
        self._adapters.clear()
        holds = await self.server.start(version.folder)
        self._spawn(self._report_death(self.life))
        if version.folder.lora_rank or not holds:
            await self._give(version)
        else:
            await self.server.api.set_label(version.label)
        self.capacity = await self.server.capacity()
        self._lost.clear()
        self._take_over(version)
        self._admission.resize(self.capacity.limit)

    async def _give(self, new: Version, transfer: WeightTransfer | None = None) -> None:
        """Put a version into a running server. Where this fails, the server's weights are unknown."""
        api = self.server.api
        if new.folder.lora_rank:
            while len(self._adapters) > self._settings.lora.max_versions:
                await api.unload_adapter(self._adapters.pop(0))
            await api.load_adapter(new.label, new.folder.path)
            self._adapters.append(new.label)
            return
        async with transfer.connect(api, new.folder) if transfer else nullcontext() as incoming:
            weights = await self.server.folder_for(new.folder) if incoming is None else ""
            await api.pause()
            if incoming is None:
                await api.reload_weights(weights)
            else:
                await incoming.receive()
            metrics.WEIGHT_UPDATES.labels("files" if incoming is None else "nccl").inc()
            await self._name(new)

    async def _name(self, new: Version) -> None:
        """Let the server sample from the weights that it was given."""
        api = self.server.api
        await api.set_label(new.label)
        await api.reset_prefix_cache(running_too=self._settings.kv_on_update == "recompute")
        await api.resume()

    def _take_over(self, new: Version) -> None:
        if self.wanted is not None and self.wanted.policy != new.policy:
            self._numbers.clear()
        self._numbers[new.label] = new.number
        self.wanted = new
        self._gate.set()

    async def _bring_back_when_lost(self) -> None:
        while self.failure is None:
            await self._lost.wait()
            async with self._changing:
                # A load may have started it again meanwhile.
                if self._lost.is_set():
                    await self._bring_back()

    async def _bring_back(self) -> None:
        assert self.wanted is not None
        deadline = time.monotonic() + self._settings.give_up_s
        pause = _FIRST_PAUSE_S
        while True:
            try:
                if await self._still_holds(self.wanted):
                    self._lost.clear()
                    self._gate.set()
                else:
                    await self._bring_up(self.wanted)
                self.detail = ""
                log.info("the vLLM server is back", version=self.wanted.number)
                return
            except _TROUBLE as trouble:
                self.detail = f"the vLLM server cannot be brought back: {trouble}"
                if time.monotonic() > deadline:
                    self.fail(self.detail)
                    return
                log.warning("the vLLM server is not back yet", error=str(trouble), pause_s=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _still_holds(self, version: Version) -> bool:
        """Whether the server is there after all, with the weights that it should have."""
        api = self.server.api
        try:
            await api.health()
            if version.folder.lora_rank:
                return version.label in await api.models()
            return await api.label() == version.label
        except (ServerLost, ServerRefused):
            return False

    async def _report_death(self, life: int) -> None:
        self.report_lost(life, await self.server.until_dead())

    async def _listen(self) -> None:
        """Read the server's figures, and notice when it has fallen silent."""
        heard = time.monotonic()
        while True:
            await asyncio.sleep(_POLL_S)
            life = self.life
            try:
                now = await self.server.api.metrics() if self.open else None
            except (ServerLost, ServerRefused) as silence:
                if time.monotonic() - heard > self._settings.unresponsive_s:
                    self.report_lost(life, str(silence))
                continue
            heard = time.monotonic()
            if now is not None and life == self.life:
                self.prompt_tokens_computed += max(0, now.prompt_tokens_computed - self._seen.prompt_tokens_computed)
                self.prompt_tokens_shared += max(0, now.prompt_tokens_cached - self._seen.prompt_tokens_cached)
                self._seen = now

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _cannot_serve(version: Version, trouble: Exception) -> PolicyLoadFailed:
    return PolicyLoadFailed(f"{version.folder.path} cannot be served: {trouble}")
