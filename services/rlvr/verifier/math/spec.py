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


Units = Literal["ignore", "match", "convert"]
Answer = Annotated[str, BeforeValidator(_as_text)]


class Tolerance(BaseModel):
    """How far a real number may be off. With both bounds given, meeting either is enough."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    absolute: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    """Largest |answer - gold|."""
    relative: float = Field(default=0.0, ge=0.0, lt=1.0, allow_inf_nan=False)
    """Largest |answer - gold| / |gold|."""
    significant_digits: int = Field(default=0, ge=0, le=100)
    """The answer, rounded to so many significant digits, is the gold rounded to as many. 0: not asked."""


class MathSpec(Spec):
    """What a right answer is.

    Example:
        {"answer": "\\frac{1}{2}"}, {"answer": ["5 m", "5"], "units": "convert"}
    """

    answer: Answer | list[Answer]
    """The gold answer in LaTeX or plain text, or several of which any one is right."""
    units: Units = "convert"
    """A unit may be left out on either side. Where both have one:

    `convert`: the quantities must be the same, in whatever units: 500 cm is 5 m, 60 km/h is 50/3 m/s, 68 F is 20 C,
    all exactly; 5 km is not 5 m, nor is 5 s. `match`: the units must be the same as well, under any of their names
    (5 m/s is 5 meters per second, 1 mL is 1 cm^3): 500 cm is not 5 m; degrees and radians are the exception (45
    degrees is pi/4). `ignore`: units are not looked at.

    Nouns (7 goats) are no units: the number decides, except in lists, where they say which number is whose."""
    tolerance: Tolerance | None = None
    """Left out, numbers are compared exactly."""
    allow_unevaluated: bool = False
    """Whether 17*23 is an answer where the gold is 391. See `exact.number_form` for what counts as a number."""
    rounding: Literal["decimal", "exact"] = "decimal"
    """`decimal`: a gold of three or more significant digits such as 30.52 stands for what rounds to it, as
    1587/52 does; the answer may be rounded up to two digits further if three remain (2.65 for 2.653); a
    repeating decimal counts from eight digits on (0.33333333 for 1/3). A gold such as 12.25 or 3.125, whose
    fraction has a denominator of at most 16, is exact all the same. `exact`: 30.52 is 763/25."""
    percent: Literal["either", "exact"] = "either"
    """`either`: 50 may stand for 50%, on both sides; `exact`: 50% is 1/2 and nothing else."""
    order: Literal["any", "given"] = "any"
    """Of bare lists (`1, 2, 3`); `given`: the order of the gold. Sets have none, tuples always theirs."""
    variables: Literal["named", "any"] = "named"
    """`named`: x + 1 is not y + 1 and x > 3 is not y > 3; yet a function's argument may have any name
    (f(z) = 2z for f(x) = 2x), and so may arbitrary constants (c, C, K, C_1) and the integers that number
    solutions (n pi for k pi). `any`: every consistent renaming is right."""
    constant_of_integration: Literal["required", "optional"] = "required"
    """For a gold such as x^2 + C. `required`: the answer has a constant too, of any name, and may differ by a
    number. `optional`: it may be left out, on both sides, and x^2 + 1 is right as well."""
    choices: dict[str, Answer] | None = None
    """The choices of a multiple-choice problem, letter to text: {"A": "12", "B": "15"}. The gold is a letter
    or a text; the answer may be the letter, the text, or both where they agree."""
