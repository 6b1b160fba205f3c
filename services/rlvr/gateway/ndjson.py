"""NDJSON both ways: lines of a request become items, verdicts become lines as they finish."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rlvr.core.telemetry import get_logger
from rlvr.gateway import verdicts
from rlvr.gateway.batch import Batch
from rlvr.gateway.settings import GatewaySettings
from rlvr.gateway.strict_json import NotJson, decode
from rlvr.gateway.verifiers import Verifiers
from rlvr.v1 import verifier_pb2

log = get_logger("ndjson")

MEDIA_TYPE = "application/x-ndjson"
_AHEAD_BYTES = 1 << 22
"""What is received of a request before its turn comes."""


class Lines:
    """Cuts a stream of bytes into lines. Of a line that is too long only its place is kept."""

    def __init__(self, max_line_bytes: int) -> None:
        self._max = max_line_bytes
        self._rest = bytearray()
        self._too_long = False

    def feed(self, data: bytes) -> list[bytes | NotJson]:
        """The lines that `data` completes; empty ones are left out."""
        *complete, rest = data.split(b"\n")
        lines = [line for part in complete if (line := self._end(part))]
        self._take(rest)
        return lines

    def end(self) -> list[bytes | NotJson]:
        """The last line, when no newline ends it."""
        line = self._end(b"")
        return [line] if line else []

    def _take(self, part: bytes) -> None:
        if self._too_long or len(self._rest) + len(part) > self._max:
            self._too_long = True
            self._rest.clear()
        else:
            self._rest += part

    def _end(self, part: bytes) -> bytes | NotJson:
        self._take(part)
        too_long, line = self._too_long, bytes(self._rest).strip()
        self._too_long = False
        self._rest.clear()
        return NotJson(f"the line is longer than {self._max} bytes") if too_long else line


class _CallerLeft(Exception):
    """The connection was closed from the other side."""


class _Arriving:
    """A request's body, received ahead of whoever takes it: only who receives hears that the caller has left."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._ended = False
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()

    async def receive(self, receive: Receive) -> None:
        """Receive the body, and then nothing more. Raises _CallerLeft."""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _CallerLeft
            self._data += message.get("body", b"")
            self._ended = not message.get("more_body", False)
            self._changed.set()
            while len(self._data) > _AHEAD_BYTES:
                self._taken.clear()
                await self._taken.wait()

    async def take(self) -> tuple[bytes, bool]:
        """What has come since, once something has, and whether that was the end."""
        await self._changed.wait()
        self._changed.clear()
        data, self._data = bytes(self._data), bytearray()
        self._taken.set()
        return data, self._ended


class VerdictStream(Response):
    """Reads items while it writes verdicts. A caller who leaves cancels what is being graded for it.

    Verdicts that the caller does not read yet are kept up to a limit, so that clients which send everything
    before they read anything do not get stuck; beyond it their items are not read.
    """

    media_type = MEDIA_TYPE

    def __init__(self, verifiers: Verifiers, settings: GatewaySettings) -> None:
        super().__init__()
        self._verifiers = verifiers
        self._settings = settings
        self._unsent = bytearray()
        self._complete = False
        self._changed = asyncio.Event()
        self._sent = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", MEDIA_TYPE.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write(send))
                await self._grade(receive)
        except* _CallerLeft:
            log.info("the caller left its stream")

    async def _grade(self, receive: Receive) -> None:
        arriving = _Arriving()
        async with asyncio.TaskGroup() as tasks:
            receiving = tasks.create_task(arriving.receive(receive))
            async with Batch(self._verifiers, self._settings, self._deliver) as batch:
                await self._read(arriving, batch)
            receiving.cancel()
        self._complete = True
        self._changed.set()

    async def _read(self, arriving: _Arriving, batch: Batch) -> None:
        lines = Lines(self._settings.max_line_bytes)
        index = 0
        ended = False
        while not ended:
            data, ended = await arriving.take()
            found = lines.feed(data)
            for line in found + lines.end() if ended else found:
                await batch.put(index, _decoded(line))
                index += 1
                await self._unsent_is_bounded()
            batch.flush()

    def _deliver(self, index: int, verdict: verifier_pb2.Verdict) -> None:
        self._unsent += orjson.dumps({"index": index, **verdicts.to_json(verdict)}, option=orjson.OPT_APPEND_NEWLINE)
        self._changed.set()

    async def _unsent_is_bounded(self) -> None:
        while len(self._unsent) > self._settings.max_unsent_bytes:
            self._sent.clear()
            await self._sent.wait()

    async def _write(self, send: Send) -> None:
        while not self._complete or self._unsent:
            await self._changed.wait()
            self._changed.clear()
            if self._unsent:
                data, self._unsent = bytes(self._unsent), bytearray()
                await send({"type": "http.response.body", "body": data, "more_body": True})
            self._sent.set()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _decoded(line: bytes | NotJson) -> Any:
    if isinstance(line, NotJson):
        return line
    try:
        return decode(line)
    except NotJson as failure:
        return failure
