"""Publication of policy versions: `<root>/v<N>/`, a Hugging Face folder with a manifest."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rlvr.core.manifest import (
    MANIFEST_NAME,
    InvalidManifest,
    Manifest,
    describe_folder,
    open_filesystem,
    verify_manifest,
)
from rlvr.trainer.files import commit_folder, staging_folder, sync_files

if TYPE_CHECKING:
    from rlvr.trainer.adapter import Adapter

_VERSION_FOLDER = re.compile(r"v(\d+)")
_SHARD_BYTES = 256 << 20
"""Files that are hashed side by side, here and by every sampler, take a fraction of the time of one."""


class VersionConflict(RuntimeError):
    """The version was published before with other content. Samplers may hold it, so it was left as it is."""


@dataclass(frozen=True, slots=True)
class Published:
    """What the register needs to know of a version."""

    version: int
    uri: str
    manifest_sha256: str


def publish(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    root: str,
    version: int,
    *,
    adapter: Adapter | None = None,
    replace: bool = False,
) -> Published:
    """Write `<root>/v<version>/`: weights as safetensors, configuration, tokenizer, manifest; or adapter and manifest.

    On a local path the folder is written under a temporary name and renamed. An object store has no rename:
    there the manifest is written last, and a folder without one is not a published version. Publishing the
    same weights again changes nothing; what an interrupted publication left is completed.

    Args:
        root: a local path or any fsspec URL.
        adapter: what is published instead of the model that it is in.
        replace: overwrite a version of other content; right only when that was never registered.

    Raises:
        VersionConflict: the version exists with other content and `replace` is off.
        OSError: the storage cannot be written.
    """
    uri = f"{root.rstrip('/')}/v{version}"
    filesystem, path = open_filesystem(uri)
    local = _is_local(filesystem)
    with _workplace(Path(path).parent if local else None) as folder:
        manifest = write_policy(model, tokenizer, folder, version, adapter=adapter)
        if not _is_there(filesystem, path, uri, manifest, replace=replace):
            if local:
                commit_folder(folder, Path(path))
            else:
                _upload(filesystem, folder, path, manifest)
    return Published(version, uri, manifest.digest)


def write_policy(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    version: int,
    *,
    adapter: Adapter | None = None,
) -> Manifest:
    """Write a policy's files and their manifest into an empty local folder; returns the manifest."""
    if adapter is not None:
        adapter.save(folder)
    else:
        model.save_pretrained(folder, max_shard_size=_SHARD_BYTES)
        tokenizer.save_pretrained(folder)
    with ThreadPoolExecutor(1) as disk:  # `commit_folder` waits for the disk, which can write while we hash
        synced = disk.submit(sync_files, folder)
        manifest = describe_folder(folder, version)
        synced.result()
    (folder / MANIFEST_NAME).write_bytes(manifest.to_bytes())
    return manifest


def prune_versions(root: str, *, below: int) -> list[int]:
    """Delete the versions with a number below `below`; returns those deleted, oldest first.

    The manifest goes first, so that a version which is half deleted is not taken for a published one.
    """
    filesystem, path = open_filesystem(root)
    if not filesystem.exists(path):
        return []
    filesystem.invalidate_cache()
    names = (str(child).rstrip("/").rpartition("/")[2] for child in filesystem.ls(path, detail=False))
    versions = sorted(int(match[1]) for name in names if (match := _VERSION_FOLDER.fullmatch(name)))
    doomed = [version for version in versions if version < below]
    for version in doomed:
        manifest = f"{path}/v{version}/{MANIFEST_NAME}"
        if filesystem.exists(manifest):
            filesystem.rm_file(manifest)
        filesystem.rm(f"{path}/v{version}", recursive=True)
    return doomed


def _is_local(filesystem: Any) -> bool:
    protocol = filesystem.protocol
    return "file" in ((protocol,) if isinstance(protocol, str) else protocol)


@contextmanager
def _workplace(parent: Path | None) -> Iterator[Path]:
    """Where the folder is put together: beside its final place when that is local, so that it can be renamed."""
    if parent is not None:
        with staging_folder(parent) as folder:
            yield folder
    else:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)


def _is_there(filesystem: Any, path: str, uri: str, manifest: Manifest, *, replace: bool) -> bool:
    """Whether the version stands complete with this content."""
    try:
        found = hashlib.sha256(filesystem.cat_file(f"{path}/{MANIFEST_NAME}")).hexdigest()
    except FileNotFoundError:
        return False
    if found != manifest.digest:
        if replace:
            return False
        raise VersionConflict(
            f"{uri} was published with manifest sha256 {found} and is now {manifest.digest}: "
            "remove that folder if no sampler uses it"
        )
    try:
        verify_manifest(uri)
    except InvalidManifest:
        return False  # damaged since: the same content is written again
    return True


def _upload(filesystem: Any, folder: Path, path: str, manifest: Manifest) -> None:
    if filesystem.exists(path):
        filesystem.rm(path, recursive=True)
    for name in [*manifest.files, MANIFEST_NAME]:
        target = f"{path}/{name}"
        filesystem.makedirs(target.rpartition("/")[0], exist_ok=True)
        filesystem.put_file(str(folder / name), target)
