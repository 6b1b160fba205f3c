"""The vLLM server that the engine speaks to: a child process of ours, or one that somebody else runs.

Both are started with a policy's folder, tell how much they can take, and can be lost at any time; the engine then
starts them again. Restarting somebody else's server means waiting until it answers.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rlvr.core.telemetry import get_logger
from rlvr.sampler.engine import PolicyLoadFailed
from rlvr.sampler.engines.vllm import keeper
from rlvr.sampler.engines.vllm.admission import Load
from rlvr.sampler.engines.vllm.api import ServerLost, ServerRefused, VllmApi
from rlvr.sampler.engines.vllm.flags import MODEL_NAME, Start, arguments, environment
from rlvr.sampler.engines.vllm.folder import PolicyFolder, read_folder
from rlvr.sampler.engines.vllm.settings import VllmSettings
from rlvr.sampler.engines.vllm.tied import is_tied, spell_out

log = get_logger("vllm")

_POLL_S = 0.25
_TAIL = 30
_CHUNK = 64 * 1024
_PREFIX = re.compile(r"^(?:\([^)]*\) )?(?P<level>INFO|WARNING|ERROR)? ?(?:\d\d-\d\d \d\d:\d\d:\d\d )?(?P<text>.*)$")


class WillNotStart(Exception):
    """The server cannot be started with this folder. The message has the end of its log, or what it lacks."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a server can take."""

    context_length: int
    """Most tokens of a prompt and its completion together."""
    limit: Load
    """At a time: completions in its batch, and tokens in its KV cache."""


class Server(Protocol):
    """A vLLM server, ours or not."""

    api: VllmApi
    model: str
    """The name that it has for its own weights."""

    async def start(self, folder: PolicyFolder) -> bool:
        """Start, or start again, and wait until it answers. True when it holds the folder's weights by now (of an
        adapter: its base model's), False when nobody knows what it holds.

        Raises:
            WillNotStart: it cannot be started with this folder.
            ServerLost: it does not answer.
        """
        ...

    async def folder_for(self, folder: PolicyFolder) -> str:
        """Where this server reads a version's full weights.

        Raises:
            PolicyLoadFailed: it could not read them as it must.
        """
        ...

    async def capacity(self) -> Capacity: ...

    async def until_dead(self) -> str:
        """Wait until it is known to have ended; how it did."""
        ...

    async def stop(self) -> None:
        """End it, if it is ours. Twice does nothing."""
        ...


class OwnServer:
    """A child process, with everything that it starts in a group that ends with us (see `keeper`)."""

    def __init__(self, settings: VllmSettings, *, device: str = "auto", dtype: str = "auto", threads: int = 1) -> None:
        self.model = MODEL_NAME
        self.api = VllmApi("http://127.0.0.1:0", settings.update_timeout_s)
        self._settings = settings
        self._device = _find_device() if device == "auto" else device
        self._dtype = dtype
        self._threads = threads
        self._process: asyncio.subprocess.Process | None = None
        self._output: asyncio.Task[None] | None = None
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._untied = False
        self._scratch = tempfile.TemporaryDirectory(prefix="rlvr-vllm-")

    @property
    def pid(self) -> int:
        """Of the keeper, whose only child is the server; 0 when none runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else 0

    async def start(self, folder: PolicyFolder) -> bool:
        await self.stop()
        begin = time.monotonic()
        self._untied = self._device == "cpu" and is_tied(folder) and not folder.lora_rank
        model = folder.base if folder.lora_rank else await self.folder_for(folder)
        start = Start(model, _free_port(), self._device, self._dtype, folder.lora_rank, self._untied)
        self.api = VllmApi(f"http://127.0.0.1:{start.port}", self._settings.update_timeout_s)
        await self._spawn(start)
        while not await self._answers():
            if self._process is None or self._process.returncode is not None:
                await self.stop()
                raise WillNotStart(f"vLLM ended before it was ready:\n{self._last_words()}")
            if time.monotonic() - begin > self._settings.start_timeout_s:
                await self.stop()
                raise WillNotStart(f"vLLM was not ready in {self._settings.start_timeout_s:g} s:\n{self._last_words()}")
            await asyncio.sleep(_POLL_S)
        log.info("vLLM is up", url=self.api.url, model=folder.base, seconds=round(time.monotonic() - begin, 1))
        return True

    async def folder_for(self, folder: PolicyFolder) -> str:
        return await _folder_for(folder, self._untied, self._scratch)

    async def capacity(self) -> Capacity:
        return await _capacity(self.api, self.model, self._settings, self._settings.max_num_seqs)

    async def until_dead(self) -> str:
        assert self._process is not None
        return f"vLLM ended with exit code {await self._process.wait()}"

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None and self._output is not None
            # The end of its standard input is what the keeper waits for.
            process.stdin.close()
            await process.wait()
            await self._output
        await self.api.close()

    async def _spawn(self, start: Start) -> None:
        python = self._settings.python or sys.executable
        program = [python, "-m", "vllm.entrypoints.openai.api_server", *arguments(self._settings, start)]
        log.info("starting vLLM", command=" ".join(program))
        self._tail.clear()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            keeper.__file__,
            str(self._settings.stop_grace_s),
            *program,
            env=environment(os.environ, self._settings, start, self._threads),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._output = asyncio.create_task(self._collect(self._process.stdout))

    async def _collect(self, output: asyncio.StreamReader) -> None:
        """Put its lines into our log."""
        rest = b""
        while chunk := await output.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._say(line.decode(errors="replace").rstrip())

    def _say(self, line: str) -> None:
        if not line:
            return
        self._tail.append(line)
        match = _PREFIX.match(line)
        level = (match["level"] if match else None) or "INFO"
        say = {"WARNING": log.warning, "ERROR": log.error}.get(level, log.info)
        say(match["text"] if match else line)

    async def _answers(self) -> bool:
        try:
            await self.api.health()
        except (ServerLost, ServerRefused):
            return False
        return True

    def _last_words(self) -> str:
        return "\n".join(self._tail) or "(it said nothing)"


class ExternalServer:
    """A server that somebody else runs and restarts; where it is known by its URL only."""

    def __init__(self, settings: VllmSettings) -> None:
        self.model = MODEL_NAME
        self.api = VllmApi(settings.url, settings.update_timeout_s)
        self._settings = settings
        self._max_num_seqs = 1
        self._untied = False
        self._scratch = tempfile.TemporaryDirectory(prefix="rlvr-vllm-")

    async def start(self, folder: PolicyFolder) -> bool:
        await self.api.health()
        try:
            models = await self.api.models()
            config = await self.api.config()
        except ServerRefused as refusal:
            raise WillNotStart(f"{refusal}: start it with VLLM_SERVER_DEV_MODE=1") from refusal
        self.model = next(iter(models))
        model, scheduler = config["model_config"], config["scheduler_config"]
        if model["logprobs_mode"] != "processed_logprobs":
            raise WillNotStart(
                f"{self.api.url} gives {model['logprobs_mode']}, which are not the log-probabilities of what it "
                "samples from: start it with --logprobs-mode processed_logprobs"
            )
        if folder.lora_rank and not config["lora_config"]:
            raise WillNotStart(f"{self.api.url} takes no adapters: start it with --enable-lora")
        transfer = config.get("weight_transfer_config") or {}
        if self._settings.transfer == "nccl" and transfer.get("backend") != "nccl":
            raise WillNotStart(f'{self.api.url}: start it with --weight-transfer-config {{"backend": "nccl"}}')
        self._untied = (model["hf_overrides"] or {}).get("tie_word_embeddings") is False
        on_cpu = str(config["device_config"]["device"]) == "cpu"
        if on_cpu and scheduler["enable_chunked_prefill"]:
            raise WillNotStart(
                f"{self.api.url} computes on a CPU and would die of a seeded request whose prompt comes in parts: "
                "start it with --no-enable-chunked-prefill"
            )
        if on_cpu and is_tied(folder) and not (self._untied or folder.lora_rank):
            raise WillNotStart(
                f"{self.api.url} computes on a CPU and would keep the output head of its first version: start it with "
                '--hf-overrides {"tie_word_embeddings": false} and a folder that has lm_head.weight'
            )
        await _check_same_model(models[self.model].root, folder)
        self._max_num_seqs = int(scheduler["max_num_seqs"])
        return bool(folder.lora_rank)

    async def folder_for(self, folder: PolicyFolder) -> str:
        return await _folder_for(folder, self._untied, self._scratch)

    async def capacity(self) -> Capacity:
        return await _capacity(self.api, self.model, self._settings, self._max_num_seqs)

    async def until_dead(self) -> str:
        """Only its silence tells, which the engine listens for."""
        await asyncio.Event().wait()
        raise AssertionError("nobody sets the event")

    async def stop(self) -> None:
        await self.api.close()


async def _folder_for(folder: PolicyFolder, untied: bool, scratch: tempfile.TemporaryDirectory[str]) -> str:
    if not (untied and is_tied(folder)):
        return folder.path
    return await asyncio.to_thread(spell_out, folder, Path(scratch.name))


async def _check_same_model(root: str, folder: PolicyFolder) -> None:
    """Refuse a folder of another architecture than the server was started with, where that can be seen from here.

    Raises:
        WillNotStart: the server would break on these weights.
    """
    if not await asyncio.to_thread(Path(root, "config.json").is_file):
        return
    try:
        served = await asyncio.to_thread(read_folder, root)
        differs = served.config != folder.config
        if not differs and not folder.lora_rank:
            folder.check_replaces(served)
    except PolicyLoadFailed as failure:
        raise WillNotStart(str(failure)) from failure
    if differs:
        raise WillNotStart(f"the server runs {root}, whose config.json is not that of {folder.base}")


async def _capacity(api: VllmApi, model: str, settings: VllmSettings, max_num_seqs: int) -> Capacity:
    info = (await api.models())[model]
    cache = (await api.metrics()).kv_tokens
    tokens = settings.max_running_tokens or cache or max_num_seqs * info.max_model_len
    return Capacity(info.max_model_len, Load(samples=max_num_seqs, tokens=tokens))


def _find_device() -> str:
    devices = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
    return "cuda" if any(Path(device).exists() for device in devices) else "cpu"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
