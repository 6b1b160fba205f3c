"""A version is loaded only when its folder is what the register promised."""

from __future__ import annotations

import shutil
from pathlib import Path

import fsspec
import pytest

from rlvr.core.manifest import MANIFEST_NAME, describe_folder
from rlvr.sampler.engine import PolicyLoadFailed
from rlvr.sampler.versions import PolicyVersion, checked_folder


@pytest.fixture
def published(policy_v1: Path, tmp_path: Path) -> PolicyVersion:
    """Version 7, published as the trainer does."""
    folder = Path(shutil.copytree(policy_v1, tmp_path / "v7"))
    manifest = describe_folder(folder, version=7)
    (folder / MANIFEST_NAME).write_bytes(manifest.to_bytes())
    return PolicyVersion("tiny", 7, str(folder), manifest.digest)


def test_a_published_folder_passes(published: PolicyVersion, tmp_path: Path) -> None:
    assert checked_folder(published, tmp_path / "cache") == Path(published.uri)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", MANIFEST_NAME])
def test_a_changed_byte_is_refused(published: PolicyVersion, tmp_path: Path, name: str) -> None:
    file = Path(published.uri) / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(PolicyLoadFailed, match="version 7 of policy 'tiny'"):
        checked_folder(published, tmp_path / "cache")


def test_another_version_under_the_same_path_is_refused(published: PolicyVersion, tmp_path: Path) -> None:
    other = PolicyVersion(published.policy, published.version, published.uri, "0" * 64)
    with pytest.raises(PolicyLoadFailed, match="the register says 0000"):
        checked_folder(other, tmp_path / "cache")


def test_a_folder_that_lost_its_manifest_is_refused(published: PolicyVersion, tmp_path: Path) -> None:
    (Path(published.uri) / MANIFEST_NAME).unlink()
    with pytest.raises(PolicyLoadFailed, match=r"no manifest\.json"):
        checked_folder(published, tmp_path / "cache")


def test_a_model_of_ones_own_needs_no_manifest(policy_v0: Path, tmp_path: Path) -> None:
    assert checked_folder(PolicyVersion("tiny", 0, f"file://{policy_v0}"), tmp_path / "cache") == policy_v0


def test_a_remote_folder_is_brought_here_and_checked_here(published: PolicyVersion, tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    store.put(f"{published.uri}/", "/policies/v7/", recursive=True)
    remote = PolicyVersion("tiny", 7, "memory://policies/v7", published.manifest_sha256)
    try:
        folder = checked_folder(remote, tmp_path / "cache")
        assert (folder / "model.safetensors").read_bytes() == (Path(published.uri) / "model.safetensors").read_bytes()
        store.pipe_file("/policies/v7/model.safetensors", b"half")
        with pytest.raises(PolicyLoadFailed, match=r"model\.safetensors has 4 bytes"):
            checked_folder(remote, tmp_path / "cache")
        with pytest.raises(PolicyLoadFailed, match="is not a folder"):
            checked_folder(PolicyVersion("tiny", 8, "memory://policies/v8"), tmp_path / "cache")
    finally:
        store.rm("/policies", recursive=True)
