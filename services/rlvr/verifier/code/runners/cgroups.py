"""A bound on the memory and the processes of all that a zygote forks, where this user may write to cgroups.

The room's side. A zygote is put into a group of its own before it forks anything, since to move a process later
costs milliseconds and a fork costs nothing. Groups are made below the room's own (v1) or beside it (v2), so that they
count towards whatever bounds the room. Nothing else is moved or reconfigured: v2 serves where the memory and pids
controllers are on already, as in a systemd unit with `Delegate=yes` and `DelegateSubgroup=`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from rlvr.core.telemetry import get_logger

log = get_logger("code")

_CONTROLLERS = ("memory", "pids")
_ACCOUNTING = "cpuacct"
"""Of v1, used where it is there; in v2 every group counts its CPU time."""
_UNIFIED = "unified"
"""Stands for the one hierarchy of v2."""
_PREFIX = "rlvr-"
_REMOVE_S = 5.0
_V1_MEMORY, _V2_MEMORY = "memory.limit_in_bytes", "memory.max"


class Cgroup:
    """One zygote's group: a folder per hierarchy, of which v2 has one for both controllers."""

    def __init__(self, folders: dict[str, Path]) -> None:
        self._folders = folders
        self._memory_bytes = self._processes = -1

    @classmethod
    def create(cls, label: str) -> Cgroup | None:
        """A new group, named by a label; None if that is not permitted."""
        parents = find_folders(Path("/proc/self/cgroup").read_text(), Path("/proc/self/mountinfo").read_text())
        if parents is None:
            return None
        name = f"{_PREFIX}{os.getpid()}-{label}"
        folders = {controller: parent / name for controller, parent in parents.items()}
        group = cls(folders)
        for parent in set(parents.values()):
            _sweep(parent)
        try:
            for folder in set(folders.values()):
                folder.mkdir(exist_ok=True)
            swap = folders["memory"] / "memory.swap.max"
            if swap.exists():
                swap.write_text("0")
        except OSError as failure:
            log.debug("no cgroups", why=str(failure))
            group._remove_empty()
            return None
        return group

    def add(self, pid: int) -> bool:
        """Put a process in; whether that is permitted. Raises ProcessLookupError."""
        try:
            for door in self.doors:
                door.write_text(str(pid))
        except ProcessLookupError:
            raise
        except OSError as failure:
            log.debug("no cgroups", why=str(failure))
            return False
        return True

    @property
    def doors(self) -> list[Path]:
        """Files to which a process writes its id in order to be put in."""
        return [folder / "cgroup.procs" for folder in sorted(set(self._folders.values()))]

    def set_memory(self, size: int) -> None:
        """Bytes that all of the group's processes and their files in memory may take. Raises OSError."""
        if size != self._memory_bytes:
            folder = self._folders["memory"]
            name = _V2_MEMORY if (folder / _V2_MEMORY).exists() else _V1_MEMORY
            (folder / name).write_text(str(size))
            self._memory_bytes = size

    def set_processes(self, count: int) -> None:
        """Processes and threads that it may have. Raises OSError."""
        if count != self._processes:
            (self._folders["pids"] / "pids.max").write_text(str(count))
            self._processes = count

    def num_oom_kills(self) -> int:
        """How often the kernel killed one of its processes for want of memory."""
        folder = self._folders["memory"]
        for name in ("memory.events", "memory.oom_control"):
            if (folder / name).exists():
                words = (folder / name).read_text().split()
                return int(words[words.index("oom_kill") + 1])
        return 0

    def cpu_s(self) -> float | None:
        """CPU time of all processes that ever were in it, also of those that nobody waited for; None if unknown."""
        try:
            if _ACCOUNTING in self._folders:
                return int((self._folders[_ACCOUNTING] / "cpuacct.usage").read_text()) / 1e9
            return int((self._folders["memory"] / "cpu.stat").read_text().split()[1]) / 1e6
        except FileNotFoundError:  # there is neither, or the group was removed just now
            return None

    async def remove(self) -> None:
        """Remove the group, whose processes have been killed. One that stays is only logged: it holds no memory."""
        deadline = asyncio.get_running_loop().time() + _REMOVE_S
        while left := self._remove_empty():
            if asyncio.get_running_loop().time() > deadline:
                log.warning("a cgroup could not be removed", folders=[str(folder) for folder in left])
                return
            await asyncio.sleep(0.01)

    def _remove_empty(self) -> list[Path]:
        """Remove what can be; the rest."""
        left = []
        for folder in set(self._folders.values()):
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                left.append(folder)
        return left


def _sweep(parent: Path) -> None:
    """Remove the groups of rooms that were killed."""
    for folder in parent.glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path(f"/proc/{pid}").exists():
            with contextlib.suppress(OSError):  # its last processes are dying, or another room was faster
                folder.rmdir()


def find_folders(cgroup: str, mountinfo: str) -> dict[str, Path] | None:
    """Controller -> folder to make groups in; None where one is missing or cannot be written to.

    `cgroup` and `mountinfo` are those files of /proc/self.
    """
    mounts = _mounts(mountinfo)
    folders: dict[str, Path] = {}
    for line in cgroup.splitlines():
        _, controllers, path = line.split(":", 2)
        for name in controllers.split(",") if controllers else [_UNIFIED]:
            if name in mounts:
                root, place = mounts[name]
                own = Path(place) / os.path.relpath(path, root)
                # In v2 a group has processes or groups with controllers below it, so there it is the one above.
                folders |= {name: own} if name != _UNIFIED else _switched_on(own) or _switched_on(own.parent)
    writable = {name: folder for name, folder in folders.items() if os.access(folder, os.W_OK)}
    return writable if all(name in writable for name in _CONTROLLERS) else None


def _switched_on(folder: Path) -> dict[str, Path]:
    """The controllers that groups made in a folder of v2 have."""
    switches = folder / "cgroup.subtree_control"
    on = switches.read_text().split() if switches.exists() else []
    return {name: folder for name in on if name in _CONTROLLERS}


def _mounts(mountinfo: str) -> dict[str, tuple[str, str]]:
    """Controller, or `_UNIFIED` -> (path of the group that is mounted, where)."""
    found = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        root, place = left.split()[3:5]
        kind, _, options = right.split(" ", 2)
        if kind == "cgroup2":
            found[_UNIFIED] = (root, place)
        elif kind == "cgroup":
            found |= {name: (root, place) for name in options.split(",") if name in (*_CONTROLLERS, _ACCOUNTING)}
    return found
