"""`python -m rlvr.coordinator`: the coordinator room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rlvr.coordinator.settings import CoordinatorRoomSettings
from rlvr.core.room import Room, main


@asynccontextmanager
async def build(room: Room[CoordinatorRoomSettings]) -> AsyncIterator[None]:
    from rlvr.coordinator.admission import Admission, Sources
    from rlvr.coordinator.changes import Changes
    from rlvr.coordinator.groups import Groups
    from rlvr.coordinator.register import Register
    from rlvr.coordinator.runs import Runs
    from rlvr.coordinator.service import CoordinatorService
    from rlvr.coordinator.steps import Steps
    from rlvr.coordinator.upkeep import Upkeep
    from rlvr.coordinator.worker import VerdictWorker
    from rlvr.core.streams import Consumer, keys
    from rlvr.v1 import coordinator_pb2, coordinator_pb2_grpc

    settings, streams = room.settings.coordinator, room.settings.streams
    changes, sources = Changes(), Sources()
    runs = Runs(room.redis, changes, lease_s=settings.lease_s, record_ttl_s=streams.result_ttl_s)
    groups = Groups(room.redis, record_ttl_s=streams.result_ttl_s)
    steps = Steps(room.redis, runs, changes, record_ttl_s=streams.result_ttl_s)
    service = CoordinatorService(
        runs,
        steps,
        groups,
        Register(room.redis, runs),
        sources,
        changes,
        lease_s=settings.lease_s,
        poll_s=settings.poll_s,
        default_deadline_s=room.settings.grpc.default_deadline_s,
    )
    room.rpc.add(service, coordinator_pb2_grpc.add_CoordinatorServiceServicer_to_server, coordinator_pb2.DESCRIPTOR)
    verdicts = Consumer(room.redis, keys.VERDICTS, room.consumer_name)
    room.workers += [
        VerdictWorker(verdicts, runs, groups, changes, settings=settings, streams=streams),
        Admission(runs, groups, sources, changes, settings),
        Upkeep(runs, changes),
    ]
    yield


if __name__ == "__main__":
    raise SystemExit(main("coordinator", CoordinatorRoomSettings, build))
