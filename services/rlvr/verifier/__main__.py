"""`python -m rlvr.verifier`: serve verdicts over gRPC and grade the trace streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from rlvr.core.room import Room, main
from rlvr.verifier.settings import VerifierRoomSettings

if TYPE_CHECKING:
    from rlvr.verifier.verification import Verification


@asynccontextmanager
async def build(room: Room[VerifierRoomSettings]) -> AsyncIterator[None]:
    """Start the graders, then offer them."""
    from rlvr.v1 import verifier_pb2, verifier_pb2_grpc
    from rlvr.verifier.service import VerifierService
    from rlvr.verifier.verification import Verification
    from rlvr.verifier.worker import TraceWorker

    settings = room.settings
    verification = Verification(settings.verifier)
    try:
        await verification.start()
        room.rpc.add(
            VerifierService(verification, settings.grpc),
            verifier_pb2_grpc.add_VerifierServiceServicer_to_server,
            verifier_pb2.DESCRIPTOR,
        )
        for kind in verification.kinds:
            room.workers.append(
                TraceWorker(
                    kind,
                    verification,
                    room.redis,
                    room.consumer_name,
                    settings=settings.verifier,
                    streams=settings.streams,
                )
            )
        watch = asyncio.create_task(_watch(room, verification))
        yield
        watch.cancel()
    finally:
        await verification.close()


async def _watch(room: Room[VerifierRoomSettings], verification: Verification) -> None:
    """Keep the room's health in step with its graders'."""
    while True:
        await room.health.set_part("graders", verification.problem)
        await asyncio.sleep(0.5)


if __name__ == "__main__":
    raise SystemExit(main("verifier", VerifierRoomSettings, build))
