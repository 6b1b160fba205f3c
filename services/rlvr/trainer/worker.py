"""Gets runs and trains them, one at a time, until the room stops."""

from __future__ import annotations

import asyncio
from pathlib import Path

import torch
import transformers
from redis.asyncio import Redis

from rlvr.core.errors import Conflict, NotFound, RlvrError
from rlvr.core.rpc_client import rlvr_errors
from rlvr.core.rpc_server import Health
from rlvr.core.streams import LOST
from rlvr.core.telemetry import get_logger, log_context
from rlvr.trainer.lease import CALL_S, UNREACHABLE, Lease, acquire
from rlvr.trainer.session import Session
from rlvr.trainer.settings import TrainerSettings
from rlvr.trainer.status import TrainerStatus
from rlvr.trainer.transfer import WeightSender
from rlvr.v1 import coordinator_pb2, coordinator_pb2_grpc

log = get_logger("worker")

_NOT_NOW: tuple[type[Exception], ...] = (*UNREACHABLE, *LOST)
_REFUSED: tuple[type[RlvrError], ...] = (*UNREACHABLE, Conflict, NotFound)


class TrainerWorker:
    """The room's one worker."""

    def __init__(
        self,
        coordinator: coordinator_pb2_grpc.CoordinatorServiceStub,
        redis: Redis,
        health: Health,
        status: TrainerStatus,
        weights: WeightSender,
        *,
        consumer: str,
        home: Path,
        settings: TrainerSettings,
    ) -> None:
        self._coordinator = coordinator
        self._redis = redis
        self._health = health
        self._status = status
        self._weights = weights
        self._consumer = consumer
        self._home = home
        self._settings = settings
        self._trainer_id = settings.id or consumer

    async def run(self, stopping: asyncio.Event) -> None:
        """Train run after run until `stopping`; what is being trained then is finished to the end of its step."""
        torch.set_num_threads(self._settings.threads)
        transformers.utils.logging.disable_progress_bar()  # one for every version would fill the log
        stop = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                lease = await self._acquire()
                if lease is not None and await self._train(lease, stopping):
                    continue
                await asyncio.wait([stop], timeout=self._settings.poll_s)
        finally:
            stop.cancel()

    async def _acquire(self) -> Lease | None:
        try:
            granted = await acquire(self._coordinator, self._trainer_id)
        except UNREACHABLE as failure:
            await self._health.set_part("coordinator", f"cannot be reached: {failure.detail}")
            return None
        await self._health.set_part("coordinator", "")
        return None if granted is None else Lease(self._coordinator, self._trainer_id, granted)

    async def _train(self, lease: Lease, stopping: asyncio.Event) -> bool:
        """Train a run. False when it is better to wait a little before anything else is tried."""
        run_id = lease.run.run_id
        keep = asyncio.create_task(lease.keep())
        try:
            with log_context(run=run_id):
                session = Session(
                    lease,
                    self._coordinator,
                    self._redis,
                    consumer=self._consumer,
                    home=self._home,
                    settings=self._settings,
                    status=self._status,
                    weights=self._weights,
                    stopping=stopping,
                )
                log.info("run taken", step=lease.run.step)
                await session.run()
                log.info("run left", step=self._status.step)
                return True
        except _NOT_NOW as failure:
            log.warning("the run is interrupted; it will be taken up again", run=run_id, error=str(failure))
        except Exception as failure:  # noqa: BLE001 - the boundary: whatever stops a run is told on the run
            await self._fail(lease, failure)
        finally:
            keep.cancel()
            self._status.clear()
        return False

    async def _fail(self, lease: Lease, failure: Exception) -> None:
        """Say on the run why it cannot go on; unless it is no longer this trainer's to say."""
        run_id = lease.run.run_id
        log.error("the run cannot go on", run=run_id, exc_info=failure)
        error = failure.detail if isinstance(failure, RlvrError) else f"{type(failure).__name__}: {failure}"
        request = coordinator_pb2.FailRunRequest(run_id=run_id, trainer_id=self._trainer_id, error=error)
        try:
            if await lease.renew():
                with rlvr_errors():
                    await self._coordinator.FailRun(request, timeout=CALL_S)
        except _REFUSED as refused:
            log.warning("the run could not be failed; it will be taken up again", run=run_id, error=refused.detail)
