"""The asyncio front of the embedded engine: requests become token ids, finished groups become samples.

The loop tokenizes and detokenizes, a decoding thread runs the model (torch lets go of the interpreter while it
computes), and a third thread reads new versions from disk.
"""

from __future__ import annotations

import asyncio
from array import array
from typing import Any

import torch

from rlvr.core.errors import Conflict
from rlvr.sampler.engine import (
    EngineFailed,
    EngineState,
    EngineStatus,
    GroupRequest,
    PolicyLoadFailed,
    Sample,
    SampledGroup,
)
from rlvr.sampler.engines import prompts
from rlvr.sampler.engines.transformers.batch import Group
from rlvr.sampler.engines.transformers.decoder import Decoder, Limits
from rlvr.sampler.engines.transformers.weights import LoadedModel, read_version

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class TransformersEngine:
    """An `Engine` on a Hugging Face causal language model. Make it inside the loop that uses it."""

    untrainable = ""

    def __init__(
        self,
        *,
        device: str = "auto",
        dtype: str = "auto",
        threads: int = 1,
        max_rows: int = 256,
        max_cells: int = 65_536,
        prefill_tokens: int = 8192,
    ) -> None:
        """`device` "auto" is CUDA when there is one; `dtype` "auto" is float32 on the CPU, else bfloat16; `threads`
        are torch's on the CPU; for the rest see `Limits`."""
        self._device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self._dtype = _DTYPES[("float32" if self._device == "cpu" else "bfloat16") if dtype == "auto" else dtype]
        self._loop = asyncio.get_running_loop()
        self._loading = asyncio.Lock()
        self._refused = ""
        self._results: dict[Group, asyncio.Future[None]] = {}
        self._decoder = Decoder(Limits(max_rows, max_cells, prefill_tokens), self._deliver, threads)

    async def load(self, policy: str, version: int, folder: str) -> None:
        async with self._loading:
            held = self._decoder.held if policy == self._decoder.policy else None
            try:
                weights = await asyncio.to_thread(read_version, folder, held, self._device, self._dtype)
            except PolicyLoadFailed as failure:
                self._refused = f"version {version} of policy {policy!r} was refused: {failure}"
                raise
            installed: asyncio.Future[None] = self._loop.create_future()
            self._decoder.install(policy, version, weights, lambda failure: self._tell(_resolve, installed, failure))
            await installed
            self._refused = ""

    async def generate(self, request: GroupRequest) -> SampledGroup:
        request.check()
        held = self._decoder.held
        if held is None:
            raise Conflict("no policy has been loaded: load one first")
        group = Group(
            prompts.encode(held.tokenizer, request.messages),
            request.group_size,
            request.max_tokens,
            request.temperature,
            request.seed,
        )
        self._decoder.check_fits(group)
        result = self._results[group] = self._loop.create_future()
        try:
            self._decoder.submit(group)
            await result
        except asyncio.CancelledError:
            self._cancel(group)
            raise
        finally:
            del self._results[group]
        return _decode(held, group)

    def status(self) -> EngineStatus:
        decoder = self._decoder
        if decoder.failure is not None:
            state, detail = EngineState.FAILED, str(decoder.failure)
        elif decoder.held is None:
            state, detail = EngineState.LOADING, self._refused
        else:
            state = EngineState.UPDATING if self._loading.locked() else EngineState.READY
            detail = self._refused
        return EngineStatus(
            state=state,
            detail=detail,
            policy=decoder.policy,
            version=decoder.version,
            running=decoder.running,
            waiting=decoder.waiting,
            tokens_generated=decoder.stats.tokens_generated,
            prompt_tokens_computed=decoder.stats.prompt_tokens_computed,
            prompt_tokens_shared=decoder.stats.prompt_tokens_shared,
        )

    async def close(self) -> None:
        await asyncio.to_thread(self._decoder.close)

    def _cancel(self, group: Group) -> None:
        try:
            self._decoder.cancel(group)
        except EngineFailed:
            return  # Its rows went with the engine.

    def _deliver(self, group: Group, failure: Exception | None) -> None:
        """On the decoding thread."""
        self._tell(self._finish, group, failure)

    def _finish(self, group: Group, failure: Exception | None) -> None:
        result = self._results.get(group)
        if result is not None:
            _resolve(result, failure)

    def _tell(self, callback: Any, *args: Any) -> None:
        """Run a callback on the loop, from the decoding thread; nobody is left to be told once it is closed."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *args)


def _resolve(future: asyncio.Future[None], failure: Exception | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(None)
    else:
        future.set_exception(failure)


def _decode(held: LoadedModel, group: Group) -> SampledGroup:
    completions = [group.completions[index] for index in range(group.group_size)]
    texts = prompts.decode(held.tokenizer, [c.token_ids for c in completions])
    samples = tuple(
        Sample(text, c.token_ids, c.logprobs, c.finish_reason, c.span)
        for text, c in zip(texts, completions, strict=True)
    )
    return SampledGroup(array("i", group.prompt_ids), samples)
