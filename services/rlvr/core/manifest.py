"""The manifest of a folder of weights: what is in it, so that nobody loads half of it or something else.

`manifest.json` is written last, so a folder with a manifest is complete. Its own sha256, the digest, stands in
the policy register: who checks a folder against the digest knows that it is what the trainer published.

    {"files": {"model.safetensors": {"sha256": "...", "size": 1352088}, ...}, "format": 1, "version": 7}
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

MANIFEST_NAME = "manifest.json"
_FORMAT = 1
_CHUNK = 1 << 20
_MOST_READERS = 8


class InvalidManifest(Exception):
    """The folder is not what its manifest, or the register, says. It must not be loaded."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What a file of the folder must be."""

    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder holds."""

    version: int
    """The policy version of the weights, or the step of a checkpoint."""
    files: Mapping[str, FileRecord]
    """Path within the folder, `/` between its parts, of every file but the manifest itself."""

    def to_bytes(self) -> bytes:
        """The file's content: equal manifests give equal bytes."""
        files = {name: {"sha256": r.sha256, "size": r.size} for name, r in self.files.items()}
        document = {"files": files, "format": _FORMAT, "version": self.version}
        return json.dumps(document, sort_keys=True, indent=1).encode()

    @property
    def digest(self) -> str:
        """sha256 of the manifest's bytes, hexadecimal: what the register keeps."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def parse_manifest(content: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        InvalidManifest: not a manifest of a format this code knows, or one that points out of its folder.
    """
    try:
        document = json.loads(content)
        if document["format"] != _FORMAT:
            raise InvalidManifest(
                f"format {document['format']} is not {_FORMAT}: read it with the release that wrote it"
            )
        files = {
            str(name): FileRecord(size=int(record["size"]), sha256=str(record["sha256"]))
            for name, record in document["files"].items()
        }
        manifest = Manifest(version=int(document["version"]), files=files)
    except (ValueError, KeyError, TypeError, AttributeError) as failure:
        raise InvalidManifest(f"not a manifest: {type(failure).__name__}: {failure}") from None
    for name in files:
        if name.startswith("/") or ".." in name.split("/") or name == MANIFEST_NAME:
            raise InvalidManifest(f"file name {name!r} is not one inside the folder")
    return manifest


def describe_folder(folder: Path, version: int) -> Manifest:
    """Make the manifest of a local folder from what it holds, hidden files left out."""
    names = sorted(_local_names(folder) - {MANIFEST_NAME})
    return Manifest(version, dict(_records(names, lambda name: (folder / name).open("rb"))))


def verify_manifest(uri: str, *, digest: str = "") -> Manifest:
    """Check that a folder holds exactly what its manifest says, byte for byte.

    Args:
        uri: a local path or any fsspec URL.
        digest: the manifest's sha256 from the register; empty accepts any manifest.

    Raises:
        InvalidManifest: names the first thing that is wrong. A folder without a manifest is one.
        OSError: the storage cannot be read.
    """
    filesystem, root = open_filesystem(uri)
    path = f"{root}/{MANIFEST_NAME}"
    try:
        content: bytes = filesystem.cat_file(path)
    except FileNotFoundError:
        raise InvalidManifest(f"{uri} has no {MANIFEST_NAME}: it is incomplete, or not a published folder") from None
    found = hashlib.sha256(content).hexdigest()
    if digest and found != digest:
        raise InvalidManifest(f"{uri}: the manifest's sha256 is {found}, the register says {digest}")
    manifest = parse_manifest(content)
    present = _names(filesystem, root) - {MANIFEST_NAME}
    if extra := sorted(present - set(manifest.files)):
        raise InvalidManifest(f"{uri} holds {extra[0]}, which its manifest does not list")
    if missing := sorted(set(manifest.files) - present):
        raise InvalidManifest(f"{uri} lacks {missing[0]}, which its manifest lists")
    for name, actual in _records(manifest.files, lambda name: filesystem.open(f"{root}/{name}", "rb")):
        record = manifest.files[name]
        if actual != record:
            raise InvalidManifest(
                f"{uri}/{name} has {actual.size} bytes and sha256 {actual.sha256}; "
                f"the manifest says {record.size} and {record.sha256}"
            )
    return manifest


def fetch_folder(uri: str, cache: Path) -> Path:
    """A local folder with what is at `uri`: itself when it is local, else a copy in `cache`, made anew. Blocking.

    Raises:
        FileNotFoundError: there is no such folder.
        OSError: the storage cannot be read.
    """
    filesystem, root = open_filesystem(uri)
    if not filesystem.isdir(root):
        raise FileNotFoundError(f"{uri} is not a folder")
    if "://" not in uri or uri.startswith("file://"):
        return Path(root)
    target = cache / hashlib.sha256(uri.encode()).hexdigest()[:16]
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    filesystem.get(f"{root}/", f"{target}/", recursive=True)
    return target


def open_filesystem(uri: str) -> tuple[Any, str]:
    """The fsspec file system of a path or URL, and the path in it without a trailing slash."""
    import fsspec  # only rooms that move weights have it

    filesystem, root = fsspec.core.url_to_fs(uri)
    return filesystem, str(root).rstrip("/")


def _names(filesystem: Any, root: str) -> set[str]:
    # A listing cached before the last write would show what is no longer so.
    filesystem.invalidate_cache()
    names = {str(path)[len(root) + 1 :] for path in filesystem.find(root)}
    return {name for name in names if not _hidden(name)}


def _local_names(folder: Path) -> set[str]:
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name for name in paths if not _hidden(name)}


def _hidden(name: str) -> bool:
    """Network file systems leave such files (`.nfs0000...`); no loader reads them."""
    return any(part.startswith(".") for part in name.split("/"))


def _records(names: Iterable[str], open_file: Callable[[str], BinaryIO]) -> Iterator[tuple[str, FileRecord]]:
    """What each file is, in the order of `names`. Several are read at a time: a core is slower than a disk."""

    def record(name: str) -> tuple[str, FileRecord]:
        digest = hashlib.sha256()
        size = 0
        with open_file(name) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
        return name, FileRecord(size=size, sha256=digest.hexdigest())

    with ThreadPoolExecutor(min(_MOST_READERS, os.cpu_count() or 1)) as readers:
        yield from readers.map(record, names)
