"""The gRPC face of the verifier room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import grpc

from rlvr.core.errors import FieldViolation, InvalidRequest
from rlvr.core.rpc_server import remaining
from rlvr.core.settings import GrpcSettings
from rlvr.v1 import verifier_pb2, verifier_pb2_grpc
from rlvr.verifier.verification import Verification

_BATCH_IN_FLIGHT = 1_024
"""Items of one VerifyBatch call that are being graded; more are read when some are done."""
_BATCH_REPLY = 256
"""Verdicts that share a response."""


class VerifierService(verifier_pb2_grpc.VerifierServiceServicer):
    """Verify, VerifyBatch, ListVerifiers."""

    def __init__(self, verification: Verification, settings: GrpcSettings) -> None:
        self._verification = verification
        self._settings = settings

    async def Verify(
        self, request: verifier_pb2.VerifyRequest, context: grpc.aio.ServicerContext
    ) -> verifier_pb2.VerifyResponse:
        if not request.HasField("item"):
            raise InvalidRequest("item is missing", violations=[FieldViolation("item", "give the trace to verify")])
        timeout_s = remaining(context, self._settings.default_deadline_s)
        verdict = await self._verification.verdict(_named(request.item), timeout_s)
        return verifier_pb2.VerifyResponse(verdict=verdict)

    async def VerifyBatch(
        self,
        request_iterator: AsyncIterator[verifier_pb2.VerifyBatchRequest],
        context: grpc.aio.ServicerContext,
    ) -> AsyncIterator[verifier_pb2.VerifyBatchResponse]:
        done: asyncio.Queue[verifier_pb2.IndexedVerdict | None] = asyncio.Queue()
        reading = asyncio.create_task(self._read_batch(request_iterator, done, context))
        try:
            while True:
                first = await done.get()
                if first is None:
                    break
                # What else is ready now shares the message.
                await asyncio.sleep(0)
                verdicts = [first]
                ended = False
                while not done.empty() and len(verdicts) < _BATCH_REPLY and not ended:
                    more = done.get_nowait()
                    if more is None:
                        ended = True
                    else:
                        verdicts.append(more)
                yield verifier_pb2.VerifyBatchResponse(verdicts=verdicts)
                if ended:
                    break
            await reading
        finally:
            reading.cancel()

    async def _read_batch(
        self,
        requests: AsyncIterator[verifier_pb2.VerifyBatchRequest],
        done: asyncio.Queue[verifier_pb2.IndexedVerdict | None],
        context: grpc.aio.ServicerContext,
    ) -> None:
        """Grade everything that comes; the end is a None. A caller that goes away cancels what is being graded."""
        room = asyncio.Semaphore(_BATCH_IN_FLIGHT)

        async def grade(entry: verifier_pb2.IndexedItem) -> None:
            try:
                timeout_s = remaining(context, self._settings.default_deadline_s)
                verdict = await self._verification.verdict(_named(entry.item), timeout_s, patient=True)
                done.put_nowait(verifier_pb2.IndexedVerdict(index=entry.index, verdict=verdict))
            finally:
                room.release()

        try:
            async with asyncio.TaskGroup() as group:
                async for request in requests:
                    for entry in request.items:
                        await room.acquire()
                        group.create_task(grade(entry))
        finally:
            done.put_nowait(None)

    async def ListVerifiers(
        self, request: verifier_pb2.ListVerifiersRequest, context: grpc.aio.ServicerContext
    ) -> verifier_pb2.ListVerifiersResponse:
        return verifier_pb2.ListVerifiersResponse(verifiers=self._verification.describe())


def _named(item: verifier_pb2.VerifyItem) -> verifier_pb2.VerifyItem:
    """The item with a trace id."""
    if not item.trace_id:
        item.trace_id = uuid4().hex
    return item
