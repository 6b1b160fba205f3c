"""The boxed answers of reference solutions, read without any grader's help."""

from __future__ import annotations

import re
from fractions import Fraction

_BOX = r"\boxed{"
_DROPPED = re.compile(
    r"""\\text(?:bf|rm)?\{[^{}]*\} | \\mbox\{[^{}]*\} | \\(?:left|right|!|,|;|quad)(?![a-zA-Z]) | \^\{?\\circ\}?
    | \\[$%] | [$%\s] | ^[a-z]\s*(?:=|\\in) | \.$""",
    re.VERBOSE,
)
_FRACTION = re.compile(r"(-?)\\[dt]?frac\{?(\d+)\}?\{?(\d+)\}?")
_THOUSANDS = re.compile(r"(?<=\d)\{?,\}?(?=\d{3}(?:\D|$))")


def last_box(text: str) -> str | None:
    r"""The content of the last `\boxed{...}`, braces balanced; None when there is none."""
    start = text.rfind(_BOX)
    if start < 0:
        return None
    depth = 0
    for at in range(start + len(_BOX) - 1, len(text)):
        if text[at] in "{}" and text[at - 1] != "\\":
            depth += 1 if text[at] == "{" else -1
            if depth == 0:
                return text[start + len(_BOX) : at]
    return None


def comparison_key(answer: str) -> str | Fraction:
    """Equal for answers that nobody can tell apart without their questions: `12\\text{ cm}` and `12`, 0.5 and 1/2.

    It errs on the side of equal, and decides only which pairs of problems are labelled as different.
    """
    bare = _THOUSANDS.sub("", _DROPPED.sub("", answer)) or "".join(answer.split())
    fraction = _FRACTION.fullmatch(bare)
    try:
        return Fraction("{}{}/{}".format(*fraction.groups()) if fraction else bare)
    except (ValueError, ZeroDivisionError):
        return bare.replace("dfrac", "frac").replace("tfrac", "frac")
