"""Choosing what a step trains on: the journal's word first, then the oldest groups that are not stale."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rlvr.core.rpc_client import rlvr_errors
from rlvr.core.run_spec import RunSpec
from rlvr.core.telemetry import get_logger
from rlvr.trainer.inbox import Inbox
from rlvr.trainer.lease import CALL_S
from rlvr.trainer.selection import select
from rlvr.trainer.status import TrainerStatus
from rlvr.trainer.traces import Trace
from rlvr.trainer.wire import GroupUnusable, to_traces
from rlvr.v1 import coordinator_pb2, coordinator_pb2_grpc, trace_pb2

log = get_logger("batches")

_READ_MS = 500
"""How long one wait for groups lasts; between two, it is seen whether to go on."""


class BatchLost(Exception):
    """A batch that is in the registered policy, and not in the checkpoint, cannot be trained on again."""


@dataclass(frozen=True, slots=True)
class StepBatch:
    """The groups of one step and, in the same order, their traces."""

    groups: list[trace_pb2.GroupEntry]
    traces: list[list[Trace]]
    sample_seconds: float
    """Of sampler time that they took."""

    @property
    def group_ids(self) -> list[str]:
        return [group.group_id for group in self.groups]


class Batches:
    """The batches of one run, for the holder of its lease."""

    def __init__(
        self,
        inbox: Inbox,
        coordinator: coordinator_pb2_grpc.CoordinatorServiceStub,
        status: TrainerStatus,
        *,
        run_id: str,
        trainer_id: str,
        spec: RunSpec,
    ) -> None:
        self._inbox = inbox
        self._coordinator = coordinator
        self._status = status
        self._run_id = run_id
        self._trainer_id = trainer_id
        self._spec = spec

    async def again(self, step: int) -> StepBatch:
        """The batch of a step that was completed before, to be trained on by weights that do not know it.

        Raises:
            BatchLost: the journal, a group or its samples are gone.
        """
        group_ids = await self._inbox.journalled(step)
        if group_ids is None:
            raise BatchLost(f"the journal has no step {step}")
        groups = self._inbox.find(group_ids)
        if groups is None:
            raise BatchLost(f"not all groups of step {step} are in hand")
        batch, unusable = await self._with_traces(groups)
        if unusable:
            raise BatchLost(f"step {step}: group {unusable[0]} cannot be used any more")
        return batch

    async def next(self, step: int, halted: Callable[[], bool]) -> StepBatch | None:
        """The batch of a step that nobody has completed, journalled; None when halted first."""
        group_ids = await self._inbox.journalled(step)
        groups = self._inbox.find(group_ids) if group_ids is not None else None
        while not halted():
            if groups is None:
                groups = await self._choose(step)
            else:
                batch, unusable = await self._with_traces(groups)
                if not unusable:
                    await self._inbox.journal(step, batch.group_ids)
                    return batch
                await self._drop(unusable, trace_pb2.DROP_REASON_FAILED)
                groups = None
        return None

    async def _choose(self, step: int) -> list[trace_pb2.GroupEntry] | None:
        """Choose from what is in hand; wait for more, and return None, when that is too little."""
        training = self._spec.training
        selection = select(
            self._inbox.spans(),
            version=step,
            max_staleness=training.max_staleness,
            groups_per_step=training.groups_per_step,
        )
        if selection.stale:
            await self._drop(selection.stale, trace_pb2.DROP_REASON_STALE)
        self._status.groups_ready = len(self._inbox.waiting)
        if selection.batch is None:
            await self._inbox.read(_READ_MS)
            return None
        return self._inbox.find(selection.batch)

    async def _with_traces(self, groups: list[trace_pb2.GroupEntry]) -> tuple[StepBatch, list[str]]:
        """The batch, and the ids of groups whose samples are gone or do not fit."""
        sampled = await self._inbox.sampled([group.group_id for group in groups])
        traces: list[list[Trace]] = []
        unusable: list[str] = []
        for group in groups:
            if group.group_id not in sampled:
                unusable.append(group.group_id)
                continue
            try:
                traces.append(
                    await asyncio.to_thread(
                        to_traces, group, sampled[group.group_id], temperature=self._spec.sampling.temperature
                    )
                )
            except GroupUnusable as failure:
                log.error("a group cannot be used", group=group.group_id, error=str(failure))
                unusable.append(group.group_id)
        return StepBatch(groups, traces, sum(group.sample_seconds for group in sampled.values())), unusable

    async def _drop(self, group_ids: Iterable[str], reason: trace_pb2.DropReason) -> None:
        """Tell the coordinator, which admits others in their place, and let go of them."""
        request = coordinator_pb2.DropGroupsRequest(
            run_id=self._run_id, trainer_id=self._trainer_id, group_ids=group_ids, reason=reason
        )
        with rlvr_errors():
            await self._coordinator.DropGroups(request, timeout=CALL_S)
        await self._inbox.release(request.group_ids)
