"""The vLLM engine: requests become token ids, what the server draws becomes samples.

The server stamps every token with the label of the weights that drew it. Labels are made here, one for each load,
so a sample's span is what really drew it, and tokens of weights that we did not give are never taken for ours.
"""

from __future__ import annotations

import asyncio
import hashlib
from array import array
from collections.abc import Coroutine
from typing import Any

from rlvr.core.errors import Conflict, FieldViolation, Unavailable
from rlvr.core.policy import PolicySpan
from rlvr.core.telemetry import get_logger
from rlvr.sampler.engine import (
    EngineState,
    EngineStatus,
    GroupRequest,
    PolicyDiverged,
    PolicyLoadFailed,
    Sample,
    SampledGroup,
    invalid_request,
)
from rlvr.sampler.engines import prompts
from rlvr.sampler.engines.vllm.admission import Admission, Load
from rlvr.sampler.engines.vllm.api import Drawn, ServerLost, ServerRefused
from rlvr.sampler.engines.vllm.folder import read_folder
from rlvr.sampler.engines.vllm.link import Link, Version
from rlvr.sampler.engines.vllm.server import Server
from rlvr.sampler.engines.vllm.settings import VllmSettings
from rlvr.sampler.engines.vllm.transfer import WeightTransfer

log = get_logger("engine")

_SENDS = 3
"""How often a group is sent to a server that is lost under it, before the group itself is suspected."""
_NOT_FINITE = -9999.0
"""The server's word for a log-probability of minus infinity or NaN."""
_MIN_TEMPERATURE = 0.01
"""The server raises lower temperatures to this without saying so."""


class VllmEngine:
    """An `Engine` on a vLLM server. Make it inside the loop that uses it."""

    untrainable = ""

    def __init__(self, settings: VllmSettings, server: Server, transfer: WeightTransfer | None = None) -> None:
        self._settings = settings
        self._admission = Admission()
        self._link = Link(server, self._admission, settings, transfer)
        self._loads = 0
        self._refused = ""
        self._tokens_generated = 0
        self._calls: set[asyncio.Task[Any]] = set()

    async def load(self, policy: str, version: int, folder: str) -> None:
        self._link.check()
        try:
            before = self._link.wanted.folder if self._link.wanted else None
            found = await asyncio.to_thread(read_folder, folder, self._settings.lora.base, before)
            self._loads += 1
            await self._link.hold(Version(policy, version, f"{policy}-{version}-{self._loads}", found))
        except PolicyLoadFailed as failure:
            self._refused = f"version {version} of policy {policy!r} was refused: {failure}"
            raise
        self._refused = ""

    async def generate(self, request: GroupRequest) -> SampledGroup:
        request.check()
        self._link.check()
        held = self._link.wanted
        if held is None:
            raise Conflict("no policy has been loaded: load one first")
        tokenizer = held.folder.tokenizer
        prompt_ids = prompts.encode(tokenizer, request.messages)
        self._check_fits(request, len(prompt_ids))
        tokens = request.group_size * (len(prompt_ids) + request.max_tokens)
        async with self._admission.place(Load(request.group_size, tokens)):
            drawn, spans = await self._draw(request, prompt_ids)
        ids = [array("i", one.token_ids) for one in drawn]
        self._tokens_generated += sum(map(len, ids))
        samples = tuple(
            Sample(
                text, completion, array("f", one.logprobs), "stop" if one.finish_reason == "stop" else "length", span
            )
            for text, completion, one, span in zip(prompts.decode(tokenizer, ids), ids, drawn, spans, strict=True)
        )
        # A greedy sample stands for all of the group.
        return SampledGroup(array("i", prompt_ids), samples * (request.group_size // len(samples)))

    def status(self) -> EngineStatus:
        link = self._link
        held = link.wanted if link.open or link.updating else None
        if link.failure is not None:
            state, held, detail = EngineState.FAILED, None, str(link.failure)
        elif held is None:
            state, detail = EngineState.LOADING, link.detail or self._refused
        else:
            state, detail = EngineState.UPDATING if link.updating else EngineState.READY, self._refused
        return EngineStatus(
            state=state,
            detail=detail,
            policy=held.policy if held else "",
            version=held.number if held else -1,
            running=self._admission.running,
            waiting=self._admission.waiting,
            tokens_generated=self._tokens_generated,
            prompt_tokens_computed=link.prompt_tokens_computed,
            prompt_tokens_shared=link.prompt_tokens_shared,
        )

    async def close(self) -> None:
        self._link.fail("closed")
        for call in self._calls:
            call.cancel()
        await self._link.close()

    def _check_fits(self, request: GroupRequest, prompt: int) -> None:
        tokens, context, limit = prompt + request.max_tokens, self._link.capacity.context_length, self._admission.limit
        wrong = []
        if prompt == 0:
            wrong.append(FieldViolation("messages", "the prompt is empty once tokenized"))
        if tokens > context:
            wrong.append(
                FieldViolation(
                    "sampling.max_tokens",
                    f"{prompt} prompt tokens and max_tokens {request.max_tokens} exceed the context of {context}",
                )
            )
        if request.group_size > limit.samples or request.group_size * tokens > limit.tokens:
            wrong.append(
                FieldViolation(
                    "group_size",
                    f"{request.group_size} samples of up to {tokens} tokens exceed this engine's max_num_seqs "
                    f"{limit.samples} or max_running_tokens {limit.tokens}",
                )
            )
        if 0 < request.temperature < _MIN_TEMPERATURE:
            wrong.append(
                FieldViolation("sampling.temperature", f"vLLM samples at 0 (greedy) or from {_MIN_TEMPERATURE} up")
            )
        if wrong:
            raise invalid_request(*wrong)

    async def _draw(self, request: GroupRequest, prompt_ids: list[int]) -> tuple[list[Drawn], list[PolicySpan]]:
        """Send a group, again if the server is lost under it, until it is sampled."""
        for send in range(_SENDS):
            version = await self._link.ready()
            life = self._link.life
            try:
                drawn = await self._call(self._link.server.api.generate(self._body(request, prompt_ids, version)))
                spans = [self._span(one, version) for one in drawn]
            except ServerRefused as refusal:
                if not version.folder.lora_rank:
                    raise Unavailable(str(refusal)) from refusal
                # A server that somebody started again has lost its adapters, and says that it knows no such model.
                self._link.report_lost(life, str(refusal))
                continue
            except ServerLost as loss:
                log.warning("a group was lost with the server", error=str(loss), sends_left=_SENDS - send - 1)
                self._link.report_lost(life, str(loss))
                continue
            _check_complete(drawn, _samples_to_draw(request), version)
            return drawn, spans
        raise Unavailable(f"vLLM was lost {_SENDS} times while it sampled this group")

    def _body(self, request: GroupRequest, prompt_ids: list[int], version: Version) -> dict[str, Any]:
        return {
            "model": version.label if version.folder.lora_rank else self._link.server.model,
            "token_ids": prompt_ids,
            # Keys and values of one version are never found by requests of another, also where the server could not
            # forget them because requests were running.
            "cache_salt": version.label,
            "sampling_params": {
                "n": _samples_to_draw(request),
                "max_tokens": request.max_tokens,
                "temperature": request.temperature,
                "top_p": 1.0,
                "top_k": 0,
                "min_p": 0.0,
                "seed": _spread(request.seed),
                "stop_token_ids": version.folder.stop_ids,
                "logprobs": 0,
                "flat_logprobs": True,
                "detokenize": False,
            },
        }

    def _span(self, drawn: Drawn, sent: Version) -> PolicySpan:
        """The versions that drew a sample.

        Raises:
            ServerLost: tokens carry a label that is none of ours: somebody else restarted the server or changed its
                weights.
        """
        if sent.folder.lora_rank:
            # A completion ends under the adapter that began it.
            return PolicySpan(sent.number, sent.number)
        numbers = [self._link.number(label) for label in drawn.weights]
        known = [number for number in numbers if number is not None]
        if not known or len(known) < len(numbers):
            raise ServerLost(f"tokens were drawn from weights labelled {drawn.weights}, which are not ours")
        return PolicySpan(min(known), max(known))

    async def _call(self, work: Coroutine[Any, Any, list[Drawn]]) -> list[Drawn]:
        """A call that `close` can end: whoever waits for it is then told that the engine has stopped."""
        call = asyncio.create_task(work)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        try:
            return await call
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and not task.cancelling():
                self._link.check()
            raise


def _samples_to_draw(request: GroupRequest) -> int:
    """The server refuses to draw the same greedy sample k times."""
    return request.group_size if request.temperature else 1


def _check_complete(drawn: list[Drawn], wanted: int, version: Version) -> None:
    """Refuse what is no sample of the policy.

    Raises:
        PolicyDiverged: a log-probability is not finite.
        Unavailable: the server gave less than was asked for.
    """
    if any(logprob <= _NOT_FINITE for one in drawn for logprob in one.logprobs):
        raise PolicyDiverged(f"version {version.number} of policy {version.policy!r} gives no finite probabilities")
    ends = sorted({one.finish_reason for one in drawn})
    whole = all(one.token_ids and len(one.token_ids) == len(one.logprobs) for one in drawn)
    if len(drawn) != wanted or not whole or not set(ends) <= {"stop", "length"}:
        raise Unavailable(f"vLLM gave {len(drawn)} of {wanted} samples, which ended by {ends}")


def _spread(seed: int) -> int:
    """The server draws sample i of a group with the seed + i. Spread out, so that groups with neighbouring seeds
    have no sample's seed in common."""
    return int.from_bytes(hashlib.sha256(seed.to_bytes(8, "little")).digest()[:7], "little")
