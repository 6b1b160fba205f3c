"""Settings of the verifier room: `RLVR_VERIFIER__KINDS='["math"]'`, ..."""

from __future__ import annotations

import os

from pydantic import Field, field_validator

from rlvr.core.settings import Block, CoreSettings
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.registry import KINDS


class VerifierSettings(Block):
    kinds: list[str] = Field(default_factory=lambda: list(KINDS), min_length=1)
    """Which verifiers this process serves. Each has workers of its own, so each can be scaled alone."""
    workers: int = Field(os.cpu_count() or 1, ge=1, le=512)
    """Worker processes per kind that are not stuck (as many again may be waiting for their deadline)."""
    deadline_s: float = Field(2.0, gt=0, le=600)
    """Seconds of processor time that grading one completion may take (math, puzzle, format); then its worker is
    killed. Three times as much wall time is the end in any case."""
    memory_mb: int = Field(512, ge=64)
    """Memory that a worker may take to grade, on top of what it starts with."""
    max_queue: int = Field(20_000, ge=1)
    """Traces that may wait for a worker of one kind; more are refused with RESOURCE_EXHAUSTED."""
    recycle_after: int = Field(20_000, ge=1)
    """Traces after which a worker is replaced."""
    cache_size: int = Field(10_000, ge=0)
    """Verdicts kept to answer equal requests again (math, puzzle, format); 0 keeps none."""
    max_completion_bytes: int = Field(1 << 20, ge=1)
    """Longer completions are `incorrect`/`too_large`."""
    max_spec_bytes: int = Field(4 << 20, ge=1)
    """Longer specs are `invalid`/`bad_spec`."""
    code: CodeSettings = CodeSettings()
    """Limits of the code verifier."""
    stream_capacity: int = Field(512, ge=1)
    """Traces taken from a stream and not finished yet, per kind."""

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: list[str]) -> list[str]:
        unknown = sorted(set(kinds) - set(KINDS))
        if unknown:
            raise ValueError(f"no such verifier: {', '.join(unknown)}; there are {', '.join(KINDS)}")
        return kinds


class VerifierRoomSettings(CoreSettings):
    verifier: VerifierSettings = VerifierSettings()
