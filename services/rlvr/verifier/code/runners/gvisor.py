"""Sandboxes of gVisor's `runsc`; each serves one run on a kernel of its own, written in Go."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlvr.verifier.code.isolation.mounts import SCRATCH, shown_folders
from rlvr.verifier.code.isolation.process_tree import descendants
from rlvr.verifier.code.runner import Limits, RunnerUnavailable
from rlvr.verifier.code.runners.box import ENVIRONMENT, Box, Input, command
from rlvr.verifier.code.runners.box_runner import BoxRunner
from rlvr.verifier.code.runners.cgroups import Cgroup
from rlvr.verifier.code.runners.rooms import is_gone, this_room
from rlvr.verifier.code.runners.zygote_runner import rlimits
from rlvr.verifier.code.settings import CodeSettings

PREFIX = "rlvr-gvisor-"
_ROOM = "room"
"""File that names the room that a folder is of (see `rooms`)."""
_CANDIDATE = 65534
_MOST_SCRATCH_MB = 512
_OWN_PROCESSES = 1024
"""Of a cgroup: gVisor's threads, one for each of the candidate's among them, which a resource limit bounds."""
_OWN_MEMORY_MB = 192
"""Of a cgroup: gVisor itself, and the interpreter."""
_STATE = "state"
"""Folder in which runsc keeps what it knows of its sandboxes."""
_FLAGS = ("--network=none", "--ignore-cgroups", "--overlay2=none", "--file-access-mounts=exclusive")
_LEAVE_S = 3.0
_DELETE_S = 20.0
_ENTER = 'for door in $DOORS; do echo $$ > "$door" || exit; done; unset DOORS; exec "$@"'
"""Puts a process into a cgroup before it starts others."""


class GvisorRunner(BoxRunner):
    """A sandbox for each run."""

    tier = "gvisor"
    isolation = ("gvisor_kernel", "no_network", "private_root", "read_only_root", "no_capabilities", "own_uid")

    def __init__(self, settings: CodeSettings, toolchains: Sequence[str] = ()) -> None:
        super().__init__(settings, toolchains)
        self._python = str(Path(settings.python or sys.executable).resolve())
        self._numbers = itertools.count()
        self._home: Path | None = None
        self._runsc: list[str] = []
        self._has_cgroups = False

    async def start(self) -> None:
        """See `BoxRunner.start`."""
        settings = self._settings.gvisor
        runsc = shutil.which(settings.runsc)
        if runsc is None:
            raise RunnerUnavailable(
                f"there is no program {settings.runsc!r}; RLVR_VERIFIER__CODE__GVISOR__RUNSC names it"
            )
        if os.geteuid() != 0:
            raise RunnerUnavailable("only root can start runsc")
        shown = [*shown_folders(await _prefix_of(self._python)), *self._toolchains]
        await asyncio.to_thread(sweep, runsc)
        self._home = home = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            (home / _ROOM).write_text(this_room())
            (home / "config.json").write_text(
                json.dumps(_bundle(home / "root", self._python, shown, self._settings.scratch_mb))
            )
            platform = [] if settings.platform is None else [f"--platform={settings.platform}"]
            self._runsc = [runsc, f"--root={home / _STATE}", *_FLAGS, *platform]
            await super().start()
        except BaseException:
            shutil.rmtree(home)
            raise

    def describe(self) -> dict[str, Any]:
        """Tier, and what it consists of here."""
        told = super().describe()
        return told | {"isolation": [*told["isolation"], *(["cgroup"] if self._has_cgroups else [])]}

    async def close(self) -> None:
        """See `BoxRunner.close`."""
        await super().close()
        home, self._home = self._home, None
        if home is not None:
            shutil.rmtree(home)

    def _box(self) -> Box:
        assert self._home is not None
        cgroup = Cgroup.create(f"{id(self):x}-{next(self._numbers)}")
        self._has_cgroups = cgroup is not None
        return Sandbox(self._runsc, self._home, cgroup)

    def _prepare(self, box: Box, limits: Limits) -> None:
        assert isinstance(box, Sandbox)
        if box.cgroup is not None:
            try:
                granted = rlimits(limits, self._settings)
                box.cgroup.set_processes(granted["processes"] + _OWN_PROCESSES)
                box.cgroup.set_memory((limits.memory_mb + granted["scratch_mb"] + _OWN_MEMORY_MB) * 2**20)
            except OSError as failure:
                raise RunnerUnavailable(f"the sandbox's cgroup: {failure}") from failure


class Sandbox(Box):
    """One sandbox."""

    uid = _CANDIDATE

    def __init__(self, runsc: list[str], home: Path, cgroup: Cgroup | None) -> None:
        super().__init__()
        self.cgroup = cgroup
        self._runsc = runsc
        self._home = home
        self._name = f"box-{secrets.token_hex(8)}"
        self._process: asyncio.SubprocessTransport | None = None
        self._pidfd: int | None = None
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self) -> Input:
        """See `Box.open`."""
        doors = " ".join(map(str, self.cgroup.doors)) if self.cgroup is not None else ""
        run = [*self._runsc, "run", f"--bundle={self._home}", self._name]
        try:
            self._process, _ = await asyncio.get_running_loop().subprocess_exec(
                lambda: _Streams(self, self._gone),
                *("/bin/sh", "-c", _ENTER, "box", *run),
                env={"PATH": os.defpath, "DOORS": doors},
                cwd="/",
                start_new_session=True,
            )
            self._pidfd = os.pidfd_open(self._process.get_pid())
        except OSError as failure:
            raise RunnerUnavailable(f"cannot start a sandbox: {failure}") from failure
        self.pid = self._process.get_pid()
        pipe = self._process.get_pipe_transport(0)
        assert isinstance(pipe, asyncio.WriteTransport)
        return pipe

    async def remove(self) -> None:
        """See `Box.remove`."""
        if self._process is not None:
            below = descendants(self._process.get_pid())
            self._kill()  # at which the kernel kills the sandbox, and that its processes
            if not (await asyncio.wait({self._gone}, timeout=_LEAVE_S))[0]:
                for pid in below:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                await self._gone
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        for path in (self._home / _STATE).glob(f"{self._name}_*"):
            path.unlink(missing_ok=True)
        if self.cgroup is not None:
            await self.cgroup.remove()

    def _kill(self) -> None:
        # Not `SubprocessTransport.kill`, which polls and so takes the exit status from asyncio's own watcher.
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def memory_bytes(self) -> int:
        """See `Box.memory_bytes`; a cgroup needs no looking after."""
        return 0 if self.cgroup is not None else super().memory_bytes() - _OWN_MEMORY_MB * 2**20

    def group_cpu_s(self) -> float | None:
        """See `Box.group_cpu_s`."""
        return None if self.cgroup is None else self.cgroup.cpu_s()

    async def was_short_of_memory(self) -> bool:
        """See `Box.was_short_of_memory`."""
        if self.cgroup is not None and self.cgroup.num_oom_kills() > 0:
            return True
        assert self._process is not None
        if self.was_cut_off and self._process.get_returncode() == -signal.SIGKILL:
            raise RunnerUnavailable("a sandbox was killed")
        return False


class _Streams(asyncio.SubprocessProtocol):
    """Passes on what comes out of a sandbox."""

    def __init__(self, box: Box, gone: asyncio.Future[None]) -> None:
        self._box = box
        self._gone = gone

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """See `asyncio.SubprocessProtocol`."""
        (self._box.heard_output if fd == 1 else self._box.heard_control)(data)

    def connection_lost(self, failure: Exception | None) -> None:
        """See `asyncio.SubprocessProtocol`; the process is gone and so are all that held its pipes."""
        self._box.hung_up()
        self._gone.set_result(None)


def sweep(runsc: str) -> None:
    """Remove what rooms that were killed have left."""
    for home in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        room = home / _ROOM
        if (
            home.is_symlink()
            or home.stat().st_uid != os.geteuid()
            or not room.exists()
            or not is_gone(room.read_text())
        ):
            continue
        for state in (home / _STATE).glob("*.state"):
            name = state.name.partition("_")[0]
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    [runsc, f"--root={home / _STATE}", "delete", "--force", name],
                    timeout=_DELETE_S,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    check=False,
                )
        shutil.rmtree(home, ignore_errors=True)


async def _prefix_of(python: str) -> str:
    """Where an interpreter and its library are. Raises RunnerUnavailable."""
    try:
        process = await asyncio.create_subprocess_exec(
            *(python, "-S", "-c", "import sys; print(sys.base_prefix)"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        said = (await process.communicate())[0].decode().strip()
    except OSError as failure:
        raise RunnerUnavailable(f"cannot start an interpreter: {failure}") from failure
    if not said:
        raise RunnerUnavailable(f"{python} is no Python")
    return said


def _bundle(root: Path, python: str, shown: Sequence[str], scratch_mb: int) -> dict[str, Any]:
    """The OCI configuration of every sandbox, on a root that is made for it: empty but for places to mount on."""
    mounts: list[dict[str, Any]] = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
        {
            "destination": SCRATCH,
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "nodev", "mode=1777", f"size={max(_MOST_SCRATCH_MB, scratch_mb)}m"],
        },
    ]
    for mount in mounts:
        Path(f"{root}{mount['destination']}").mkdir(parents=True)
    for folder in map(Path, shown):
        here = Path(f"{root}{folder}")
        if here.exists():
            continue
        if folder.is_symlink():
            here.symlink_to(folder.readlink())
        else:
            here.mkdir(parents=True, exist_ok=True)
            options = ["ro", "rbind", "nosuid", "nodev"]
            mounts.append({"destination": str(folder), "type": "bind", "source": str(folder), "options": options})
    own = ["CAP_SETUID", "CAP_SETGID"]  # to become the candidate's user; it has none
    return {
        "ociVersion": "1.0.0",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": command(python),
            "env": [
                f"{name}={value}" for name, value in {"PATH": "/usr/local/bin:/usr/bin:/bin", **ENVIRONMENT}.items()
            ],
            "cwd": SCRATCH,
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), own),
            "noNewPrivileges": True,
        },
        "root": {"path": str(root), "readonly": True},
        "hostname": "box",
        "mounts": mounts,
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
    }
