"""Both ends of a weight transfer without GPUs: the trainer's communicator over gloo, and a server that plays vLLM."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor

from rlvr.sampler.engines.vllm.admission import Load
from rlvr.sampler.engines.vllm.api import VllmApi
from rlvr.sampler.engines.vllm.folder import PolicyFolder
from rlvr.sampler.engines.vllm.server import Capacity

_LONG = timedelta(seconds=60)


def join_gloo(unique_id: bytes, size: int, rank: int) -> Any:
    store = dist.FileStore(unique_id.rstrip(b"\0").decode(), size)
    group = dist.ProcessGroupGloo(store, rank, size, _LONG)
    # As PyNcclCommunicator does, and so its peer must.
    group.allreduce([torch.zeros(1)]).wait()
    return group


def broadcast(group: Any, tensor: Tensor) -> None:
    options = dist.BroadcastOptions()
    options.rootRank = options.rootTensor = 0
    group.broadcast([tensor], options).wait()


class GlooNetwork:
    """A `Network` among threads and processes of one machine; the id is the name of a file, in NCCL's 128 bytes."""

    def __init__(self, folder: Path) -> None:
        self.refusal = ""
        self.fail_at = -1
        """The tensor that is not sent."""
        self.may_join = threading.Event()
        self.may_join.set()
        self._folder = folder
        self._made = 0

    def why_not(self, device: torch.device) -> str:
        return self.refusal

    def unique_id(self) -> bytes:
        self._made += 1
        return str(self._folder / f"store-{self._made}").encode().ljust(128, b"\0")

    def join(self, unique_id: bytes, size: int, device: torch.device) -> GlooGroup:
        self.may_join.wait()
        return GlooGroup(join_gloo(unique_id, size, 0), self.fail_at)


class GlooGroup:
    def __init__(self, group: Any, fail_at: int) -> None:
        self._group = group
        self._left = fail_at

    def broadcast(self, tensor: Tensor) -> None:
        self._left -= 1
        if self._left == -1:
            raise RuntimeError("NCCL error: unhandled system error")
        broadcast(self._group, tensor)

    def finish(self) -> None:
        pass


class VllmOverGloo:
    """A `Server` for the vLLM engine: real HTTP, the routes of an update, and two ranks that hold tensors."""

    RANKS = 2

    def __init__(self) -> None:
        self.model = "policy"
        self.starts: list[str] = []
        self.calls: list[str] = []
        """Routes, in the order in which they were called."""
        self.break_at: set[str] = set()
        """Routes that answer 500."""
        self.weights: list[dict[str, Tensor]] = []
        """By rank."""
        self.label = "default"
        self.updating = False
        self._groups: list[Any] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.api = VllmApi(f"http://127.0.0.1:{self._http.server_address[1]}", 30.0)

    async def start(self, folder: PolicyFolder) -> bool:
        self.starts.append(folder.path)
        self.break_at.clear()
        self.updating, self.label, self._groups = False, "default", []
        self._read(folder.path)
        return True

    async def folder_for(self, folder: PolicyFolder) -> str:
        return folder.path

    async def capacity(self) -> Capacity:
        return Capacity(256, Load(16, 2048))

    async def until_dead(self) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    async def stop(self) -> None:
        await self.api.close()
        self._http.shutdown()
        self._http.server_close()

    def _read(self, folder: str) -> None:
        self.weights = [load_file(Path(folder) / "model.safetensors") for _ in range(self.RANKS)]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
                route = self.path.split("?")[0].strip("/")
                if route not in ("metrics", "health"):
                    server.calls.append(route)
                code, reply = server._answer(route, body)
                content = b"" if route == "metrics" else json.dumps(reply).encode()
                self.send_response(code)
                self.send_header("Content-Type", "text/plain" if route == "metrics" else "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def _answer(self, route: str, body: dict[str, Any]) -> tuple[int, Any]:
        if route in self.break_at:
            return 500, {"error": "broken"}
        try:
            return 200, self._do(route, body)
        except RuntimeError as error:
            return 500, {"error": str(error)}

    def _do(self, route: str, body: dict[str, Any]) -> Any:
        if route == "get_world_size":
            return {"world_size": self.RANKS}
        if route == "init_weight_transfer_engine":
            self._join(body["init_info"])
        elif route == "start_weight_update":
            self.updating = True
        elif route == "update_weights":
            assert self.updating
            self._receive(body["update_info"])
        elif route == "finish_weight_update":
            self.updating = False
        elif route == "shutdown_weight_transfer_engine":
            assert not self.updating
            self._groups = []
        elif route == "collective_rpc":
            self._read(body["kwargs"]["weights_path"])
        elif route == "update_weight_version":
            self.label = body["new_version"]
        return {"weight_version": self.label}

    def _on_ranks(self, work: Any) -> list[Any]:
        results: list[Any] = [None] * self.RANKS
        errors: list[RuntimeError] = []

        def run(rank: int) -> None:
            try:
                results[rank] = work(rank)
            except RuntimeError as error:
                errors.append(error)

        threads = [threading.Thread(target=run, args=(rank,), daemon=True) for rank in range(self.RANKS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return results

    def _join(self, info: dict[str, Any]) -> None:
        assert info["packed"] is False
        unique_id = base64.b64decode(info["nccl_unique_id_b64"], validate=True)
        assert len(unique_id) == 128
        self._groups = self._on_ranks(lambda rank: join_gloo(unique_id, info["world_size"], rank + info["rank_offset"]))

    def _receive(self, info: dict[str, Any]) -> None:
        def receive(rank: int) -> None:
            for name, dtype, shape in zip(info["names"], info["dtype_names"], info["shapes"], strict=True):
                tensor = torch.empty(shape, dtype=getattr(torch, dtype))
                broadcast(self._groups[rank], tensor)
                self.weights[rank][name] = tensor

        self._on_ranks(receive)
