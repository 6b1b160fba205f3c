"""Settings of the coordinator: `RLVR_COORDINATOR__LEASE_S`, ..."""

from __future__ import annotations

from pydantic import Field

from rlvr.core.settings import Block, CoreSettings


class CoordinatorSettings(Block):
    lease_s: float = Field(30.0, gt=0)
    """A run whose trainer was not heard of for this long may be taken by another trainer."""
    batch: int = Field(512, ge=1, le=10_000)
    """Verdicts read, and groups admitted, in one round trip."""
    pace_s: float = Field(0.01, ge=0)
    """Shortest time between two rounds of a loop: under load, work gathers into batches, which cost less each."""
    poll_s: float = Field(1.0, gt=0)
    """How often Redis is looked at for what other coordinators changed; own changes are seen at once."""


class CoordinatorRoomSettings(CoreSettings):
    coordinator: CoordinatorSettings = CoordinatorSettings()
