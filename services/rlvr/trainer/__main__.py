"""`python -m rlvr.trainer`: train runs, publish versions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rlvr.core.room import Room, main
from rlvr.trainer.settings import TrainerRoomSettings


@asynccontextmanager
async def build(room: Room[TrainerRoomSettings]) -> AsyncIterator[None]:
    """Offer the status, and work."""
    from rlvr.core import rpc_client
    from rlvr.trainer.nccl import NcclNetwork
    from rlvr.trainer.service import TrainerService
    from rlvr.trainer.status import TrainerStatus
    from rlvr.trainer.transfer import WeightSender
    from rlvr.trainer.worker import TrainerWorker
    from rlvr.v1 import coordinator_pb2_grpc, trainer_pb2, trainer_pb2_grpc

    settings = room.settings
    status = TrainerStatus()
    weights = WeightSender(NcclNetwork(), settings.trainer.transfer_timeout_s)
    room.rpc.add(
        TrainerService(status, weights),
        trainer_pb2_grpc.add_TrainerServiceServicer_to_server,
        trainer_pb2.DESCRIPTOR,
    )
    room.health.parts["coordinator"] = "not reached yet"
    coordinator = rpc_client.channel(settings.peers.coordinator, settings.grpc)
    room.workers.append(
        TrainerWorker(
            coordinator_pb2_grpc.CoordinatorServiceStub(coordinator),
            room.redis,
            room.health,
            status,
            weights,
            consumer=room.consumer_name,
            home=settings.home,
            settings=settings.trainer,
        )
    )
    try:
        yield
    finally:
        await coordinator.close(grace=None)


if __name__ == "__main__":
    raise SystemExit(main("trainer", TrainerRoomSettings, build))
