"""Reading what a candidate answers.

Answers come over a pipe on which the harness writes one JSON object per line. The candidate shares the harness's
process and can write to that pipe too, and no nonce would change that, since whatever the harness can read the
candidate can. So nothing on the pipe is believed to be more than *the answer the candidate gives*: there is no
field for "passed" to forge, and what is not exactly one line per request is no answer.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Any

from rlvr.verifier.code.judging.values import NotANumber, NotValues, decode_line

_TYPES = """
    Decimal Fraction Path array builtin_function_or_method bytearray coroutine date datetime ellipsis function
    memoryview method module object partial time timedelta type
"""
"""Types that are called by name where they cannot be compared; a program's own may be named after hidden inputs."""


@dataclass(frozen=True, slots=True)
class Value:
    """The request was answered with this plain value."""

    value: Any
    is_iterated: bool = False
    """Whether it is a list of what iterating over something else gave: a generator, a range, a view, a deque."""
    args: tuple[Any, ...] = ()
    """What the call has made of its arguments, where it was to tell; None for one that cannot be changed."""


@dataclass(frozen=True, slots=True)
class NoValue:
    """The request was answered with nothing that can be compared."""

    why: str
    raised: str = ""
    """Name of the exception's type, where that is a built-in one; `Exception` where it is another."""


def parse_answers(channel: bytes, count: int, nan: bool = True) -> list[Value | NoValue]:
    """The answers to `count` requests in the bytes of a result channel; one too many or too few spoils all."""
    *lines, rest = channel.split(b"\n")
    if not channel:
        return [NoValue("the process ended without an answer")] * count
    if not rest and len(lines) == 1:  # where the program itself raised there is one line for all requests
        answer = parse_answer(lines[0], nan)
        if count == 1 or isinstance(answer, NoValue):
            return [answer] * count
    if rest or len(lines) != count:
        return [NoValue("the result channel does not hold exactly one answer to each call")] * count
    return [parse_answer(line, nan) for line in lines]


def parse_answer(line: bytes, nan: bool = True) -> Value | NoValue:
    """One answer; a NaN in it counts where `nan` says so."""
    try:
        message = decode_line(line, nan)
    except NotANumber:
        return NoValue("returned not-a-number, of which the test does not speak")
    except NotValues:
        return NoValue("the answer is not one plain value")
    kind, *more = message or [""]
    if more and (more != ["args"] or type(message["args"]) is not list):
        kind = ""
    if kind == "value":
        return Value(message["value"], args=tuple(message.get("args", ())))
    if kind == "items" and type(message["items"]) is list:
        return Value(message["items"], True, tuple(message.get("args", ())))
    if kind == "raised" and not more:
        return _raised(message["raised"])
    if kind == "type" and not more:
        return _not_plain(message["type"])
    return NoValue("the answer is not one plain value")


def _raised(name: Any) -> NoValue:
    """In words of ours: a program may name its exceptions after its hidden inputs."""
    if name == "NoEntryPoint":
        return NoValue("the program does not define the entry point, or not just one function where none is named")
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    if isinstance(kind, type) and issubclass(kind, BaseException):
        return NoValue(f"raised {name}", name)
    return NoValue("raised an exception of its own", "Exception")


def _not_plain(name: Any) -> NoValue:
    known = isinstance(name, str) and name in _TYPES.split()
    return NoValue(f"returned a {name if known else 'value of a type'} that cannot be compared")
