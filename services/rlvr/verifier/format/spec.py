"""The spec of the `format` verifier."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from rlvr.verifier.protocol import Spec


class FormatSpec(Spec):
    """The asked-for shape: exactly one of `style` and `pattern`."""

    style: Literal["think_answer"] | None = None
    """`think_answer`: one `<think>...</think>`, then one `<answer>...</answer>`, neither empty, nothing else."""
    pattern: str | None = Field(default=None, min_length=1, max_length=1_000)
    """A Python regular expression that must match the whole completion (use `(?s)` for `.` to cross lines)."""

    @model_validator(mode="after")
    def _one_shape(self) -> FormatSpec:
        if (self.style is None) == (self.pattern is None):
            raise ValueError('give exactly one of style (e.g. "think_answer") and pattern')
        return self
