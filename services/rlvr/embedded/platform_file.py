"""`platform.json` in the home of a running platform: where everything is, for the other commands and for tests."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RoomAddress:
    """One child process of the launcher."""

    pid: int
    restarts: int
    grpc: str = ""
    """`host:port`; empty for what serves none."""
    metrics: str = ""
    """URL of the Prometheus endpoint."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A running platform."""

    gateway: str
    """URL of the HTTP API."""
    redis: str
    """URL of Redis."""
    launcher_pid: int
    rooms: dict[str, RoomAddress] = field(default_factory=dict)
    """Room, or `redis` where the launcher started it -> its process."""


def path_in(home: Path) -> Path:
    return home / "platform.json"


def write(home: Path, platform: Platform) -> None:
    """Replace the file in one go, so that a reader never sees half of it."""
    temporary = home / "platform.json.new"
    temporary.write_text(json.dumps(asdict(platform), indent=2) + "\n")
    temporary.replace(path_in(home))


def read(home: Path) -> Platform | None:
    """What runs in `home`; None when nothing has said so."""
    try:
        document = json.loads(path_in(home).read_text())
    except FileNotFoundError:
        return None
    rooms = {name: RoomAddress(**room) for name, room in document.pop("rooms").items()}
    return Platform(rooms=rooms, **document)
