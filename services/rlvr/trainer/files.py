"""Folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = ".staging-"


@contextmanager
def staging_folder(parent: Path) -> Iterator[Path]:
    """A hidden folder inside `parent` to fill and then `commit_folder`; it is gone when the block ends."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    folder.chmod(0o755)  # mkdtemp's 0700 would keep other users' rooms out
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def commit_folder(folder: Path, target: Path) -> None:
    """Rename a filled folder to its name on the same file system; a `target` that exists is replaced.

    Every file is on disk before the rename, and the rename before the return: a machine that stops at any
    instant leaves `target` as it was, absent, or complete.
    """
    sync_files(folder)
    if target.exists():
        # Out of sight first: a folder that is half deleted must not carry the name.
        with staging_folder(target.parent) as doomed:
            target.rename(doomed / target.name)
            folder.rename(target)
    else:
        folder.rename(target)
    _sync(target.parent)


def sync_files(folder: Path) -> None:
    """Wait until a folder and everything in it is on disk."""
    for path in folder.rglob("*"):
        _sync(path)
    _sync(folder)


def remove_leftovers(parent: Path) -> None:
    """Delete staging folders of processes that were killed. Only while nobody else writes into `parent`."""
    for path in parent.glob(f"{_PREFIX}*"):
        shutil.rmtree(path, ignore_errors=True)


def _sync(path: Path) -> None:
    """Wait until a file's content, or a folder's entries, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
