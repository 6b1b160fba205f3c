"""Containers of Docker, or of an engine that speaks its API; each serves one run."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import signal
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rlvr.core.telemetry import get_logger
from rlvr.verifier.code.isolation.mounts import SCRATCH
from rlvr.verifier.code.runner import RunnerUnavailable
from rlvr.verifier.code.runners.box import ENVIRONMENT, Box, Input, command
from rlvr.verifier.code.runners.box_runner import BoxRunner
from rlvr.verifier.code.runners.engine import Engine, NotThere
from rlvr.verifier.code.runners.rooms import is_gone, this_room
from rlvr.verifier.code.settings import CodeSettings, DockerSettings

log = get_logger("code")

LABEL = "rlvr.sandbox"
"""Label of our containers; its value is the room that started it (see `rooms`)."""
FIRST_BOX_UID, NUM_BOX_UIDS = 62_000, 3000
"""Users of candidates: another for each container, since the kernel counts processes and signals by user."""
_MOST_PROCESSES = 512
"""Of a container; the run's own limit is a resource limit."""
_MOST_SCRATCH_MB = 512
_SHARED_MEMORY_MB = 16
_SHUT = dict.fromkeys(("/run", "/var/tmp"), "ro,nosuid,nodev,noexec,size=4k")
"""Podman would make these writable."""
_MASKED = [f"/sys/{name}" for name in ("block", "bus", "class", "dev", "devices", "firmware", "kernel", "module")]
_MASKED += [f"/proc/{name}" for name in ("acpi", "asound", "interrupts", "kcore", "keys", "latency_stats")]
_MASKED += [f"/proc/{name}" for name in ("sched_debug", "scsi", "timer_list", "timer_stats")]
"""What Docker hides of the host's kernel, and what it does not."""
_DEATH_S = 5.0
_REMOVE_AGAIN_S = (0.05, 0.5, 2.0)
"""Waits before a refused removal is asked for again: Podman refuses while a container is on its way out by itself."""
_HEAD = struct.Struct(">BxxxI")  # docker's API, attach: stream and length before each part
_STDOUT = 1
_KILLED = 128 + signal.SIGKILL
_DEFAULT_IMAGE = DockerSettings().image


class DockerRunner(BoxRunner):
    """A container for each run."""

    tier = "docker"
    isolation = (
        "container",
        "no_network",
        "read_only_root",
        "no_capabilities",
        "own_uid",
        "pids_limit",
        "memory_limit",
        "cpu_limit",
    )

    def __init__(self, settings: CodeSettings, toolchains: Sequence[str] = ()) -> None:
        super().__init__(settings, toolchains)
        self._engine = Engine(settings.docker.host, 8 + settings.concurrency)
        self._numbers = itertools.count(os.getpid())
        self._runtime: str | None = None
        """What the engine is told; None for what it does by itself."""
        self._runtime_name = ""
        self._owed: set[str] = set()
        """Containers that the engine did not remove when it was asked to."""

    async def start(self) -> None:
        """Try gVisor's runtime first, if the engine is said to have it."""
        try:
            await self._engine.connect()
            info = await self._check()
            await self._sweep()
            chosen = self._settings.docker.runtime
            if chosen == "auto" and "runsc" in (info.get("Runtimes") or {}):
                try:
                    self._runtime = self._runtime_name = "runsc"
                    await super().start()
                    return
                except RunnerUnavailable as unavailable:  # an engine may list what is not installed
                    log.info("no containers in gVisor", why=str(unavailable))
            self._runtime = None if chosen in ("auto", "default") else chosen
            await super().start()
            self._runtime_name = self._runtime or str(info.get("DefaultRuntime"))
        except BaseException:
            self._engine.close()
            raise

    def describe(self) -> dict[str, Any]:
        """Tier, and what it consists of here."""
        told = super().describe()
        return told | {"isolation": [*told["isolation"], f"runtime_{self._runtime_name}"]}

    async def close(self) -> None:
        """See `BoxRunner.close`."""
        await super().close()
        if self._owed:
            await self._remove(next(iter(self._owed)))
        self._engine.close()

    async def _check(self) -> dict[str, Any]:
        """What the engine says of itself. Raises RunnerUnavailable: it cannot do what we need."""
        info: dict[str, Any] = await self._engine.call("info")
        for name, what in (("PidsLimit", "processes"), ("MemoryLimit", "memory")):
            if not info.get(name):
                raise RunnerUnavailable(
                    f"the container engine cannot bound {what} ({name} is off: no cgroup controller)"
                )
        image = self._settings.docker.image
        try:
            await self._engine.call("inspect_image", image)
        except NotThere:
            build = f"docker build -t {image} -f deploy/docker/sandbox.Dockerfile deploy/docker"
            pull = f"docker pull {image}"
            raise RunnerUnavailable(
                f"the container engine has no image {image!r}: {build if image == _DEFAULT_IMAGE else pull}"
            ) from None
        return info

    async def _sweep(self) -> None:
        """Remove the containers of rooms that were killed."""
        for container in await self._engine.call("containers", all=True, filters={"label": LABEL}):
            if is_gone(container["Labels"][LABEL]):
                await self._remove(container["Id"])

    async def _remove(self, container: str) -> None:
        left = {container, *self._owed}
        self._owed.clear()
        try:
            for wait_s in (*_REMOVE_AGAIN_S, None):
                answers = {name: await self._refusal(name) for name in left}
                left = {name for name in left if answers[name]}
                if not left:
                    return
                if wait_s is not None:
                    await asyncio.sleep(wait_s)
            log.warning("containers are not removed yet", containers=sorted(left), why=answers)
        finally:
            self._owed |= left  # to be asked for again with the next one

    async def _refusal(self, container: str) -> str | None:
        """Why the engine does not remove a container; None when it is gone."""
        try:
            await self._engine.call("remove_container", container, force=True, v=True)
        except NotThere:
            pass
        except RunnerUnavailable as unavailable:
            return str(unavailable)
        return None

    def _box(self) -> Box:
        settings = self._settings
        uid = FIRST_BOX_UID + next(self._numbers) % NUM_BOX_UIDS
        options = {
            "image": settings.docker.image,
            "command": command(settings.docker.python),
            "entrypoint": [],
            "user": f"{uid}:{uid}",
            "environment": ENVIRONMENT,
            "working_dir": SCRATCH,
            "hostname": "box",
            "stdin_open": True,
            "labels": {LABEL: this_room()},
        }
        memory = settings.docker.memory_mb * 2**20
        scratch_mb = max(_MOST_SCRATCH_MB, settings.scratch_mb)
        host = {
            "network_mode": "none",
            "read_only": True,
            "tmpfs": {SCRATCH: f"rw,exec,nosuid,nodev,mode=1777,size={scratch_mb}m", **_SHUT},
            "shm_size": _SHARED_MEMORY_MB * 2**20,
            "ipc_mode": "private",
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "pids_limit": _MOST_PROCESSES,
            "mem_limit": memory,
            "memswap_limit": memory,
            "nano_cpus": int(settings.docker.cpus * 1e9),
            "oom_score_adj": 500,
            "runtime": self._runtime,
        }
        return Container(self._engine, options, host, self._remove)


class Container(Box):
    """One container."""

    def __init__(
        self, engine: Engine, options: dict[str, Any], host: dict[str, Any], remove: Callable[[str], Any]
    ) -> None:
        super().__init__()
        self._engine = engine
        self._options = options
        self._host = host
        self._remove = remove
        self._name = f"rlvr-{os.getpid()}-{secrets.token_hex(8)}"
        self._streams: asyncio.Transport | None = None

    async def open(self) -> Input:
        """See `Box.open`."""
        from docker.types import LogConfig, Ulimit

        limits = {"nofile": 256, "nproc": _MOST_PROCESSES, "core": 0}
        config = await self._engine.call(
            "create_host_config",
            **self._host,
            log_config=LogConfig(type=LogConfig.types.NONE),
            ulimits=[Ulimit(name=name, soft=value, hard=value) for name, value in limits.items()],
        )
        config["MaskedPaths"] = _MASKED
        made = await self._engine.call("create_container", **self._options, host_config=config, name=self._name)
        socket = await self._engine.attach(made["Id"])
        loop = asyncio.get_running_loop()
        self._streams, _ = await loop.create_connection(lambda: _Streams(self), sock=socket)
        await self._engine.call("start", made["Id"])
        found = await self._engine.call("inspect_container", made["Id"])
        wanted = self._host["runtime"]
        if wanted is not None and found["HostConfig"]["Runtime"] != wanted:  # Podman takes no notice of it
            raise RunnerUnavailable(f"the container engine does not use the runtime {wanted!r} that it is told to")
        pid = found["State"]["Pid"]
        self.pid = pid if _is_in_container(pid, made["Id"]) else None
        return self._streams

    async def remove(self) -> None:
        """See `Box.remove`."""
        if self._streams is not None:
            self._streams.abort()  # at which what is inside ends by itself, should the engine be gone
        await self._remove(self._name)

    async def was_short_of_memory(self) -> bool:
        """See `Box.was_short_of_memory`."""
        if self.num_oom_kills:
            return True
        deadline = time.monotonic() + _DEATH_S
        while time.monotonic() < deadline:
            state = (await self._engine.call("inspect_container", self._name))["State"]
            if not state["Running"] and state["OOMKilled"]:
                return True
            if not state["Running"]:
                if self.was_cut_off and state["ExitCode"] == _KILLED:  # which no process inside can do to the first
                    raise RunnerUnavailable("a container was killed")
                return False
            await asyncio.sleep(0.05)
        raise RunnerUnavailable("the connection to a container was lost")


class _Streams(asyncio.Protocol):
    """Takes a container's output apart."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._rest = bytearray()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._rest += data
        at = 0
        while len(self._rest) - at >= _HEAD.size:
            stream, size = _HEAD.unpack_from(self._rest, at)
            end = at + _HEAD.size + size
            if len(self._rest) < end:
                break
            part = bytes(self._rest[at + _HEAD.size : end])
            (self._box.heard_output if stream == _STDOUT else self._box.heard_control)(part)
            at = end
        del self._rest[:at]

    def connection_lost(self, failure: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._box.hung_up()


def _is_in_container(pid: int, container: str) -> bool:
    """Whether a process of this host is that container's: the engine may be on another host."""
    try:
        return pid > 0 and container in Path(f"/proc/{pid}/cgroup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
