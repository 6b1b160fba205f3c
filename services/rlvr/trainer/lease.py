"""The lease of a run: who trains it, and that it is one trainer at a time."""

from __future__ import annotations

import asyncio

from rlvr.core.errors import DeadlineExceeded, RlvrError, Unavailable
from rlvr.core.rpc_client import rlvr_errors
from rlvr.core.telemetry import get_logger
from rlvr.v1 import coordinator_pb2, coordinator_pb2_grpc

log = get_logger("lease")

CALL_S = 10.0
"""Deadline of calls to the coordinator."""

UNREACHABLE: tuple[type[RlvrError], ...] = (Unavailable, DeadlineExceeded)
"""The coordinator is not there now; every call to it may be made again."""


class Lease:
    """A run that this trainer holds."""

    def __init__(
        self,
        coordinator: coordinator_pb2_grpc.CoordinatorServiceStub,
        trainer_id: str,
        granted: coordinator_pb2.AcquireRunResponse,
    ) -> None:
        self.run = granted.run
        """As it was when the lease was granted or last renewed."""
        self.trainer_id = trainer_id
        self.lost = asyncio.Event()
        """Set once the run is not this trainer's any more: stopped, ended, or given to another."""
        self._coordinator = coordinator
        self._seconds = granted.lease_seconds

    async def keep(self) -> None:
        """Renew until lost. While the coordinator is away nobody else can be given the run, so trying goes on."""
        while not self.lost.is_set():
            await asyncio.sleep(self._seconds / 3)
            try:
                await self.renew()
            except RlvrError as failure:
                log.warning("the lease cannot be renewed now", error=failure.detail)

    async def renew(self) -> bool:
        """Renew once; False when the lease is lost.

        Raises:
            Unavailable, DeadlineExceeded: the coordinator cannot be reached.
        """
        granted = await acquire(self._coordinator, self.trainer_id, self.run.run_id)
        if granted is None:
            self.lost.set()
        else:
            self.run = granted.run
        return granted is not None


async def acquire(
    coordinator: coordinator_pb2_grpc.CoordinatorServiceStub, trainer_id: str, run_id: str = ""
) -> coordinator_pb2.AcquireRunResponse | None:
    """Ask for a run, or renew `run_id`; None when there is none to have.

    Raises:
        Unavailable, DeadlineExceeded: the coordinator cannot be reached.
    """
    request = coordinator_pb2.AcquireRunRequest(trainer_id=trainer_id, run_id=run_id)
    with rlvr_errors():
        response = await coordinator.AcquireRun(request, timeout=CALL_S)
    return response if response.HasField("run") else None
