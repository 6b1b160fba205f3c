"""`python -m rlvr.sampler`: sample the prompts of the policy that a run trains."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rlvr.core.room import Room, main
from rlvr.sampler.settings import SamplerRoomSettings


@asynccontextmanager
async def build(room: Room[SamplerRoomSettings]) -> AsyncIterator[None]:
    """Start the engine, follow the register, offer both sides."""
    from rlvr.core import rpc_client
    from rlvr.sampler.engines.choice import make_engine
    from rlvr.sampler.follower import PolicyFollower
    from rlvr.sampler.service import SamplerService
    from rlvr.sampler.worker import PromptWorker
    from rlvr.v1 import coordinator_pb2_grpc, sampler_pb2, sampler_pb2_grpc, trainer_pb2_grpc

    settings = room.settings
    trainer = rpc_client.channel(settings.peers.trainer, settings.grpc)
    engine = make_engine(settings.sampler, trainer_pb2_grpc.TrainerServiceStub(trainer))
    coordinator = rpc_client.channel(settings.peers.coordinator, settings.grpc)
    follower = PolicyFollower(
        engine,
        coordinator_pb2_grpc.CoordinatorServiceStub(coordinator),
        policy=settings.sampler.policy,
        cache=settings.home / "cache" / "sampler",
        health=room.health,
    )
    prompts = PromptWorker(
        engine,
        follower,
        room.redis,
        room.consumer_name,
        streams=settings.streams,
        capacity=settings.sampler.stream_capacity,
    )
    room.workers += [follower, prompts]
    room.rpc.add(
        SamplerService(engine, follower, settings.grpc),
        sampler_pb2_grpc.add_SamplerServiceServicer_to_server,
        sampler_pb2.DESCRIPTOR,
    )
    try:
        yield
    finally:
        await coordinator.close(grace=None)
        await engine.close()
        await trainer.close(grace=None)


if __name__ == "__main__":
    raise SystemExit(main("sampler", SamplerRoomSettings, build))
