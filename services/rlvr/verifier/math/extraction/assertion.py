"""What extraction hands over: the texts that a completion asserts as its final answer, and by which rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rlvr.core.verdict import Reason

Rule = Literal["boxed", "answer tag", "####", "final answer", "answer phrase", "closing sentence", "last line"]

EXPLICIT: frozenset[Rule] = frozenset({"boxed", "answer tag", "####"})
"""What stands in these was meant as an answer, even if it cannot be read as one."""
MARKED: frozenset[Rule] = EXPLICIT | {"final answer"}


@dataclass(frozen=True, slots=True)
class Assertion:
    """One text asserted as the final answer."""

    text: str
    rule: Rule
    position: int
    """Where it begins in the text that was looked at."""
    unit: str = ""
    """A unit, or a percent or degree sign, that stands right after the box."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a completion asserts."""

    assertions: tuple[Assertion, ...] = ()
    """In order of appearance; empty where `reason` says why there are none."""
    reason: Reason = Reason.NO_ANSWER
    detail: str = ""
    denied: bool = False
    """Whether there are none because what is announced is denied or hedged."""
