"""What the pool and its workers say to each other: frames on a socket, and a page of shared memory."""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass
from enum import IntEnum

_FRAME = struct.Struct("!IQ")
HEADER = _FRAME.size
_PAGE = struct.Struct("=QQddB")
PAGE_SIZE = mmap.PAGESIZE


class Phase(IntEnum):
    """What a worker is doing."""

    IDLE = 0
    PREPARING = 1
    """Reading the spec: a failure here is not the candidate's."""
    JUDGING = 2
    """Reading the completion."""
    SPENT = 3
    """It ran out of memory at a task, has answered it, and ends: what it still holds could fail the next one."""


WORKING = frozenset({Phase.PREPARING, Phase.JUDGING})


def frame(task: int, body: bytes) -> bytes:
    """A task or its answer: length, task number, body."""
    return _FRAME.pack(len(body), task) + body


class Frames:
    """Cuts a byte stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames that are complete now."""
        self._buffer += data
        out = []
        at = 0
        while len(self._buffer) - at >= HEADER:
            length, task = _FRAME.unpack_from(self._buffer, at)
            if len(self._buffer) - at - HEADER < length:
                break
            out.append((task, bytes(self._buffer[at + HEADER : at + HEADER + length])))
            at += HEADER + length
        del self._buffer[:at]
        return out


@dataclass(frozen=True, slots=True)
class Activity:
    """What a worker was doing when the page was read."""

    task: int
    started: float
    """CLOCK_MONOTONIC, which all processes share."""
    cpu_at_start: float
    """The worker's CPU seconds when it began the task."""
    phase: Phase


class Page:
    """The page a worker writes and the pool reads. A counter before and after tells a torn read."""

    def __init__(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, PAGE_SIZE)
        self._writes = 0

    @staticmethod
    def create() -> int:
        """An anonymous file for a page."""
        fd = os.memfd_create("rlvr-worker", os.MFD_CLOEXEC)
        os.ftruncate(fd, PAGE_SIZE)
        return fd

    def write(self, task: int, started: float, cpu: float, phase: Phase) -> None:
        """Say what is being done."""
        self._writes += 1
        _PAGE.pack_into(self._memory, 0, self._writes, task, started, cpu, phase)

    def phase(self, phase: Phase) -> None:
        """Change the phase alone."""
        self._memory[_PAGE.size - 1] = phase

    def read(self) -> Activity:
        """What is being done. Read again while the worker is writing."""
        while True:
            before, task, started, cpu, phase = _PAGE.unpack_from(self._memory)
            if _PAGE.unpack_from(self._memory)[0] == before:
                return Activity(task, started, cpu, Phase(phase))

    def close(self) -> None:
        self._memory.close()
