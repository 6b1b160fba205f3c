"""Reading and comparing what a candidate answers, in the trusted parent.

A `Call` job answers over a pipe on which the harness writes one JSON object and exits. The candidate shares
the harness's process and can write to that pipe too, and no nonce would change that, since whatever the
harness can read the candidate can. So nothing on the pipe is believed to be more than *the answer the
candidate gives*: there is no field for "passed" to forge, and what is not exactly one object is no answer.
"""

from __future__ import annotations

import builtins
import json
import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Value:
    """The call returned this JSON value."""

    value: Any


@dataclass(frozen=True, slots=True)
class NoValue:
    """The call returned nothing that can be compared."""

    why: str


def parse_result(channel: bytes) -> Value | NoValue:
    """The one answer in the bytes of a result channel; an early, late or second one spoils it."""
    if not channel:
        return NoValue("the process ended without returning a value")
    try:
        frame = json.loads(channel)
    except (ValueError, RecursionError):
        return NoValue("the result channel does not hold exactly one result")
    if type(frame) is dict and list(frame) == ["value"]:
        return Value(frame["value"])
    if type(frame) is dict and list(frame) == ["raised"]:
        return NoValue(_what_was_raised(frame["raised"]))
    return NoValue("the result channel does not hold exactly one result")


def _what_was_raised(name: Any) -> str:
    """In words of ours: a program may name its exceptions after its hidden inputs."""
    if name == "NotJson":
        return "returned a value that JSON cannot carry"
    if name == "NoEntryPoint":
        return "the program does not define the entry point"
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    known = isinstance(kind, type) and issubclass(kind, BaseException)
    return f"raised {name}" if known else "raised an exception of its own"


def same_value(answer: Any, expected: Any) -> bool:
    """Whether two JSON values are the same, by exact types.

    - `true`, `false` and `null` equal only themselves: `True` is not 1.
    - An expected integer wants that number exactly (4 or 4.0); an expected float wants it within a relative
      1e-9 or an absolute 1e-12.
    - Arrays compare in order (a tuple was sent as an array), objects by their string keys.
    """
    pending = [(answer, expected)]
    while pending:
        left, right = pending.pop()
        if type(right) in (int, float):
            if type(left) not in (int, float) or not _same_number(left, right):
                return False
        elif type(left) is not type(right):
            return False
        elif type(right) is list:
            if len(left) != len(right):
                return False
            pending.extend(zip(left, right, strict=True))
        elif type(right) is dict:
            if left.keys() != right.keys():
                return False
            pending.extend((left[key], right[key]) for key in right)
        elif left != right:
            return False
    return True


def _same_number(answer: float, expected: float) -> bool:
    if type(expected) is int:
        return answer == expected
    try:
        return math.isclose(answer, expected, rel_tol=1e-9, abs_tol=1e-12)
    except OverflowError:  # an int too large to be a float is not close to one
        return False


def same_output(answer: bytes, expected: str) -> bool:
    """Whether two standard outputs are the same but for white space at line ends and blank last lines."""
    return _lines(answer) == _lines(expected.encode("utf-8", "surrogatepass"))


def _lines(output: bytes) -> list[bytes]:
    return [line.rstrip(b" \t\r\f\v") for line in output.rstrip().split(b"\n")]
