"""The items of one batch on their way to verifiers: bounded in number, sent in messages, cancelled together."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

from rlvr.gateway import verdicts
from rlvr.gateway.items import parse_item
from rlvr.gateway.settings import GatewaySettings
from rlvr.gateway.verifiers import BYTES_PER_CALL, ITEMS_PER_CALL, Deliver, Item, VerifierRoom, Verifiers
from rlvr.v1 import verifier_pb2


class Batch:
    """Delivers exactly one verdict for each item that is put in.

    Leaving the context waits until all have one; leaving it by an exception (or being cancelled) cancels the calls:

        async with Batch(verifiers, settings, deliver) as batch:
            for index, document in enumerate(documents):
                await batch.put(index, document)
    """

    def __init__(self, verifiers: Verifiers, settings: GatewaySettings, deliver: Deliver) -> None:
        self._verifiers = verifiers
        self._settings = settings
        self._deliver_out = deliver
        self._calls = asyncio.TaskGroup()
        self._filling: dict[str, list[Item]] = {}
        self._filling_bytes: dict[str, int] = {}
        self._in_flight = 0
        self._landed = asyncio.Event()

    async def __aenter__(self) -> Batch:
        await self._calls.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.flush()
        await self._calls.__aexit__(kind, value, trace)

    async def put(self, index: int, document: Any) -> None:
        """Take a decoded item (or the NotJson that came of it); waits while too many are with the verifiers."""
        settings = self._settings
        item = parse_item(
            document, max_completion_bytes=settings.max_completion_bytes, max_spec_bytes=settings.max_spec_bytes
        )
        if not isinstance(item, verifier_pb2.VerifyItem):
            self._deliver_out(index, verdicts.of_refused(item))
            return
        room = self._verifiers.room_for(item.verifier)
        if room is None:
            self._deliver_out(index, verdicts.of_unknown(item))
            return
        if self._in_flight >= settings.max_items_in_flight:
            self.flush()
            await self._room_for_a_message()
        self._in_flight += 1
        self._fill(room, index, item)

    def flush(self) -> None:
        """Send what has been put in and not sent; for when it is not known when the next item comes."""
        for address in list(self._filling):
            self._send(self._verifiers.rooms[address])

    async def _room_for_a_message(self) -> None:
        """Wait for more than one free place, or every verdict would let one item go, in a message of its own."""
        limit = self._settings.max_items_in_flight
        while self._in_flight > limit - min(ITEMS_PER_CALL, (limit + 1) // 2):
            self._landed.clear()
            await self._landed.wait()

    def _fill(self, room: VerifierRoom, index: int, item: verifier_pb2.VerifyItem) -> None:
        size = len(item.completion) + len(item.spec_json)
        if self._filling_bytes.get(room.address, 0) + size > BYTES_PER_CALL and room.address in self._filling:
            self._send(room)
        items = self._filling.setdefault(room.address, [])
        items.append((index, item))
        self._filling_bytes[room.address] = self._filling_bytes.get(room.address, 0) + size
        if len(items) >= ITEMS_PER_CALL:
            self._send(room)

    def _send(self, room: VerifierRoom) -> None:
        items = self._filling.pop(room.address)
        self._filling_bytes.pop(room.address)
        self._calls.create_task(self._grade(room, items))

    async def _grade(self, room: VerifierRoom, items: list[Item]) -> None:
        ungraded = await room.grade(items, self._deliver, self._settings.batch_deadline_s)
        if ungraded is not None:
            for index, verdict in ungraded.verdicts():
                self._deliver(index, verdict)

    def _deliver(self, index: int, verdict: verifier_pb2.Verdict) -> None:
        self._in_flight -= 1
        self._landed.set()
        self._deliver_out(index, verdict)
