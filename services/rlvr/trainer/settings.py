"""Settings of the trainer room: `RLVR_TRAINER__ID=trainer-0`, ..."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import Field

from rlvr.core.settings import Block, CoreSettings


class TrainerSettings(Block):
    id: str = ""
    """This trainer's name in leases; stable over restarts, so that it takes its run back at once. Empty: the
    name of its stream consumer."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; `auto` is CUDA when there is one."""
    threads: int = Field(max(1, (os.cpu_count() or 1) // 2), ge=1, le=512)
    """Threads of one tensor operation on the CPU; the other rooms need some cores too. A run that is resumed with
    another number goes on correctly, but not bit for bit."""
    keep_checkpoints: int = Field(2, ge=1)
    """Checkpoints kept per run."""
    transfer_timeout_s: float = Field(120.0, gt=0)
    """A sampler that takes weights over NCCL has this long to receive them. An update of the weights waits for it, at
    most so long."""
    poll_s: float = Field(1.0, gt=0)
    """Seconds between two requests for a run while there is none."""


class TrainerRoomSettings(CoreSettings):
    trainer: TrainerSettings = TrainerSettings()
