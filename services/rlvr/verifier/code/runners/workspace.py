"""A folder for one run, where there is no mount namespace to give it a /tmp of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

PREFIX = "rlvr-code-"
MAX_ENTRIES = 4096


@asynccontextmanager
async def workspace(owner: int | None) -> AsyncIterator[Path]:
    """An empty folder that belongs to user `owner`, removed whatever the candidate did to it."""
    path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    try:
        if owner is not None:
            os.chown(path, owner, owner)
        yield path
    finally:
        await asyncio.shield(asyncio.to_thread(_remove, path))


def sweep() -> None:
    """Remove the folders of rooms that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = path.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and not path.is_symlink():
            with contextlib.suppress(OSError):  # another user's, or another room was faster
                _remove(path)


def is_within(path: Path, size: int) -> bool:
    """Whether the files below `path` take at most `size` bytes and are not too many or too deep to count."""
    taken, entries = 0, 0
    pending = [str(path)]
    while pending:
        try:
            with os.scandir(pending.pop()) as found:
                for entry in found:
                    entries += 1
                    taken += entry.stat(follow_symlinks=False).st_blocks * 512
                    if taken > size or entries > MAX_ENTRIES:
                        return False
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
        except (FileNotFoundError, PermissionError):  # it is gone since, or closed to us, as what we cannot fill
            continue
        except OSError:
            return False
    return True


def _remove(top: Path) -> None:
    """Remove a tree of any depth, with nobody in it any more.

    Folders below are moved up and emptied there, so that no path gets longer than the system takes.
    """
    top.chmod(0o700)
    numbers = count()
    while True:
        with os.scandir(top) as found:
            entries = list(found)
        if not entries:
            break
        for entry in entries:
            _empty(Path(entry.path), top, numbers) if entry.is_dir(follow_symlinks=False) else Path(entry.path).unlink()
    top.rmdir()


def _empty(folder: Path, top: Path, numbers: count[int]) -> None:
    folder.chmod(0o700)
    with os.scandir(folder) as found:
        for entry in list(found):
            if entry.is_dir(follow_symlinks=False):
                Path(entry.path).chmod(0o700)  # else it may not change its parent
                Path(entry.path).rename(_new_name(top, numbers))
            else:
                Path(entry.path).unlink()
    folder.rmdir()


def _new_name(top: Path, numbers: count[int]) -> Path:
    return next(path for number in numbers if not os.path.lexists(path := top / f"moved-{number}"))
