"""`python -m rlvr.gateway`: serve the public HTTP API."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator

from rlvr import __version__
from rlvr.core import metrics
from rlvr.core.process import run
from rlvr.core.telemetry import get_logger
from rlvr.gateway.settings import GatewayRoomSettings, listen_address

log = get_logger("gateway")


async def serve(settings: GatewayRoomSettings, stopping: asyncio.Event) -> int:
    """Serve until `stopping` is set; then running requests end within the drain time."""
    import uvicorn

    from rlvr.gateway.app import create_app
    from rlvr.gateway.peers import connect

    class Server(uvicorn.Server):
        """Leaves signals to the process, which has its own way to stop."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    host, port = listen_address(settings.gateway.listen)
    async with connect(settings) as peers:
        app = create_app(settings.gateway, peers)
        listener = _listen(host, port)
        server = Server(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=max(1, round(settings.gateway.drain_s)),
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        bound_host, bound_port = listener.getsockname()[:2]
        shown = f"[{bound_host}]" if ":" in bound_host else bound_host
        metrics_port = metrics.serve_metrics(settings.metrics.listen)
        log.info(
            "room is up",
            version=__version__,
            http=f"http://{shown}:{bound_port}",
            metrics_port=metrics_port,
            pid=os.getpid(),
        )
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait((serving, stop), return_when=asyncio.FIRST_COMPLETED)
        log.info("draining", seconds=settings.gateway.drain_s)
        server.should_exit = True
        await serving
        log.info("room is down")
        return 0 if stopping.is_set() else 1


def _listen(host: str, port: int) -> socket.socket:
    """The listening socket.

    Raises:
        OSError: the address is taken, or is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as failure:
        raise OSError(f"cannot listen on {host}:{port}: {failure}; set RLVR_GATEWAY__LISTEN") from None


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


if __name__ == "__main__":
    raise SystemExit(run("gateway", GatewayRoomSettings, serve, new_loop=_new_loop))
