"""What the trainer is doing: written by the worker, read by the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["idle", "loading", "waiting", "training", "publishing"]


@dataclass(slots=True)
class TrainerStatus:
    """A note of the present; shared within one event loop."""

    state: State = "idle"
    run_id: str = ""
    step: int = 0
    """Steps done, which is also the policy's version."""
    total_steps: int = 0
    groups_ready: int = 0
    groups_per_step: int = 0

    def clear(self) -> None:
        """No run any more."""
        self.state, self.run_id = "idle", ""
        self.step = self.total_steps = self.groups_ready = self.groups_per_step = 0
