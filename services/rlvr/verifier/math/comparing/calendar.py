"""Dates and times of day."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from rlvr.verifier.math.comparing.rules import Compare, Match, Rules
from rlvr.verifier.math.reading.calendar import MONTHS, WEEKDAYS
from rlvr.verifier.math.tree import Date, Node, Number, Ratio, Time, Words


def compare_calendar(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """Dates by the parts that the gold has; times with am or pm left out on either side."""
    if isinstance(gold, Date) or isinstance(answer, Date):
        expected, given = _date_parts(gold), _date_parts(answer)
        if expected is None or given is None:
            return Match(False, "a date for a value or a value for a date")
        same = all(given.get(name) == part for name, part in expected.items())
        return Match(same, "" if same else "a different date, or a part of it is missing")
    times = _time(gold), _time(answer)
    if times[0] is None or times[1] is None:
        return Match(False, "a time for a value or a value for a time")
    same = _same_time(times[0], times[1])
    return Match(same, "" if same else "a different time")


def _date_parts(node: Node) -> dict[str, int] | None:
    """What is known of a date: 05/01/2023, which may be May or January, has numbers of their own names."""
    if isinstance(node, Words):  # a weekday or a month alone was read as a word
        word = node.text.removeprefix("on ").removeprefix("in ")
        if word in WEEKDAYS:
            return {"weekday": WEEKDAYS.index(word)}
        return {"month": 1 + MONTHS.index(word)} if word in MONTHS else None
    if not isinstance(node, Date):
        return None
    if not node.order_known:
        assert node.year is not None and node.day is not None
        return {"year": node.year, "first": node.month, "second": node.day}
    parts = {"year": node.year, "month": node.month, "day": node.day, "weekday": node.weekday}
    return {name: part for name, part in parts.items() if part is not None}


def _time(node: Node) -> Time | None:
    """The time of day that a node may be: `5 pm`, `12:30` read as a ratio, `5` where the other side says pm."""
    match node:
        case Time():
            return node
        case Ratio(parts, True):
            values = [part.value.numerator for part in parts if isinstance(part, Number)]
        case Number(value) if value.denominator == 1 and Fraction(1) <= value <= 12:
            values = [value.numerator]
        case _:
            return None
    hour, minute, second = (*values, 0, 0)[:3]
    if hour > 24 or minute > 59 or second > 59:
        return None
    # On a clock of 24 hours 13:00 says pm and 0:30 says am; 5:30 may be either.
    half = "pm" if 12 < hour < 24 else "am" if hour in (0, 24) else ""
    return Time((hour - 1) % 12 + 1, minute, second, half)


def _same_time(first: Time, second: Time) -> bool:
    if first.half and second.half:
        return first == second
    return replace(first, half="") == replace(second, half="")
