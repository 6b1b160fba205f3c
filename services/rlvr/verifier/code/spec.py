"""The spec of the `code` verifier."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from rlvr.verifier.protocol import Spec

MAX_TESTS = 1_000


class StdioTest(Spec):
    """The program is run with `stdin`; its standard output must equal `stdout`."""

    type: Literal["stdio"]
    stdin: str = ""
    stdout: str
    """Compared without trailing white space on lines and without trailing blank lines; CRLF is LF."""


class CallTest(Spec):
    """`entry_point(*args)` must return `expected`, both as JSON values (see `compare.same_value`)."""

    model_config = ConfigDict(strict=True)

    type: Literal["call"]
    args: list[Any] = Field(default_factory=list)
    expected: Any

    @field_validator("args", "expected")
    @classmethod
    def _json_value(cls, value: Any) -> Any:
        problem = _not_json(value)
        if problem:
            raise ValueError(f"must be a JSON value: {problem}")
        return value


CodeTest = Annotated[StdioTest | CallTest, Field(discriminator="type")]


class CodeSpec(Spec):
    """How to check a program."""

    language: Literal["python"] = "python"
    tests: list[CodeTest] = Field(max_length=MAX_TESTS)
    """Run in order, each in a fresh process. An empty list is a spec that cannot be graded."""
    scoring: Literal["all", "fraction"] = "all"
    """`all`: 1 if every test passes, stopping at the first failure; `fraction`: passed / number of tests."""
    time_limit_s: float = Field(default=5.0, gt=0, le=60)
    """Wall time of one test, by the parent's clock, from the moment the candidate's code may run."""
    memory_limit_mb: int = Field(default=512, ge=64, le=4096)
    """Address space of one process of the candidate."""
    entry_point: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,199}$")
    """Name of the function that call tests call."""

    @model_validator(mode="after")
    def _call_tests_name_their_function(self) -> CodeSpec:
        if self.entry_point is None and any(isinstance(test, CallTest) for test in self.tests):
            raise ValueError('entry_point: call tests need the name of the function, e.g. "entry_point": "add"')
        return self


def _not_json(value: Any) -> str | None:
    """What in `value` JSON cannot carry, or None."""
    pending = [value]
    while pending:
        item = pending.pop()
        if type(item) is list:
            pending.extend(item)
        elif type(item) is dict:
            bad = next((key for key in item if type(key) is not str), None)
            if bad is not None:
                return f"object key {bad!r} is not a string"
            pending.extend(item.values())
        elif type(item) is float:
            if not math.isfinite(item):
                return f"{item} is not a JSON number"
        elif item is not None and type(item) not in (bool, int, str):
            return f"type {type(item).__name__}"
    return None
