"""The verifier rooms: which one grades what, and how items get there and verdicts come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from rlvr.core.errors import DeadlineExceeded, Internal, Overloaded, RlvrError, TooLarge, Unavailable, from_rpc_error
from rlvr.core.rpc_client import rlvr_errors
from rlvr.core.settings import PeerSettings
from rlvr.core.telemetry import get_logger
from rlvr.gateway import verdicts
from rlvr.v1 import verifier_pb2, verifier_pb2_grpc

log = get_logger("verifiers")

ITEMS_PER_CALL = 256
BYTES_PER_CALL = 1 << 20
"""A call is sent when it has this much; one larger item goes alone."""
_LIST_TIMEOUT_S = 5.0

Item = tuple[int, verifier_pb2.VerifyItem]
"""An item and its place among those of its request."""
Deliver = Callable[[int, verifier_pb2.Verdict], None]


@dataclass(frozen=True)
class Ungraded:
    """Items of a call that no verifier gave a verdict on, and why."""

    items: dict[int, verifier_pb2.VerifyItem]
    failure: RlvrError

    def verdicts(self) -> Iterator[tuple[int, verifier_pb2.Verdict]]:
        """The `error` verdicts that say so."""
        for index, item in self.items.items():
            yield index, verdicts.of_failure(item, _reason(self.failure), self.failure.detail)


def _reason(failure: RlvrError) -> verifier_pb2.Reason:
    late = isinstance(failure, DeadlineExceeded)
    return verifier_pb2.REASON_QUEUE_TIMEOUT if late else verifier_pb2.REASON_UNAVAILABLE


class VerifierRoom:
    """One address, with as many replicas behind it as its name resolves to."""

    def __init__(self, address: str, channel: grpc.aio.Channel, *, reconnect_s: float) -> None:
        self.address = address
        self.channel = channel
        self._stub: Any = verifier_pb2_grpc.VerifierServiceStub(channel)
        self._reconnect_s = reconnect_s

    async def grade(self, items: Sequence[Item], deliver: Deliver, timeout_s: float) -> Ungraded | None:
        """Deliver verdicts as they come, at most one for each item; what is left over is returned."""
        unanswered = dict(items)
        ends = asyncio.get_running_loop().time() + timeout_s
        failure = await self._call(unanswered, deliver, timeout_s)
        if failure is not None and not isinstance(failure, DeadlineExceeded):
            if isinstance(failure, Overloaded):
                await asyncio.sleep(min(failure.retry_after_seconds or 1.0, self._reconnect_s))
            else:
                await self._reconnected()
            left = ends - asyncio.get_running_loop().time()
            failure = await self._call(unanswered, deliver, max(left, 0.0))
        if failure is None:
            return None
        log.warning("items were not graded", verifier=self.address, items=len(unanswered), why=failure.detail)
        return Ungraded(unanswered, failure)

    async def grade_one(self, item: verifier_pb2.VerifyItem, timeout_s: float) -> verifier_pb2.Verdict:
        """The verdict on one item, which is sent once more when the verifier is lost.

        Raises:
            Unavailable: the verifier cannot be reached.
            Overloaded: it has no room for more work.
            TooLarge: no message may be as large.
        """
        request = verifier_pb2.VerifyRequest(item=item)
        try:
            with rlvr_errors():
                try:
                    response = await self._stub.Verify(request, timeout=timeout_s)
                except grpc.aio.AioRpcError as failure:
                    if failure.code() is not grpc.StatusCode.UNAVAILABLE:
                        raise
                    await self._reconnected()
                    response = await self._stub.Verify(request, timeout=timeout_s)
        except (Unavailable, Overloaded, TooLarge):
            raise
        except RlvrError as failure:
            log.warning("an item was not graded", verifier=self.address, why=failure.detail)
            return verdicts.of_failure(item, _reason(failure), failure.detail)
        return verdicts.checked(response.verdict, item)

    async def _call(
        self, unanswered: dict[int, verifier_pb2.VerifyItem], deliver: Deliver, timeout_s: float
    ) -> RlvrError | None:
        """One stream. Takes what it answers out of `unanswered`; None when that was all."""
        entries = [verifier_pb2.IndexedItem(index=index, item=item) for index, item in unanswered.items()]
        call = self._stub.VerifyBatch(iter([verifier_pb2.VerifyBatchRequest(items=entries)]), timeout=timeout_s)
        try:
            async for response in call:
                for entry in response.verdicts:
                    item = unanswered.pop(entry.index, None)
                    if item is not None:
                        deliver(entry.index, verdicts.checked(entry.verdict, item))
        except grpc.aio.AioRpcError as failure:
            if unanswered:
                return from_rpc_error(failure)
        finally:
            call.cancel()
        return Internal("the verifier ended the stream before it had answered") if unanswered else None

    async def _reconnected(self) -> None:
        """Give a verifier that was lost a moment to come back before it is asked again."""
        try:
            async with asyncio.timeout(self._reconnect_s):
                await self.channel.channel_ready()
        except TimeoutError:
            log.warning("the verifier cannot be reached", verifier=self.address)

    async def describe(self) -> Sequence[verifier_pb2.VerifierInfo]:
        """What this room can grade.

        Raises:
            Unavailable: it cannot be reached.
        """
        with rlvr_errors():
            response = await self._stub.ListVerifiers(verifier_pb2.ListVerifiersRequest(), timeout=_LIST_TIMEOUT_S)
        return response.verifiers


class Verifiers:
    """All verifier rooms, and which kind is graded where."""

    def __init__(self, rooms: dict[str, VerifierRoom], peers: PeerSettings) -> None:
        self.rooms = rooms
        """Address -> room."""
        self._peers = peers

    def room_for(self, kind: str) -> VerifierRoom | None:
        """The room that grades this kind, or would say that nobody does. None when only named kinds have rooms."""
        return self.rooms.get(self._peers.verifier_kinds.get(kind, self._peers.verifier))
