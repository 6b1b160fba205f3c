"""The spec of a math problem's answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rlvr.verifier.protocol import Spec


def _as_text(value: Any) -> Any:
    """JSON numbers are taken as they are written; booleans are left for pydantic to refuse."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


Answer = Annotated[str, BeforeValidator(_as_text)]


class Tolerance(BaseModel):
    """How far a real number may be off. With both bounds given, meeting either is enough."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    absolute: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    """Largest |answer - gold|."""
    relative: float = Field(default=0.0, ge=0.0, lt=1.0, allow_inf_nan=False)
    """Largest |answer - gold| / |gold|."""


class MathSpec(Spec):
    """What a right answer is.

    Example:
        {"answer": "\\frac{1}{2}"}, {"answer": ["5 m", "5"], "units": "match"}
    """

    answer: Answer | list[Answer]
    """The gold answer in LaTeX or plain text, or several of which any one is right."""
    units: Literal["ignore", "match"] = "match"
    """`match`: where both sides have a unit they must be the same one (5 km is not 5 m); a unit may be left
    out on either side. `ignore`: units are not looked at."""
    tolerance: Tolerance | None = None
    """Left out, numbers are compared exactly."""
    allow_unevaluated: bool = False
    """Whether 17*23 is an answer where the gold is 391. See `exact.number_form` for what counts as a number."""
