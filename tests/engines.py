"""A container engine of our own for the tests: Podman on runc, which speaks Docker's API, with an image of this Python.

All it has lives in one folder below /tmp; nothing of the host's own Podman is touched. The image, made of the files of
the interpreter that runs the tests, is kept there for the next time.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from rlvr.verifier.code.runners.docker import LABEL
from rlvr.verifier.code.runners.rooms import is_gone, this_room

_HOME = Path(tempfile.gettempdir()) / f"rlvr-test-engine-{os.geteuid()}"
_PYTHON = os.path.realpath(sys.executable)
_IMAGE = f"localhost/rlvr-sandbox-test:2-{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
_TOOLS = ("bash", "sh", "sleep", "cat", "echo")
_LEFT_OUT = {"test", "tests", "site-packages", "dist-packages", "idlelib", "tkinter", "lib2to3", "ensurepip"}
_NEEDS = ("podman", "runc", "conmon")
_START_S = 60
_CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
tmp_dir = "{home}/tmp"
[network]
network_config_dir = "{home}/net"
"""
_STORAGE_CONF = """
[storage]
driver = "overlay"
graphroot = "{home}/graph"
runroot = "{home}/run"
"""


@dataclass
class Engine:
    """A service of Podman."""

    url: str
    process: subprocess.Popen[bytes]

    @property
    def settings(self) -> dict[str, str]:
        """Of the tier `docker`. Podman lists gVisor's runtime whether it has it or not, and takes no notice of it."""
        return {"host": self.url, "image": _IMAGE, "python": _PYTHON, "runtime": "default"}

    def containers(self) -> set[str]:
        """Those of this process and of dead ones; other tests that run now have their own."""
        client = docker.APIClient(base_url=self.url)
        try:
            found = client.containers(all=True, filters={"label": LABEL})
        finally:
            client.close()
        return {container["Id"] for container in found if is_ours(container["Labels"][LABEL])}

    def stop(self) -> None:
        """Stop answering."""
        self.process.kill()
        self.process.wait()
        Path(self.url.removeprefix("unix://")).unlink(missing_ok=True)


def is_ours(room: str) -> bool:
    """Whether what a room left is for this process to find: its own, or that of a room that was killed."""
    return room == this_room() or is_gone(room)


@functools.cache
def engine() -> Engine:
    """The one of this test run; skips the test where there can be none."""
    missing = [name for name in _NEEDS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no container engine: {', '.join(missing)} is not installed")
    if os.geteuid() != 0:
        pytest.skip("the container engine of the tests is root's")
    _make_image()
    started = start_engine(_HOME / f"api-{os.getpid()}.sock")
    atexit.register(started.stop)
    return started


def start_engine(socket: Path) -> Engine:
    """Another one, over the same containers."""
    url = f"unix://{socket}"
    # What runs containers leaves a file `oom` in its folder when one is out of memory.
    process = subprocess.Popen(_podman("system", "service", "--time=0", url), env=_environment(), cwd=_HOME)
    deadline = time.monotonic() + _START_S
    while True:
        try:
            docker.APIClient(base_url=url, version="auto").close()
            return Engine(url, process)
        except docker.errors.DockerException:
            assert time.monotonic() < deadline and process.poll() is None, "podman does not answer"
            time.sleep(0.05)


def _podman(*arguments: str) -> list[str]:
    return ["podman", "--log-level=error", *arguments]


def _environment() -> dict[str, str]:
    files = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}
    return os.environ | {name: str(_HOME / file) for name, file in files.items()}


def _make_image() -> None:
    _HOME.mkdir(mode=0o700, exist_ok=True)
    with (_HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (_HOME / "containers.conf").write_text(_CONTAINERS_CONF.format(home=_HOME))
        (_HOME / "storage.conf").write_text(_STORAGE_CONF.format(home=_HOME))
        exists = subprocess.run(_podman("image", "exists", _IMAGE), env=_environment(), capture_output=True)
        if exists.returncode == 0:
            return
        archive = _HOME / "image.tar"
        with tarfile.open(archive, "w", dereference=True) as tar:
            for path in sorted(set(_files())):
                tar.add(path, filter=_without_owner)
        subprocess.run(_podman("import", str(archive), _IMAGE), env=_environment(), check=True, capture_output=True)
        archive.unlink()


def _files() -> Iterator[str]:
    """This interpreter, its library, some tools, and the libraries of all of them."""
    binaries = [_PYTHON, *filter(None, map(shutil.which, _TOOLS))]
    for name in ("stdlib", "platstdlib"):
        for folder, below, names in os.walk(sysconfig.get_path(name)):
            below[:] = set(below) - _LEFT_OUT
            yield from (f"{folder}/{name}" for name in names)
            binaries += [f"{folder}/{name}" for name in names if name.endswith(".so")]
    yield from binaries
    said = subprocess.run(["ldd", *binaries], capture_output=True, text=True).stdout
    yield from re.findall(r"(?:=> |^\t)(/\S+) \(0x", said, re.M)


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.mode |= 0o444 | (0o111 if member.mode & 0o100 else 0)
    return member
