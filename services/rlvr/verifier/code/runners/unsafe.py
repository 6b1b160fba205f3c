"""No isolation: only for candidates that one trusts with this user's files and network."""

from __future__ import annotations

from typing import ClassVar

from rlvr.core.telemetry import get_logger
from rlvr.verifier.code.runners.landlock import LandlockRunner

log = get_logger("code")


class UnsafeRunner(LandlockRunner):
    """See `zygote.tree.OpenTree`."""

    tier = "unsafe"
    isolation: ClassVar[tuple[str, ...]] = ()

    async def start(self) -> None:
        """See `ZygoteRunner.start`; and say loudly what this is."""
        await super().start()
        log.warning("candidates are NOT isolated: they have the network and can forge verdicts", tier=self.tier)
