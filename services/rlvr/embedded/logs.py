"""The platform's output: a file for each child, and one combined log of all, on the terminal and in a file."""

from __future__ import annotations

import asyncio
import os
import zlib
from pathlib import Path
from typing import IO

LAUNCHER = "launcher"
_COLOURS = (36, 33, 32, 35, 34, 96, 93)
_WIDTH = 11
_CHUNK = 64 * 1024


class Logs:
    """Collects lines. The files of the last start are kept as `<name>.log.1`."""

    def __init__(self, folder: Path, *, terminal: IO[str] | None) -> None:
        """`terminal` gets the combined log too; None for none."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._terminal = terminal
        self.for_a_person = terminal is not None and terminal.isatty()
        self._files: dict[str, IO[str]] = {}
        self._combined = self._open("rlvr")

    def say(self, text: str) -> None:
        """A line of the launcher's own."""
        self._write(LAUNCHER, text)

    async def collect(self, name: str, pipe: int) -> None:
        """Take a child's output, line by line, until nobody can write to the pipe. Closes it."""
        loop = asyncio.get_running_loop()
        output = asyncio.StreamReader()
        transport, _protocol = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(pipe, "rb", buffering=0)
        )
        try:
            await self._split(name, output)
        finally:
            transport.close()

    async def _split(self, name: str, output: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await output.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._write(name, line.decode(errors="replace"))
        if rest:
            self._write(name, rest.decode(errors="replace"))

    def tail(self, name: str, count: int = 15) -> str:
        """The last lines of a child's log."""
        path = self.folder / f"{name}.log"
        return "\n".join(path.read_text().splitlines()[-count:]) if path.exists() else ""

    def close(self) -> None:
        for file in (self._combined, *self._files.values()):
            file.close()

    def _write(self, name: str, line: str) -> None:
        if name not in self._files:
            self._files[name] = self._open(name)
        self._files[name].write(line + "\n")
        self._combined.write(f"{name:<{_WIDTH}} | {line}\n")
        if self._terminal is not None:
            try:
                self._terminal.write(f"{self._prefix(name)} | {line}\n")
                self._terminal.flush()
            except OSError:
                self._terminal = None  # The terminal was closed; the files go on.

    def _prefix(self, name: str) -> str:
        padded = f"{name:<{_WIDTH}}"
        if not self.for_a_person:
            return padded
        return f"\x1b[{_COLOURS[zlib.crc32(name.encode()) % len(_COLOURS)]}m{padded}\x1b[0m"

    def _open(self, name: str) -> IO[str]:
        path = self.folder / f"{name}.log"
        if path.exists():
            path.replace(path.with_suffix(".log.1"))
        return path.open("w", buffering=1)
