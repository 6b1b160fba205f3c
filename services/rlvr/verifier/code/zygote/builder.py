"""Compilers as children of a jailed process, and what they leave behind.

The answer, of which the room believes no more than that it may be run, is one line of JSON and bytes:

    {"status": 0, "diagnostics": 5, "files": [["program", 16384], ..]}
    the diagnostics, and the files one after the other, of these lengths

`status` is the wait status of the last compiler; with any but 0 there are no files.
"""

from __future__ import annotations

import os
import signal
from json import dumps
from typing import NoReturn

MADE = ".made"
"""Folder in which compilers leave what is to be run; no file of a spec's can have such a name."""
DIAGNOSTICS_BYTES = 2**16
MAX_FILES = 2048
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
_PART_BYTES = 2**20


def environment(env: dict[str, str]) -> dict[str, str]:
    """Of a program that is executed."""
    here = os.getcwd()
    return {"HOME": here, "TMPDIR": here, **_ENVIRONMENT, **env}


def make_executable(path: str) -> None:
    """Raises OSError: it is not there, or cannot be executed."""
    if not os.path.isabs(path):
        os.chmod(path, 0o700)
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"{path} is not there for the candidate, or cannot be executed")


def run_compilers(commands: list[list[str]], env: dict[str, str], result_fd: int) -> NoReturn:
    """Run them, answer, and end the process."""
    os.set_inheritable(result_fd, False)
    os.mkdir(MADE)
    status, diagnostics = 0, b""
    for argv in commands:
        status, said = _run(argv, environment(env))
        diagnostics = (diagnostics + said)[:DIAGNOSTICS_BYTES]
        if status:
            break
    files = [] if status else _files()
    names = [[path[len(MADE) + 1 :], os.path.getsize(path)] for path in files]
    head = dumps({"status": status, "diagnostics": len(diagnostics), "files": names})
    _send(result_fd, head.encode() + b"\n" + diagnostics)
    for path in files:
        with open(path, "rb", buffering=0) as file:
            while part := file.read(_PART_BYTES):
                _send(result_fd, part)
    os._exit(0)


def _run(argv: list[str], env: dict[str, str]) -> tuple[int, bytes]:
    """Wait status of a command, and the beginning of what it printed."""
    reader, writer = os.pipe()
    child = os.posix_spawn(
        argv[0],
        argv,
        env,
        file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_DUP2, writer, 2)],
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
    )
    os.close(writer)
    said = b""
    while part := os.read(reader, _PART_BYTES):
        said = (said + part)[:DIAGNOSTICS_BYTES]
    os.close(reader)
    return os.waitpid(child, 0)[1], said


def _files() -> list[str]:
    """What was made; links are not followed."""
    found: list[str] = []
    for folder, _, names in os.walk(MADE):
        paths = [os.path.join(folder, name) for name in sorted(names)]
        found += [path for path in paths if os.path.isfile(path) and not os.path.islink(path)]
    return found[: MAX_FILES + 1]


def _send(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
