"""The OpenAI engine: groups of texts from any server with OpenAI's routes (SGLang, vLLM, llama.cpp, a hosted one).

For evaluation and verification only. Such a server cannot be given a policy's weights, gives text whose token ids
nobody can vouch for, and log-probabilities that may be of another distribution than the one it samples from. So its
samples have text and nothing else, belong to no policy version, and are marked `untrainable`.

    LOADING ── it answers ──> READY ── it is away ──> LOADING ...      FAILED: key, model or URL is wrong
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from array import array
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from rlvr.core.errors import InvalidRequest, Unavailable
from rlvr.core.telemetry import get_logger
from rlvr.sampler.engine import (
    EngineFailed,
    EngineState,
    EngineStatus,
    GroupRequest,
    PolicyLoadFailed,
    Sample,
    SampledGroup,
)
from rlvr.sampler.engines.openai.api import Drawn, Misconfigured, OpenAiApi, Refused, ServerAway, ServerBusy
from rlvr.sampler.engines.openai.settings import OpenAiSettings

log = get_logger("openai")

_LOOK_S = 10.0
"""How often it is seen whether the server answers."""
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 15.0
_ENDS = ("stop", "length")


class OpenAiEngine:
    """An `Engine` without weights of its own. Make it inside the loop that uses it."""

    def __init__(self, settings: OpenAiSettings) -> None:
        self.untrainable = (
            f"engine openai samples from {settings.url}, which cannot be given a policy's weights and gives no token "
            "ids or log-probabilities to train on: train with RLVR_SAMPLER__ENGINE=vllm or transformers, and give a "
            "sampler that is for evaluation a policy name that no run has (RLVR_SAMPLER__POLICY=evaluation)"
        )
        self._settings = settings
        self._api = OpenAiApi(settings)
        self._model = settings.model
        self._places = asyncio.Semaphore(settings.max_requests)
        self._answers = asyncio.Event()
        self._suspected = asyncio.Event()
        self._quiet_until = 0.0
        """Nothing is sent before (monotonic): the server asked for it."""
        self._detail = "the server has not answered yet"
        self._failure: EngineFailed | None = None
        self._counts_samples = True
        """Whether the server draws n samples at one request."""
        self._running = 0
        self._asked = 0
        self._prompt_tokens = 0
        self._tokens = 0
        self._groups: set[asyncio.Task[Any]] = set()
        self._watch = asyncio.create_task(self._watch_server())

    async def load(self, policy: str, version: int, folder: str) -> None:
        self._check()
        raise PolicyLoadFailed(f"version {version} of policy {policy!r}: {self.untrainable}")

    async def generate(self, request: GroupRequest) -> SampledGroup:
        request.check()
        self._check()
        # A task of its own, which `_fail` can end.
        group = asyncio.create_task(self._draw(request))
        self._groups.add(group)
        group.add_done_callback(self._groups.discard)
        self._asked += request.group_size
        try:
            drawn = await group
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and not task.cancelling():
                self._check()
            raise
        finally:
            self._asked -= request.group_size
        samples = tuple(_sample(one) for one in drawn)
        # A greedy sample stands for all of the group.
        return SampledGroup(array("i"), samples * (request.group_size // len(samples)))

    def status(self) -> EngineStatus:
        if self._failure is not None:
            state, detail = EngineState.FAILED, str(self._failure)
        elif not self._answers.is_set():
            state, detail = EngineState.LOADING, self._detail
        else:
            state, detail = EngineState.READY, ""
            if (wait := self._quiet_until - time.monotonic()) > 0:
                detail = f"waits for {wait:.1f} s more: {self._detail}"
        return EngineStatus(
            state=state,
            detail=detail,
            running=self._running,
            waiting=max(0, self._asked - self._running),
            tokens_generated=self._tokens,
            prompt_tokens_computed=self._prompt_tokens,
        )

    async def close(self) -> None:
        self._fail("closed")
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        await self._api.close()

    async def _draw(self, request: GroupRequest) -> list[Drawn]:
        """The group's samples; one stands for all if it is greedy."""
        wanted = request.group_size if request.temperature else 1
        if request.seed:
            # What becomes of one seed for n samples differs from server to server: on some they are all the same.
            seeds = [_spread(request.seed, index) for index in range(wanted)]
            return await self._one_by_one(request, [{"seed": seed} for seed in seeds])
        drawn: list[Drawn] = []
        if wanted > 1 and self._counts_samples:
            try:
                drawn = await self._send(request, {"n": wanted})
            except Refused as refusal:
                # Refused again for one sample, it was not for their number.
                drawn = await self._one_by_one(request, [{}])
                self._stop_counting(f"it refused n = {wanted}: {refusal}")
            if len(drawn) < wanted and self._counts_samples:
                self._stop_counting(f"it gave {len(drawn)} samples for n = {wanted}")
        return drawn[:wanted] + await self._one_by_one(request, [{}] * (wanted - len(drawn)))

    def _stop_counting(self, why: str) -> None:
        self._counts_samples = False
        log.warning("the server is sent one request per sample from now on", why=why)

    async def _one_by_one(self, request: GroupRequest, changes: list[dict[str, Any]]) -> list[Drawn]:
        """One sample for each request.

        Raises:
            InvalidRequest: the server refuses it.
        """
        sends = [asyncio.ensure_future(self._send(request, change)) for change in changes]
        try:
            return [drawn[0] for drawn in await asyncio.gather(*sends)]
        except Refused as refusal:
            raise InvalidRequest(str(refusal)) from refusal
        finally:
            for send in sends:
                send.cancel()

    async def _send(self, request: GroupRequest, change: dict[str, Any]) -> list[Drawn]:
        """Send a request, again while the server is away or busy.

        Raises:
            Refused: the server will not have it.
            Unavailable: it could not be had within `give_up_s`.
            EngineFailed: no request will ever be answered.
        """
        pause = _FIRST_PAUSE_S
        async with self._places:
            deadline = time.monotonic() + self._settings.give_up_s
            while True:
                await self._turn(deadline)
                body = self._body(request) | change | self._settings.extra_body
                try:
                    async with self._counted(change.get("n", 1)):
                        completion = await self._api.complete(body)
                except Misconfigured as mistake:
                    self._fail(str(mistake))
                    self._check()
                except ServerBusy as busy:
                    self._be_quiet(pause if busy.retry_after_s is None else busy.retry_after_s, str(busy))
                except ServerAway as loss:
                    log.warning("a completion is lost and asked for again", error=str(loss), pause_s=pause)
                    self._suspect(str(loss))
                    await asyncio.sleep(pause)
                else:
                    self._prompt_tokens += completion.prompt_tokens
                    self._tokens += completion.completion_tokens
                    return _checked(completion.samples)
                pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _turn(self, deadline: float) -> None:
        """Wait until the server answers and does not want to be left alone.

        Raises:
            Unavailable: that is not before the deadline.
        """
        await self._until(deadline, self._answers.wait())
        while (wait := self._quiet_until - time.monotonic()) > 0:
            if self._quiet_until > deadline:
                self._give_up(wait)
            await asyncio.sleep(wait)
        if time.monotonic() > deadline:
            self._give_up()

    async def _until(self, deadline: float, event: Awaitable[Any]) -> None:
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await event
        except TimeoutError:
            self._give_up()

    def _give_up(self, retry_after_s: float | None = None) -> NoReturn:
        raise Unavailable(
            f"not sampled within {self._settings.give_up_s} s (RLVR_SAMPLER__OPENAI__GIVE_UP_S): {self._detail}",
            retry_after_seconds=retry_after_s,
        )

    def _body(self, request: GroupRequest) -> dict[str, Any]:
        return {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": 1.0,
        }

    @asynccontextmanager
    async def _counted(self, samples: int) -> AsyncIterator[None]:
        self._running += samples
        try:
            yield
        finally:
            self._running -= samples

    def _be_quiet(self, seconds: float, why: str) -> None:
        log.warning("the server asks to wait", seconds=seconds, why=why)
        self._detail = why
        self._quiet_until = max(self._quiet_until, time.monotonic() + seconds)

    def _suspect(self, why: str) -> None:
        """Have it seen now whether the server still answers."""
        self._detail = why
        self._answers.clear()
        self._suspected.set()

    async def _watch_server(self) -> None:
        """Keep `_answers` true to the server."""
        pause = _FIRST_PAUSE_S
        while True:
            self._suspected.clear()
            try:
                self._choose_model(await self._api.models())
                self._answers.set()
                pause, wait = _FIRST_PAUSE_S, _LOOK_S
            except Misconfigured as mistake:
                self._fail(str(mistake))
                return
            except ServerBusy as busy:
                # It does answer; without the name of a model there is nothing to ask it yet.
                if self._model:
                    self._answers.set()
                wait = pause if busy.retry_after_s is None else busy.retry_after_s
                pause = min(2 * pause, _LOOK_S)
                self._be_quiet(wait, str(busy))
            except (ServerAway, Refused) as loss:
                if self._answers.is_set() or self._detail != str(loss):
                    log.warning("the server does not answer", error=str(loss))
                self._detail = str(loss)
                self._answers.clear()
                wait = pause
                pause = min(2 * pause, _LOOK_S)
            await self._sleep_unless_suspected(wait)

    async def _sleep_unless_suspected(self, seconds: float) -> None:
        if not self._answers.is_set():
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._suspected.wait()
        except TimeoutError:
            return

    def _choose_model(self, offered: list[str]) -> None:
        if self._model:
            return
        if len(offered) != 1:
            offer = ", ".join(offered[:20]) or "no list"
            raise Misconfigured(f"set RLVR_SAMPLER__OPENAI__MODEL: {self._api.url} offers {offer}")
        self._model = offered[0]
        log.info("sampling from the server's one model", model=self._model)

    def _fail(self, why: str) -> None:
        """Sample no more; whoever waits is told."""
        if self._failure is None:
            self._failure = EngineFailed(f"the engine has stopped: {why}")
        for group in self._groups:
            group.cancel()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure


def _sample(drawn: Drawn) -> Sample:
    return Sample(drawn.text, array("i"), array("f"), "stop" if drawn.finish_reason == "stop" else "length", span=None)


def _checked(samples: list[Drawn]) -> list[Drawn]:
    """Refuse what is no completion of the model: a filtered one would be graded as the model's own.

    Raises:
        Unavailable: naming how it ended.
    """
    for sample in samples:
        if sample.finish_reason not in _ENDS:
            raise Unavailable(f"the server ended a completion by {sample.finish_reason!r}, not by one of {_ENDS}")
    return samples


def _spread(seed: int, index: int) -> int:
    """A seed for each sample of a group, that groups with neighbouring seeds do not share."""
    word = seed.to_bytes(8, "little") + index.to_bytes(4, "little")
    return int.from_bytes(hashlib.sha256(word).digest()[:4], "little") >> 1
