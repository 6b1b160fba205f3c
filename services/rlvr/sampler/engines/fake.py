"""An engine without a model, for tests: a fixed rule says what each sample is."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from pathlib import Path

from rlvr.core.errors import Conflict
from rlvr.core.policy import PolicySpan
from rlvr.sampler.engine import (
    EngineFailed,
    EngineState,
    EngineStatus,
    GroupRequest,
    PolicyLoadFailed,
    Sample,
    SampledGroup,
)

Reply = Callable[[GroupRequest, int], str]
"""(request, sample index) -> the completion's text."""


def count_samples(request: GroupRequest, index: int) -> str:
    """The default reply: the last message and the sample's index."""
    return f"{request.messages[-1].content} #{index}"


class FakeEngine:
    """An `Engine` whose tokens are characters, drawn with log-probability 0."""

    def __init__(self, reply: Reply = count_samples, *, untrainable: str = "") -> None:
        self.reply = reply
        self.untrainable = untrainable
        self.loads: list[tuple[str, int, str]] = []
        """What was loaded: (policy, version, folder)."""
        self.requests: list[GroupRequest] = []
        self.may_finish = asyncio.Event()
        """Cleared, it holds generation back."""
        self.may_finish.set()
        self._running = 0
        self._tokens = 0
        self._closed = False

    async def load(self, policy: str, version: int, folder: str) -> None:
        if not await asyncio.to_thread(Path(folder).is_dir):
            raise PolicyLoadFailed(f"{folder} is not a folder")
        if self._running and self.loads[-1][0] != policy:
            raise Conflict(f"policy {self.loads[-1][0]!r} is sampling {self._running} completions")
        self.loads.append((policy, version, folder))

    async def generate(self, request: GroupRequest) -> SampledGroup:
        request.check()
        self._check_open()
        if not self.loads:
            raise Conflict("no policy has been loaded: load one first")
        self.requests.append(request)
        first = self.loads[-1][1]
        self._running += request.group_size
        try:
            await self.may_finish.wait()
        finally:
            self._running -= request.group_size
        self._check_open()
        span = PolicySpan(first, first).with_version(self.loads[-1][1])
        samples = tuple(self._sample(request, index, span) for index in range(request.group_size))
        prompt = "".join(message.content for message in request.messages)
        return SampledGroup(array("i", map(ord, prompt)), samples)

    def _sample(self, request: GroupRequest, index: int, span: PolicySpan) -> Sample:
        whole = self.reply(request, index)
        text = whole[: request.max_tokens]
        self._tokens += len(text)
        return Sample(
            text,
            array("i", map(ord, text)),
            array("f", bytes(4 * len(text))),
            "stop" if text == whole else "length",
            span,
        )

    def status(self) -> EngineStatus:
        if not self.loads:
            return EngineStatus(EngineState.LOADING)
        policy, version, _folder = self.loads[-1]
        return EngineStatus(
            EngineState.READY,
            policy=policy,
            version=version,
            running=self._running,
            tokens_generated=self._tokens,
        )

    async def close(self) -> None:
        self._closed = True
        self.may_finish.set()

    def _check_open(self) -> None:
        if self._closed:
            raise EngineFailed("the engine has stopped: closed")
