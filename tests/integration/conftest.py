"""Real rooms as processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rooms import RoomProcess
from sandboxes import interpreter_of_candidates

StartRoom = Callable[..., RoomProcess]


@pytest.fixture(scope="session")
def interpreter() -> str:
    """One that candidates can read on this host's best isolation tier."""
    return interpreter_of_candidates()


@pytest.fixture
def start_room(redis_url: str, tmp_path: Path) -> Iterator[StartRoom]:
    """`start_room("verifier", RLVR_VERIFIER__WORKERS="1")` starts a room and stops it after the test."""
    rooms: list[RoomProcess] = []

    def start(room: str, **env: str) -> RoomProcess:
        rooms.append(RoomProcess(room, redis_url, tmp_path, env))
        rooms[-1].start()
        return rooms[-1]

    yield start
    for room in reversed(rooms):
        room.stop()
