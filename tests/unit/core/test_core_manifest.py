"""A folder is loaded only when it is, byte for byte, what was published."""

import json
from pathlib import Path

import fsspec
import pytest

from rlvr.core.manifest import (
    MANIFEST_NAME,
    InvalidManifest,
    describe_folder,
    parse_manifest,
    verify_manifest,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "weights.bin").write_bytes(b"abc")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "config.json").write_text("{}")
    (tmp_path / MANIFEST_NAME).write_bytes(describe_folder(tmp_path, 7).to_bytes())
    return tmp_path


def test_a_folder_that_is_as_written_passes(folder: Path) -> None:
    manifest = verify_manifest(str(folder))
    assert manifest.version == 7
    assert set(manifest.files) == {"weights.bin", "deep/config.json"}
    assert verify_manifest(f"file://{folder}", digest=manifest.digest) == manifest


def test_equal_manifests_have_equal_bytes_and_survive_a_round_trip(folder: Path) -> None:
    manifest = describe_folder(folder, 7)
    assert parse_manifest(manifest.to_bytes()) == manifest
    assert parse_manifest(manifest.to_bytes()).to_bytes() == manifest.to_bytes()


def test_a_remote_folder_is_checked_too(folder: Path) -> None:
    filesystem = fsspec.filesystem("memory")
    filesystem.put(str(folder) + "/", "/bucket/v7/", recursive=True)
    assert verify_manifest("memory://bucket/v7").version == 7
    filesystem.pipe_file("/bucket/v7/weights.bin", b"abd")
    with pytest.raises(InvalidManifest, match=r"weights\.bin"):
        verify_manifest("memory://bucket/v7")
    filesystem.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "weights.bin").write_bytes(b"abd"), "weights.bin has 3 bytes"),
        (lambda f: (f / "weights.bin").write_bytes(b"ab"), "weights.bin has 2 bytes"),
        (lambda f: (f / "weights.bin").unlink(), "lacks weights.bin"),
        (lambda f: (f / "adapter.bin").write_bytes(b""), "holds adapter.bin"),
        (lambda f: (f / MANIFEST_NAME).unlink(), "has no manifest.json"),
        (lambda f: (f / MANIFEST_NAME).write_text("{"), "not a manifest"),
        (lambda f: (f / MANIFEST_NAME).write_text("[]"), "not a manifest"),
        (lambda f: (f / MANIFEST_NAME).write_text('{"format": 2}'), "format 2 is not 1"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, damage: object, message: str) -> None:
    damage(folder)  # type: ignore[operator]
    with pytest.raises(InvalidManifest, match=message):
        verify_manifest(str(folder))


def test_a_folder_other_than_the_registered_one_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidManifest, match="the register says"):
        verify_manifest(str(folder), digest="0" * 64)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b"])
def test_a_manifest_cannot_point_out_of_its_folder(name: str) -> None:
    record = {"sha256": "0" * 64, "size": 1}
    with pytest.raises(InvalidManifest, match="not one inside"):
        parse_manifest(json.dumps({"format": 1, "version": 0, "files": {name: record}}).encode())


def test_a_path_that_is_not_there_is_an_invalid_manifest(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest, match="has no manifest"):
        verify_manifest(str(tmp_path / "absent"))
