"""What passes between the room and one run: sealed files in, a pipe out."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import marshal
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

from rlvr.verifier.code.runner import Call, Job, RunnerUnavailable, Stdio

_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
_QUICK_BYTES = 2**20
"""What may be copied without leaving the event loop, which takes well under a millisecond."""
_READ_BYTES = 2**18


class Output:
    """The reading end of a run's output."""

    def __init__(self, fd: int, cap: int) -> None:
        self._fd = fd
        self._cap = cap
        self._parts: list[bytes] = []
        self._size = 0
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[bytes | None] = self._loop.create_future()
        """All of it, at the end of the stream; None as soon as it is more than `cap` bytes."""
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._read)

    def _read(self) -> None:
        try:
            part = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return
        self._parts.append(part)
        self._size += len(part)
        if part and self._size <= self._cap:
            return
        self._loop.remove_reader(self._fd)
        if not self.closed.done():
            self.closed.set_result(b"".join(self._parts) if self._size <= self._cap else None)

    def close(self) -> None:
        """Read no more."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self.closed.cancel()


@dataclass(slots=True)
class Exchange:
    """One run's descriptors."""

    output: Output
    inside: tuple[int, ...]
    """Job, standard input and output, to be passed to the zygote."""

    def close_inside(self) -> None:
        """Leave the run as the only one that holds its ends."""
        for fd in self.inside:
            os.close(fd)
        self.inside = ()


@contextlib.asynccontextmanager
async def exchange(job: Job, output_bytes: int, owner: int | None) -> AsyncIterator[Exchange]:
    """The descriptors for a run whose candidate is user `owner`; closed when the block is left.

    Raises:
        RunnerUnavailable: the host is out of descriptors or memory.
    """
    inside: list[int] = []
    try:
        await _add_file(inside, "job", _header(job))
        await _add_file(inside, "stdin", job.action.stdin if isinstance(job.action, Stdio) else b"")
        reader, writer = os.pipe2(os.O_CLOEXEC)
    except BaseException as failure:
        for fd in inside:
            os.close(fd)
        if isinstance(failure, OSError):
            raise RunnerUnavailable(f"cannot pass on a program: {failure}") from failure
        raise
    if owner is not None:
        os.fchown(writer, owner, owner)  # so that the candidate can open /dev/stdout
    both = Exchange(Output(reader, output_bytes), (*inside, writer))
    try:
        yield both
    finally:
        both.close_inside()
        both.output.close()


def _header(job: Job) -> bytes:
    call = job.action if isinstance(job.action, Call) else None
    return marshal.dumps(
        {
            "source": job.source,
            "entry_point": call.entry_point if call else None,
            "args": call.args if call else None,
        }
    )


async def _add_file(fds: list[int], name: str, content: bytes) -> None:
    """Add a file in memory that nobody can write to any more, at its beginning."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    fds.append(fd)
    if len(content) <= _QUICK_BYTES:
        _fill(fd, content)
    else:
        await asyncio.to_thread(_fill, fd, content)


def _fill(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
