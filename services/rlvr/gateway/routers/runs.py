"""Runs: create, watch, stop, resume."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Path, Query, Request, Response

from rlvr.core import run_spec
from rlvr.core.rpc_client import rlvr_errors
from rlvr.gateway import examples, runs_json, schema
from rlvr.gateway.body import read_json
from rlvr.gateway.openapi import problems, request_body
from rlvr.gateway.peers import Peers
from rlvr.gateway.settings import GatewaySettings
from rlvr.v1 import coordinator_pb2

_TIMEOUT_S = 10.0
_CREATE_TIMEOUT_S = 60.0
"""The coordinator opens the source of problems first, which may be a download."""
_INT32 = (1 << 31) - 1
_INT64 = (1 << 63) - 1

RunId = Annotated[str, Path(min_length=1, max_length=128)]


def runs_router(settings: GatewaySettings, peers: Peers) -> APIRouter:
    """The routes under /v1/runs."""
    routes = APIRouter(prefix="/v1/runs", tags=["runs"])

    @routes.post(
        "",
        operation_id="createRun",
        summary="Start a run",
        status_code=201,
        responses=problems(400, 401, 409, 413, 422, 429, 503),
        openapi_extra=request_body(run_spec.RunSpec, examples.RUN),
    )
    async def create_run(request: Request, response: Response) -> schema.Run:
        """It waits as `pending` until a trainer is free."""
        spec = run_spec.parse(await read_json(request, settings.max_body_bytes))
        with rlvr_errors():
            created = await peers.coordinator.CreateRun(
                coordinator_pb2.CreateRunRequest(spec=spec.to_proto(), request_id=uuid4().hex),
                timeout=_CREATE_TIMEOUT_S,
            )
        response.headers["Location"] = f"/v1/runs/{created.run.run_id}"
        return runs_json.run(created.run)

    @routes.get("", operation_id="listRuns", summary="All runs, newest first", responses=problems(401, 429, 503))
    async def list_runs() -> schema.Runs:
        with rlvr_errors():
            found = await peers.coordinator.ListRuns(coordinator_pb2.ListRunsRequest(), timeout=_TIMEOUT_S)
        return schema.Runs(runs=[runs_json.run(run) for run in found.runs])

    @routes.get(
        "/{run_id}", operation_id="getRun", summary="How a run goes", responses=problems(401, 404, 422, 429, 503)
    )
    async def get_run(run_id: RunId) -> schema.Run:
        with rlvr_errors():
            found = await peers.coordinator.GetRun(coordinator_pb2.GetRunRequest(run_id=run_id), timeout=_TIMEOUT_S)
        return runs_json.run(found.run)

    @routes.delete(
        "/{run_id}", operation_id="stopRun", summary="Stop a run", responses=problems(401, 404, 409, 422, 429, 503)
    )
    async def stop_run(run_id: RunId) -> schema.Run:
        """Its state is kept: `resume` goes on where it was."""
        with rlvr_errors():
            stopped = await peers.coordinator.StopRun(coordinator_pb2.StopRunRequest(run_id=run_id), timeout=_TIMEOUT_S)
        return runs_json.run(stopped.run)

    @routes.post(
        "/{run_id}/resume",
        operation_id="resumeRun",
        summary="Go on with a stopped or failed run",
        responses=problems(401, 404, 409, 422, 429, 503),
    )
    async def resume_run(run_id: RunId) -> schema.Run:
        with rlvr_errors():
            resumed = await peers.coordinator.ResumeRun(
                coordinator_pb2.ResumeRunRequest(run_id=run_id), timeout=_TIMEOUT_S
            )
        return runs_json.run(resumed.run)

    @routes.get(
        "/{run_id}/steps",
        operation_id="listSteps",
        summary="The records of a run's steps: the reward curve",
        responses=problems(401, 404, 422, 429, 503),
    )
    async def list_steps(
        run_id: RunId,
        from_step: Annotated[int, Query(ge=0, le=_INT64, description="Only steps from this one on.")] = 0,
        limit: Annotated[int, Query(ge=1, le=_INT32, description="At most this many.")] = 1000,
    ) -> schema.Steps:
        question = coordinator_pb2.ListStepsRequest(run_id=run_id, from_step=from_step, limit=limit)
        with rlvr_errors():
            found = await peers.coordinator.ListSteps(question, timeout=_TIMEOUT_S)
        return schema.Steps(steps=[runs_json.step(record) for record in found.steps])

    return routes
