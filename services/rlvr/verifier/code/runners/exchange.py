"""What passes between the room and one run: sealed files in, a pipe out."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import marshal
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from rlvr.verifier.code.runner import Answers, Compile, Exec, Job, Line, RunnerUnavailable, Stdio, Tests, frame

_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
_QUICK_BYTES = 2**20
"""What may be copied without leaving the event loop, which takes well under a millisecond."""
_READ_BYTES = 2**18


class Output:
    """What a run has answered so far."""

    def __init__(self, cap: int, line: Line | None) -> None:
        self._line = line
        self._cap = cap
        self._parts: list[bytes] = []
        self._size = 0
        self.closed: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        """All of it, at the end of the stream; None as soon as it is more than `cap` bytes."""

    def add(self, part: bytes) -> bool:
        """Add what comes next, b"" at the end; whether more can come."""
        self._parts.append(part)
        self._size += len(part)
        if part and self._size <= self._cap:
            if self._line is not None:
                self._line.heard(part)
            return True
        if not self.closed.done():
            self.closed.set_result(b"".join(self._parts) if self._size <= self._cap else None)
        self._parts.clear()
        return False

    def end(self) -> bool:
        """Take what has come for all there is, nobody being left to write; False where more may be on its way."""
        return self.closed.done()


class PipedOutput(Output):
    """The reading end of a run's output."""

    def __init__(self, fd: int, cap: int, line: Line | None) -> None:
        super().__init__(cap, line)
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._read)

    def end(self) -> bool:
        """See `Output.end`. A pipe may yet be held open, by sockets that hold each other till the kernel finds them."""
        while self._read() and not self.closed.done():
            pass
        if not self.closed.done():
            self._loop.remove_reader(self._fd)
            self.closed.set_result(b"".join(self._parts))
        return True

    def _read(self) -> bool:
        """Take one part; whether there was one, or the end."""
        try:
            part = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if not self.add(part):
            self._loop.remove_reader(self._fd)
        return True

    def close(self) -> None:
        """Read no more."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self.closed.cancel()


@dataclass(slots=True)
class Exchange:
    """One run's descriptors."""

    output: PipedOutput
    inside: tuple[int, ...]
    """Job, input and output, to be passed to the zygote."""

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
    line = line_of(job)
    talk: asyncio.WriteTransport | None = None
    try:
        await _add_file(inside, "job", header_of(job))
        if line is None:
            await _add_file(inside, "input", input_of(job))
        else:
            talk = await _talk(inside, line)
        reader, writer = os.pipe2(os.O_CLOEXEC)
    except BaseException as failure:
        _hang_up(talk)
        for fd in inside:
            os.close(fd)
        if isinstance(failure, OSError):
            raise RunnerUnavailable(f"cannot pass on a program: {failure}") from failure
        raise
    if owner is not None:
        os.fchown(writer, owner, owner)  # so that the candidate can open /dev/stdout
    both = Exchange(PipedOutput(reader, output_bytes, line), (*inside, writer))
    try:
        yield both
    finally:
        _hang_up(talk)
        both.close_inside()
        both.output.close()


def header_of(job: Job) -> bytes:
    """The job as its process reads it (see `zygote.program`)."""
    action = job.action
    header: dict[str, Any] = {"source": job.source, "files": dict(job.files)}
    if isinstance(action, Stdio):
        header |= {"kind": "script", "argv": list(action.argv)}
    elif isinstance(action, Answers):
        header |= {"kind": "answers", "entry_point": action.entry_point, "setup": action.setup}
    elif isinstance(action, Exec):
        header |= {"kind": "exec", "argv": list(action.argv), "env": dict(action.env)}
    elif isinstance(action, Compile):
        header |= {"kind": "compile", "commands": [list(argv) for argv in action.commands], "env": dict(action.env)}
    else:
        header |= {"kind": "tests", "called": list(action.called), "nonce": action.nonce}
    return marshal.dumps(header)


def line_of(job: Job) -> Line | None:
    """The line on which the job's requests or answers come, if they do."""
    if isinstance(job.action, Tests):
        return job.action.line
    if isinstance(job.action, Answers) and not isinstance(job.action.requests, tuple):
        return job.action.requests
    return None


def input_of(job: Job) -> bytes:
    """All that the run reads, of a job without a line."""
    if isinstance(job.action, Stdio | Exec):
        return job.action.stdin
    if isinstance(job.action, Compile):
        return b""
    assert isinstance(job.action, Answers) and isinstance(job.action.requests, tuple)
    return b"".join(map(frame, job.action.requests))


async def _talk(fds: list[int], line: Line) -> asyncio.WriteTransport:
    """Add a pipe's reading end, and let `line` write to it."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    fds.append(reader)
    loop = asyncio.get_running_loop()
    pipe = os.fdopen(writer, "wb", buffering=0)
    transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, pipe)
    line.connected(transport.write)
    return transport


def _hang_up(talk: asyncio.WriteTransport | None) -> None:
    if talk is not None and not talk.is_closing():
        talk.abort()


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
