"""Policy versions as the register names them, brought to a local folder and checked."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from rlvr.core.manifest import MANIFEST_NAME, InvalidManifest, fetch_folder, verify_manifest
from rlvr.sampler.engine import PolicyLoadFailed


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A version of a policy and where its weights are."""

    policy: str
    version: int
    uri: str
    """A Hugging Face model folder: a local path or any fsspec URL."""
    manifest_sha256: str = ""
    """Of the folder's manifest.json. Empty for initial weights, which need not have one."""


def checked_folder(version: PolicyVersion, cache: Path) -> Path:
    """The local folder with the version's weights, verified against its manifest; remote ones are brought to
    `cache`. Blocking.

    A folder that nobody promised a manifest for, and that has none, is a person's own model and is taken as it is.

    Raises:
        PolicyLoadFailed: the folder cannot be read, or is not what the manifest or the register says.
    """
    try:
        folder = fetch_folder(version.uri, cache)
        if version.manifest_sha256 or (folder / MANIFEST_NAME).exists():
            verify_manifest(str(folder), digest=version.manifest_sha256)
    except (InvalidManifest, OSError, ValueError, ImportError) as failure:
        raise PolicyLoadFailed(f"version {version.version} of policy {version.policy!r}: {failure}") from failure
    return folder


def keep_only(folder: Path, cache: Path) -> None:
    """Remove the copies of other versions than the one that the engine holds. That one stays: an engine that is
    started again reads it once more."""
    for other in cache.iterdir() if cache.is_dir() else ():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
