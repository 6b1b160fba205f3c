"""Landlock: for pods and hosts that let nobody unshare."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

from rlvr.verifier.code.runner import End, RunResult
from rlvr.verifier.code.runners.workspace import is_within, sweep, workspace
from rlvr.verifier.code.runners.zygote_runner import ZygoteRunner


class LandlockRunner(ZygoteRunner):
    """See `zygote.tree`."""

    tier = "landlock"
    isolation: ClassVar[tuple[str, ...]] = ("landlock", "seccomp")

    async def start(self) -> None:
        """See `ZygoteRunner.start`."""
        await asyncio.to_thread(sweep)
        await super().start()

    def _config(self, slot: int) -> dict[str, Any]:
        return super()._config(slot) | {"uid": self._owner(slot)}

    @contextlib.asynccontextmanager
    async def _place(self, slot: int) -> AsyncIterator[dict[str, Any]]:
        async with workspace(self._owner(slot)) as path:
            yield {"workspace": str(path)}

    def _look(self, place: dict[str, Any], scratch_mb: int) -> RunResult | None:
        if is_within(Path(place["workspace"]), scratch_mb * 2**20):
            return None
        return RunResult(End.FAILED, b"", 0.0, f"over {scratch_mb} MB of files, or too many")
