"""The ASGI application."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import ASGIApp

from rlvr import __version__
from rlvr.gateway import openapi, problems
from rlvr.gateway.edge import Edge
from rlvr.gateway.peers import Peers
from rlvr.gateway.routers.health import health_router
from rlvr.gateway.routers.runs import runs_router
from rlvr.gateway.routers.verify import verify_router
from rlvr.gateway.settings import GatewaySettings, api_keys


def create_app(settings: GatewaySettings, peers: Peers) -> ASGIApp:
    """The public API in front of `peers`.

    Raises:
        SettingsError: the API would be open to a network without a key.
    """
    app = FastAPI(
        title="rlvr",
        version=__version__,
        description="Verification as a service: completions in, verdicts out. And runs that train on them.",
        redirect_slashes=False,
    )
    app.include_router(verify_router(settings, peers))
    app.include_router(runs_router(settings, peers))
    app.include_router(health_router(peers))
    problems.install(app)
    openapi.install(app)
    app.add_middleware(Edge, keys=api_keys(settings), max_requests=settings.max_requests)
    return app
