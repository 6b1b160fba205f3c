r"""Answers that are marked as such: `\boxed{x}`, `<answer>x</answer>`, a last line `#### x`."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from rlvr.verifier.math.extraction.assertion import Assertion
from rlvr.verifier.math.extraction.closing import closing_value
from rlvr.verifier.math.extraction.doubt import box_denied, only_an_example
from rlvr.verifier.math.limits import MAX_ANNOUNCEMENTS, MAX_ANSWER_CHARS
from rlvr.verifier.math.reading.units import symbol_of
from rlvr.verifier.text import closing_brace

_BOX = re.compile(r"\\(?:boxed|fbox|framebox(?:\[[^][]{0,20}\]){0,2})\s{0,4}\{")
_BARE_BOX = re.compile(r"\\boxed\s{0,4}([+-]?[0-9][0-9.,/]{0,40}|[A-E](?![A-Za-z])|-?\\[A-Za-z][^$\n]{0,60}(?=\$))")
r"""A box without braces, as MATH has them: `\boxed 5`, `$\boxed\frac12$`."""
_SIGN_BEFORE = re.compile(r"(?:[=$&]|\\\(|\\\[)\s{0,3}(-|\\pm|\\mp)\s{0,2}\Z")
_UNIT_AFTER = re.compile(
    r"(?:[ \t$*~]|\\\)|\\\]|\\[,;:! ]|\\q?quad\b){0,6}"
    r"(?P<unit>\\?%|\^\s?\{?\s?\\circ\s?\}?|°|percent\b"
    r"|\\(?:text|textrm|mathrm|mbox|mathbf|textbf)\s?\{[^{}]{1,40}\}(?:\^\{?[23]\}?)?"
    r"|(?:(?:square|cubic|sq\.?|cu\.?) )?(?P<word>[A-Za-z]{1,20})(?:\^\{?[23]\}?)?"
    r"(?:(?: per |/)[A-Za-z]{1,12}\b)?(?![\w^'’]))"
)
_PHRASE_END = re.compile(r"\s?(?:[.,;\n$)]|\Z)")
_ALTERNATIVE = re.compile(r"(?:[\s$*)\],]|\\\)|\\\]){0,6}\(?or\s{1,2}((?:[^.()\n]|\.(?=\d)){1,60})", re.IGNORECASE)
_VALUE_LIKE = re.compile(r"[0-9\\$]|\b[A-J]\b")
_TAG = re.compile(r"<\s{0,2}(/?)\s{0,2}(?:final[_ ]?)?answer(?:\s[^<>]{0,80})?>", re.IGNORECASE)
_HASHES = re.compile(r"####[ \t]{0,8}([^\n#][^\n]*)")
_BEFORE = 80
_AFTER = 100


@dataclass(slots=True)
class Boxes:
    """What the boxes of a text say."""

    assertions: list[Assertion] = field(default_factory=list)
    examples: list[Assertion] = field(default_factory=list)
    """Samples of the form asked for, which assert only where nothing else does."""
    denied: bool = False
    """One was denied: `not \\boxed{42}`."""
    unbalanced: bool = False
    """One is never closed."""


def boxes(text: str) -> Boxes:
    """The last of the outermost boxes."""
    found = Boxes()
    if r"\boxed" not in text and r"\fbox" not in text and r"\framebox" not in text:
        return found
    spans = deque(
        ((match[1].rstrip(".,"), match.start(), match.end()) for match in _BARE_BOX.finditer(text)), MAX_ANNOUNCEMENTS
    )
    box = _BOX.search(text)
    while box is not None:
        end = closing_brace(text, box.end())
        if end is None:
            found.unbalanced = True
            break
        spans.append((text[box.end() : end].strip(), box.start(), end + 1))
        box = _BOX.search(text, end + 1)
    for content, start, end in spans:
        _add(found, text, content, start, end)
    return found


def _add(found: Boxes, text: str, content: str, start: int, end: int) -> None:
    before, after = text[max(0, start - _BEFORE) : start], text[end : end + _AFTER]
    spoken = before.lower()
    if box_denied(spoken, after.lower()):
        found.denied = True
        return
    sign = _SIGN_BEFORE.search(before) if before.rstrip().endswith(("-", r"\pm", r"\mp")) else None
    if sign and content:
        content = f"{sign[1]}({content})" if re.search(r"[-+ ]", content) else f"{sign[1]}{content}"
    assertion = Assertion(content, "boxed", start, _unit(after))
    if only_an_example(spoken):
        found.examples.append(assertion)
        return
    found.assertions.append(assertion)
    alternative = _ALTERNATIVE.match(after)
    if alternative and _VALUE_LIKE.search(alternative[1]) and "box" not in alternative[1]:
        found.assertions.append(Assertion(alternative[1].strip(), "answer phrase", end))


def _unit(after: str) -> str:
    """The unit that what follows a box begins with; short words (`in`, `A`) are units only where the phrase ends."""
    match = _UNIT_AFTER.match(after)
    if match is None:
        return ""
    word = match["word"]
    if word and (symbol_of(word) is None or (len(word) < 3 and not _PHRASE_END.match(after, match.end()))):
        return ""
    return match["unit"]


def tags(text: str, lower: str) -> list[tuple[Assertion, int]]:
    """The `<answer>` elements and where each ends; the innermost where they nest."""
    if "answer" not in lower or "</" not in text:
        return []
    found: list[tuple[Assertion, int]] = []
    opened: re.Match[str] | None = None
    for match in _TAG.finditer(text):
        if not match[1]:
            opened = match
        elif opened is not None:
            content = text[opened.end() : match.start()].strip()
            if len(content) <= MAX_ANSWER_CHARS:
                content = closing_value(content) or content
            found.append((Assertion(content, "answer tag", opened.start()), match.end()))
            opened = None
    return found


def hashes(text: str) -> list[Assertion]:
    """`#### x` as the last line; anywhere else it is a heading."""
    line = text.rstrip()
    start = line.rfind("\n") + 1
    match = _HASHES.match(line[start:].strip())
    return [Assertion(match[1].strip(), "####", start)] if match and r"\boxed" not in match[1] else []
