"""CoordinatorService: checks requests, calls the parts, maps nothing but a lost Redis."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import grpc

from rlvr.coordinator.admission import Sources
from rlvr.coordinator.changes import Changes
from rlvr.coordinator.decide import why_training_fails
from rlvr.coordinator.groups import Groups
from rlvr.coordinator.register import Register
from rlvr.coordinator.runs import Runs
from rlvr.coordinator.steps import Steps
from rlvr.core import metrics
from rlvr.core.errors import DeadlineExceeded, FieldViolation, InvalidRequest, Unavailable
from rlvr.core.rpc_server import remaining
from rlvr.core.run_spec import from_proto
from rlvr.core.streams import LOST
from rlvr.core.telemetry import get_logger
from rlvr.v1 import coordinator_pb2 as pb
from rlvr.v1 import coordinator_pb2_grpc, trace_pb2

log = get_logger("service")

_REQUEST_ID = re.compile(r"[A-Za-z0-9]{8,64}")

Context = grpc.aio.ServicerContext


@contextmanager
def _redis_needed() -> Iterator[None]:
    try:
        yield
    except LOST as failure:
        raise Unavailable(f"Redis cannot be reached: {failure}", retry_after_seconds=1.0) from failure


def _require(**fields: str) -> None:
    missing = [FieldViolation(name, "is required") for name, value in fields.items() if not value]
    if missing:
        names = ", ".join(violation.field for violation in missing)
        raise InvalidRequest(f"required and empty: {names}", violations=missing)


class CoordinatorService(coordinator_pb2_grpc.CoordinatorServiceServicer):
    """The gRPC face of runs, steps, groups and the register."""

    def __init__(
        self,
        runs: Runs,
        steps: Steps,
        groups: Groups,
        register: Register,
        sources: Sources,
        changes: Changes,
        *,
        lease_s: float,
        poll_s: float,
        default_deadline_s: float,
    ) -> None:
        self._runs = runs
        self._steps = steps
        self._groups = groups
        self._register = register
        self._sources = sources
        self._changes = changes
        self._lease_s = lease_s
        self._poll_s = poll_s
        self._default_deadline_s = default_deadline_s

    async def CreateRun(self, request: pb.CreateRunRequest, context: Context) -> pb.CreateRunResponse:
        spec = from_proto(request.spec)
        if request.request_id and not _REQUEST_ID.fullmatch(request.request_id):
            wrong = FieldViolation("request_id", "must be 8 to 64 letters or digits, or empty")
            raise InvalidRequest(f"request_id: {wrong.description}", violations=[wrong])
        try:
            async with asyncio.timeout(remaining(context, self._default_deadline_s)):
                source = await self._sources.check(spec)
        except TimeoutError:
            raise DeadlineExceeded("the problem source is still being opened; try again when it is") from None
        with _redis_needed():
            run_id = await self._runs.create(spec, request.request_id)
            self._sources.keep(run_id, source)
            log.info("run created", run=run_id)
            return pb.CreateRunResponse(run=await self._runs.status(run_id))

    async def GetRun(self, request: pb.GetRunRequest, context: Context) -> pb.GetRunResponse:
        with _redis_needed():
            return pb.GetRunResponse(run=await self._runs.status(request.run_id))

    async def ListRuns(self, request: pb.ListRunsRequest, context: Context) -> pb.ListRunsResponse:
        with _redis_needed():
            return pb.ListRunsResponse(runs=await self._runs.statuses())

    async def ListSteps(self, request: pb.ListStepsRequest, context: Context) -> pb.ListStepsResponse:
        with _redis_needed():
            steps = await self._steps.list(request.run_id, request.from_step, request.limit)
            return pb.ListStepsResponse(steps=steps)

    async def StopRun(self, request: pb.StopRunRequest, context: Context) -> pb.StopRunResponse:
        with _redis_needed():
            await self._runs.stop(request.run_id)
            log.info("run stopped", run=request.run_id)
            return pb.StopRunResponse(run=await self._runs.status(request.run_id))

    async def ResumeRun(self, request: pb.ResumeRunRequest, context: Context) -> pb.ResumeRunResponse:
        with _redis_needed():
            await self._runs.resume(request.run_id)
            log.info("run resumed", run=request.run_id)
            return pb.ResumeRunResponse(run=await self._runs.status(request.run_id))

    async def AcquireRun(self, request: pb.AcquireRunRequest, context: Context) -> pb.AcquireRunResponse:
        _require(trainer_id=request.trainer_id)
        with _redis_needed():
            run_id = await self._runs.acquire(request.trainer_id, request.run_id)
            if not run_id:
                return pb.AcquireRunResponse()
            if run_id != request.run_id:
                log.info("run acquired", run=run_id, trainer=request.trainer_id)
            return pb.AcquireRunResponse(run=await self._runs.status(run_id), lease_seconds=self._lease_s)

    async def DropGroups(self, request: pb.DropGroupsRequest, context: Context) -> pb.DropGroupsResponse:
        _require(run_id=request.run_id, trainer_id=request.trainer_id)
        if request.reason not in trace_pb2.DropReason.values() or not request.reason:
            raise InvalidRequest("reason: must be set", violations=[FieldViolation("reason", "must be set")])
        with _redis_needed():
            reason, count, unusable = await self._groups.drop(
                request.run_id, request.trainer_id, list(request.group_ids), request.reason
            )
        metrics.GROUPS.labels(reason).inc(count)
        log.info("groups dropped by the trainer", run=request.run_id, reason=reason, groups=count)
        if unusable:
            with _redis_needed():
                run = await self._runs.record(request.run_id)
                if why := why_training_fails(run.spec, unusable):
                    log.error("run fails", run=request.run_id, why=why)
                    await self._runs.fail(request.run_id, why)
        self._changes.announce()
        return pb.DropGroupsResponse()

    async def CompleteStep(self, request: pb.CompleteStepRequest, context: Context) -> pb.CompleteStepResponse:
        _require(run_id=request.run_id, trainer_id=request.trainer_id)
        with _redis_needed():
            await self._steps.complete(request.run_id, request.trainer_id, request.record, request.policy)
            return pb.CompleteStepResponse(run=await self._runs.status(request.run_id))

    async def FailRun(self, request: pb.FailRunRequest, context: Context) -> pb.FailRunResponse:
        _require(run_id=request.run_id, trainer_id=request.trainer_id, error=request.error)
        with _redis_needed():
            await self._runs.fail(request.run_id, request.error, trainer_id=request.trainer_id)
        log.error("run failed", run=request.run_id, why=request.error)
        return pb.FailRunResponse()

    async def WatchPolicy(
        self, request: pb.WatchPolicyRequest, context: Context
    ) -> AsyncIterator[pb.WatchPolicyResponse]:
        told: pb.WatchPolicyResponse | None = None
        while not self._changes.closed:
            ticket = self._changes.ticket()
            with _redis_needed():
                current = await self._register.current(request.policy)
            if current != told:
                yield current
                told = current
            await self._changes.wait(ticket, self._poll_s)
