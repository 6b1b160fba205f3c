"""Whether the gateway is alive, and whether it and what it needs can serve."""

from __future__ import annotations

from fastapi import APIRouter

from rlvr.core.errors import FieldViolation, Unavailable
from rlvr.gateway import schema
from rlvr.gateway.openapi import problems
from rlvr.gateway.peers import Peers


def health_router(peers: Peers) -> APIRouter:
    """/healthz and /readyz; no API key is needed."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz", operation_id="alive", summary="The gateway is alive")
    async def alive() -> schema.Health:
        return schema.Health(status="ok")

    @routes.get("/readyz", operation_id="ready", summary="Every part can serve", responses=problems(503))
    async def ready() -> schema.Health:
        """Asks each verifier room and the coordinator for their health; 503 says which is not ready."""
        parts = {part: problem for part, problem in (await peers.problems()).items() if problem}
        if parts:
            raise Unavailable(
                "not ready: " + "; ".join(f"{part} {problem}" for part, problem in parts.items()),
                violations=[FieldViolation(part, problem) for part, problem in parts.items()],
            )
        return schema.Health(status="ok")

    return routes
