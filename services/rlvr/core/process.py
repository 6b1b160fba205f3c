"""What every room's process does around its work: settings, logs, signals, the exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from rlvr.core.settings import CoreSettings, SettingsError, load
from rlvr.core.telemetry import configure_logs, get_logger

S = TypeVar("S", bound=CoreSettings)
log = get_logger("process")

Life = Callable[[S, asyncio.Event], Awaitable[int]]
"""A room's work: runs until the event is set, ends in order, returns the exit code."""


class CannotStart(Exception):
    """This host lacks what the room needs. The message says what to do about it."""


def run(
    name: str, kind: type[S], life: Life[S], *, new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> int:
    """Run a room until SIGTERM or SIGINT; the exit code. A second signal ends the process at once."""
    try:
        settings = load(kind)
        configure_logs(settings.log, room=name)
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(_until_signalled(settings, life))
    except SettingsError as failure:
        print(f"rlvr {name}: the settings are not valid\n{failure}", file=sys.stderr)  # noqa: T201
        return 2
    except (CannotStart, OSError) as failure:
        log.error("cannot start", error=str(failure))
        return 1


async def _until_signalled(settings: S, life: Life[S]) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stopping.is_set():
            os._exit(130)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return await life(settings, stopping)
