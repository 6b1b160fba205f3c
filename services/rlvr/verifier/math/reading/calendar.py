"""Dates and times of day. An answer is one as a whole: a date's comma separates no list, its dashes subtract nothing.

2023-05-01, 05/01/2023, May 1, 2023, 1st of May, Monday, May 1; 12:30 pm, 5 p.m., noon, 5 o'clock.
What is only `12:30` is read as a ratio (`tree.Ratio.clock`), since it may be one.
"""

from __future__ import annotations

import datetime
import re

from rlvr.verifier.math.tree import Date, Node, Time

_MONTH_NAMES = "january february march april may june july august september october november december"
_WEEKDAY_NAMES = "monday tuesday wednesday thursday friday saturday sunday"
MONTHS = _MONTH_NAMES.split()
WEEKDAYS = _WEEKDAY_NAMES.split()

_HINT = re.compile(
    r"[0-9][-/.][0-9]{1,2}[-/.][0-9]|[0-9 }~.][apAP]\.?\s?[mM]\b|[nN]oon|[mM]idnight|o'clock|in the (?:mor|aft|eve)"
    r"|\b(?:[jJ]an|[fF]eb|[mM]ar|[aA]pr|[mM]ay|[jJ]u[nl]|[aA]ug|[sS]ep|[oO]ct|[nN]ov|[dD]ec)"
)
_MARKUP = re.compile(r"\\(?:text|textrm|mathrm|mbox)\s?\{|\\[,;:! ]|[{}$~]|\\quad")
_MONTH = r"(?P<month>jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec|" + "|".join(MONTHS) + r")\.?"
_WEEKDAY = r"(?:(?P<weekday>mon|tues?|wed|thu|thurs?|fri|sat|sun|" + "|".join(WEEKDAYS) + r")\.?,? )?"
_DAY = r"(?:the )?(?P<day>[0-9]{1,2})(?:\^?(?:st|nd|rd|th))?"
_YEAR = r"(?P<year>[0-9]{3,4})"
_DATES = tuple(
    re.compile(r"(?:on )?" + pattern)
    for pattern in (
        r"(?P<year>[0-9]{4})(?P<dash>[-/.])(?P<month>[0-9]{1,2})(?P=dash)(?P<day>[0-9]{1,2})",
        rf"{_WEEKDAY}{_MONTH} {_DAY}(?:,? {_YEAR})?",
        rf"{_WEEKDAY}{_DAY} (?:of )?{_MONTH}(?:,? {_YEAR})?",
        rf"{_MONTH}(?:,| of)? (?P<year>[0-9]{{4}})",
    )
)
_NUMERIC_DATE = re.compile(r"(?P<first>[0-9]{1,2})(?P<dash>[-/.])(?P<second>[0-9]{1,2})(?P=dash)(?P<year>[0-9]{4})")
_TIME = re.compile(
    r"(?:at )?(?P<hour>[0-9]{1,2})(?: ?: ?(?P<minute>[0-9]{2}))?(?: ?: ?(?P<second>[0-9]{2}))?"
    r" ?(?P<half>a\.? ?m\.?|p\.? ?m\.?|o'clock|noon|midnight|in the (?:morning|afternoon|evening))"
)
_HALVES = {"in the morning": "am", "in the afternoon": "pm", "in the evening": "pm", "o'clock": ""}
_NOON, _MIDNIGHT = Time(12, 0, 0, "pm"), Time(12, 0, 0, "am")


def calendar_answer(text: str) -> Node | None:
    """The date or the time of day that a normalised text is, or None."""
    if not _HINT.search(text):
        return None
    plain = " ".join(_MARKUP.sub(" ", text).casefold().split()).rstrip(".,").replace(" ,", ",")
    return _time(plain) or _date(plain)


def _time(text: str) -> Time | None:
    if text in ("noon", "midnight"):
        return _NOON if text == "noon" else _MIDNIGHT
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    half = match["half"]
    if half in ("noon", "midnight"):
        return (_NOON if half == "noon" else _MIDNIGHT) if (hour, minute, second) == (12, 0, 0) else None
    half = _HALVES.get(half, half[0] + "m")
    if hour > (23 if half == "pm" else 12) or minute > 59 or second > 59 or (half != "pm" and hour == 0):
        return None
    return Time(hour - 12 if hour > 12 else hour, minute, second, half)


def _date(text: str) -> Date | None:
    if match := _NUMERIC_DATE.fullmatch(text):
        return _numeric_date(int(match["first"]), int(match["second"]), int(match["year"]))
    for pattern in _DATES:
        if match := pattern.fullmatch(text):
            parts = match.groupdict()
            month = parts["month"]
            number = int(month) if month.isdigit() else 1 + [name[:3] for name in MONTHS].index(month[:3])
            day = int(parts["day"]) if parts.get("day") else None
            year = int(parts["year"]) if parts["year"] else None
            return _valid(Date(year, number, day, _weekday(parts.get("weekday"))))
    return None


def _weekday(text: str | None) -> int | None:
    return None if text is None else [name[:3] for name in WEEKDAYS].index(text[:3])


def _numeric_date(first: int, second: int, year: int) -> Date | None:
    """Day and month in either order; which, is known where only one of them can be the month."""
    day_first, month_first = _valid(Date(year, second, first)), _valid(Date(year, first, second))
    if day_first and month_first and first != second:
        return Date(year, first, second, order_known=False)
    return day_first or month_first


def _valid(date: Date) -> Date | None:
    """The date with its day of the week, if it exists."""
    try:
        # 2000 is a leap year: without a year, 29 February is a date.
        when = datetime.date(date.year or 2000, date.month, date.day or 1)
    except ValueError:
        return None
    if date.year is None or date.day is None:
        return date
    if date.weekday is not None and date.weekday != when.weekday():
        return None
    return Date(date.year, date.month, date.day, when.weekday())
