"""The routes of a vLLM server that the engine uses, and the two ways in which they fail."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from rlvr.sampler.engines.vllm.metrics import ServerMetrics, parse_metrics

_CONNECT_S = 5.0
_PROBE_S = 10.0
"""For routes that do no work."""


class ServerLost(Exception):
    """The server is gone, broken, or does not hold the weights that we gave it: what it does is unknown."""


class ServerBroke(ServerLost):
    """It says so itself (HTTP 5xx), so it answers."""


class ServerRefused(Exception):
    """The server understood and said no (HTTP 4xx); it goes on as before."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One sample as the server gives it."""

    token_ids: list[int]
    logprobs: list[float]
    """-9999 stands for minus infinity and for NaN."""
    finish_reason: str
    weights: list[str]
    """Labels of the weights that drew its tokens, oldest first."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that the server offers."""

    root: str
    """Folder that it was started with."""
    max_model_len: int


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor that is to come."""

    name: str
    dtype: str
    """As torch names it: `float32`."""
    shape: tuple[int, ...]


class VllmApi:
    """A client of one server. Every method raises ServerLost or ServerRefused, nothing else."""

    def __init__(self, url: str, update_timeout_s: float) -> None:
        self.url = url
        self._update_timeout_s = update_timeout_s
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=httpx.Timeout(_PROBE_S, connect=_CONNECT_S),
            # No connection is kept: one that the server closes just when it is used again would look like a loss.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            trust_env=False,
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def generate(self, request: dict[str, Any]) -> list[Drawn]:
        """Token ids in, token ids out (`POST /inference/v1/generate`). Cancelling closes the connection, at which
        the server aborts the request."""
        reply = await self._call("POST", "/inference/v1/generate", json=request, seconds=None)
        try:
            return [_drawn(choice) for choice in sorted(reply["choices"], key=lambda choice: choice["index"])]
        except (KeyError, TypeError) as failure:
            raise ServerLost(f"an answer of {self.url} cannot be read: {failure!r}") from failure

    async def pause(self) -> None:
        """Stop between two steps, with running requests kept."""
        await self._call("POST", "/pause", params={"mode": "keep"}, seconds=self._update_timeout_s)

    async def resume(self) -> None:
        await self._call("POST", "/resume")

    async def reload_weights(self, folder: str) -> None:
        """Read other weights of the same architecture in place of those it has."""
        await self._call(
            "POST",
            "/collective_rpc",
            json={"method": "reload_weights", "kwargs": {"weights_path": folder}},
            seconds=self._update_timeout_s,
        )

    async def reset_prefix_cache(self, *, running_too: bool) -> None:
        """Forget keys and values; `running_too` makes running requests compute theirs again. Without it the server
        declines while any request runs."""
        await self._call("POST", "/reset_prefix_cache", params={"reset_running_requests": running_too})

    async def set_label(self, label: str) -> None:
        """Name the weights; tokens drawn from now on carry the name."""
        await self._call("POST", "/update_weight_version", json={"new_version": label})

    async def label(self) -> str:
        reply = await self._call("GET", "/weight_info")
        return str(reply["weight_version"])

    async def world_size(self) -> int:
        """Ranks that hold its weights."""
        reply = await self._call("GET", "/get_world_size")
        return int(reply["world_size"])

    async def join_transfer(self, unique_id: bytes, size: int) -> None:
        """Let its ranks join a communicator as ranks 1 to size - 1. It decodes nothing until all have joined."""
        info = {
            "nccl_unique_id_b64": base64.b64encode(unique_id).decode(),
            "rank_offset": 1,
            "world_size": size,
            "packed": False,
        }
        await self._call(
            "POST", "/init_weight_transfer_engine", json={"init_info": info}, seconds=self._update_timeout_s
        )

    async def start_update(self) -> None:
        """Make ready for other weights; it has none that can be used until `finish_update`."""
        await self._call("POST", "/start_weight_update", seconds=self._update_timeout_s)

    async def receive_weights(self, tensors: Sequence[TensorInfo]) -> None:
        """Take these tensors from the communicator, in this order."""
        info = {
            "names": [tensor.name for tensor in tensors],
            "dtype_names": [tensor.dtype for tensor in tensors],
            "shapes": [tensor.shape for tensor in tensors],
        }
        await self._call("POST", "/update_weights", json={"update_info": info}, seconds=self._update_timeout_s)

    async def finish_update(self) -> None:
        await self._call("POST", "/finish_weight_update", seconds=self._update_timeout_s)

    async def leave_transfer(self) -> None:
        """Let its ranks leave the communicator."""
        await self._call("POST", "/shutdown_weight_transfer_engine", seconds=self._update_timeout_s)

    async def load_adapter(self, name: str, folder: str) -> None:
        await self._call(
            "POST",
            "/v1/load_lora_adapter",
            json={"lora_name": name, "lora_path": folder},
            seconds=self._update_timeout_s,
        )

    async def unload_adapter(self, name: str) -> None:
        await self._call("POST", "/v1/unload_lora_adapter", json={"lora_name": name})

    async def models(self) -> dict[str, ModelInfo]:
        """What it offers, by name."""
        reply = await self._call("GET", "/v1/models")
        return {m["id"]: ModelInfo(m.get("root") or "", m.get("max_model_len") or 0) for m in reply["data"]}

    async def config(self) -> dict[str, Any]:
        """Its whole configuration. Slow the first time."""
        reply = await self._call("GET", "/server_info", params={"config_format": "json"}, seconds=120.0)
        config: dict[str, Any] = reply["vllm_config"]
        return config

    async def health(self) -> None:
        await self._call("GET", "/health")

    async def metrics(self) -> ServerMetrics:
        return parse_metrics(await self._call("GET", "/metrics"))

    async def _call(self, method: str, path: str, *, seconds: float | None = _PROBE_S, **content: Any) -> Any:
        """The reply, read as JSON where it is JSON. `seconds` None waits for as long as it takes."""
        timeout = httpx.Timeout(seconds, connect=_CONNECT_S, pool=None)
        try:
            reply = await self._http.request(method, path, timeout=timeout, **content)
        except (httpx.TransportError, RuntimeError) as failure:
            # httpx says with a RuntimeError that the client was closed meanwhile.
            raise ServerLost(f"{self.url}{path}: {failure or type(failure).__name__}") from failure
        if reply.is_server_error:
            raise ServerBroke(f"{self.url}{path} answered {reply.status_code}: {_message(reply)}")
        if reply.is_error:
            raise ServerRefused(f"{self.url}{path} answered {reply.status_code}: {_message(reply)}")
        if "json" not in reply.headers.get("content-type", ""):
            return reply.text
        try:
            return reply.json()
        except ValueError as failure:
            raise ServerLost(f"an answer of {self.url}{path} cannot be read: {failure}") from failure


def _drawn(choice: dict[str, Any]) -> Drawn:
    content: Sequence[dict[str, Any]] = (choice["logprobs"] or {}).get("content") or []
    return Drawn(
        token_ids=choice["token_ids"] or [],
        logprobs=[token["logprob"] for token in content],
        finish_reason=choice["finish_reason"],
        weights=[span["version"] for span in choice["weight_versions"] or []],
    )


def _message(reply: httpx.Response) -> str:
    """What the server says is wrong, short enough for a log line."""
    try:
        error = reply.json()["error"]
        return str(error["message"] if isinstance(error, dict) else error)[:500]
    except (ValueError, KeyError, TypeError):
        return reply.text[:500]
