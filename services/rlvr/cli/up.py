"""`rlvr up`: the launcher on a terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from rlvr.cli.failure import Failure
from rlvr.core.settings import SettingsError
from rlvr.embedded.launcher import CannotStart, Options, up
from rlvr.embedded.platform_file import Platform
from rlvr.embedded.redis_server import NoRedis
from rlvr.embedded.supervisor import WillNotRun


def run_up(*, home: Path, host: str, port: int, quiet: bool) -> None:
    """Run the platform until a signal."""
    try:
        up(Options(home, host, port, quiet), terminal=sys.stderr, announce=_announce)
    except (CannotStart, NoRedis, WillNotRun, SettingsError) as failure:
        raise Failure(f"the platform cannot start: {failure}") from None


def _announce(platform: Platform, home: Path) -> None:
    """Print the URLs, the gateway's first."""
    lines = [platform.gateway, f"  API reference  {platform.gateway}/docs"]
    lines += [f"  {name:<13}  {room.metrics}" for name, room in platform.rooms.items() if room.metrics]
    lines += [f"  logs           {home / 'logs'}", "Ctrl-C stops everything."]
    typer.echo("\n".join(["", "rlvr is ready: " + lines[0], *lines[1:], ""]))
