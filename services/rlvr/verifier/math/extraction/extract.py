"""From a completion to its assertions: the rules of the package put together."""

from __future__ import annotations

import re
from dataclasses import replace

from rlvr.core.verdict import Reason
from rlvr.verifier.math.extraction.assertion import MARKED, Assertion, Extraction
from rlvr.verifier.math.extraction.closing import last_line
from rlvr.verifier.math.extraction.doubt import last_retraction, last_second_thought
from rlvr.verifier.math.extraction.marked import boxes, hashes, tags
from rlvr.verifier.math.extraction.stated import statements
from rlvr.verifier.math.extraction.visible import as_shown, without_comments
from rlvr.verifier.math.limits import FINAL_WINDOW_CHARS, MAX_COMPLETION_CHARS
from rlvr.verifier.text import after_reasoning, fenced_blocks, outside_fences

_PLACEHOLDER = re.compile(
    r"(?:\\text\s?\{)?[\[{<(]?(?:(?:your|the|final|my|numerical)[ _-]){0,3}(?:answer|result)s?"
    r"(?: here| goes here)?[\])}>]?\}?"
    r"|\.{3}|…|\\[lcd]?dots[bcim]?",
    re.IGNORECASE,
)
"""What an instruction has in the place of an answer: `\\boxed{your answer}`, `\\boxed{...}`."""
_MAX_FENCES = 1_000
_TEXT_FENCES = frozenset({"", "text", "txt", "plaintext", "plain", "latex", "tex", "math", "markdown", "md"})


def extract(completion: str) -> Extraction:
    """The assertions that count as the completion's final answer."""
    if len(completion) > MAX_COMPLETION_CHARS:
        return Extraction((), Reason.TOO_LARGE, f"a completion of {len(completion)} characters")
    text = after_reasoning(completion)
    if text is None:
        return Extraction(detail="the reasoning is never closed")
    fences = text.count("```") + text.count("~~~")
    if not fences:
        return _extract(text)
    if fences > _MAX_FENCES:
        return Extraction((), Reason.TOO_LARGE, f"{fences} code fences")
    outside = _extract(outside_fences(text))
    if any(assertion.rule != "last line" for assertion in outside.assertions) or outside.denied:
        return outside
    block = fenced_blocks(text)[-1:]
    if block and block[0].language in _TEXT_FENCES and text.rstrip().endswith(("```", "~~~")):
        return _extract(block[0].body)
    return outside


def _extract(text: str) -> Extraction:
    shown = as_shown(without_comments(text)[-FINAL_WINDOW_CHARS:])
    if shown is None:
        return Extraction(detail="direction overrides (U+202D, U+202E) make it read otherwise than it is written")
    lower = shown.lower()
    if len(lower) != len(shown):  # a few letters change length with their case: look for lower case only
        lower = shown
    boxed = boxes(shown)
    if boxed.unbalanced:
        return Extraction(detail="a box is never closed")
    stated = statements(shown, lower)
    spoken = stated.assertions
    tagged = []
    for tag, end in tags(shown, lower):
        inside = [phrase for phrase in spoken if tag.position < phrase.position < end]
        spoken = [phrase for phrase in spoken if phrase not in inside]
        tagged += [replace(phrase, rule="answer tag") for phrase in inside] or [tag]
    boxes_at = [box.position for box in boxed.assertions + boxed.examples]
    found = boxed.assertions + [tag for tag in tagged if r"\boxed" not in tag.text] + hashes(shown) + spoken
    found = _meant([one for one in found if not _PLACEHOLDER.fullmatch(one.text)], lower)
    asserting = [one for one in found if one.text] or [one for one in boxed.examples if one.text]
    if asserting:
        return Extraction(tuple(asserting))
    if found or boxes_at or tagged or stated.denied or boxed.denied:
        return Extraction(detail="an answer is announced but none is asserted", denied=stated.denied or boxed.denied)
    closing, why_none = last_line(shown)
    return Extraction(tuple(closing), detail=why_none)


def _meant(found: list[Assertion], lower: str) -> list[Assertion]:
    """Those that still count at the end of the text, in order of appearance."""
    if not found:
        return found
    found = sorted(found, key=lambda assertion: assertion.position)
    retracted = last_retraction(lower, found[0].position)
    if retracted < 0 and len(found) == 1:
        return found
    found = [one if one.position > retracted else replace(one, text="") for one in found]
    marked = max((one.position for one in found if one.rule in MARKED), default=-1)
    found = [one for one in found if one.rule in MARKED or one.position > marked]
    if marked < 0 and len(found) > 1:
        reconsidered = last_second_thought(lower, found[0].position, found[-1].position)
        found = [one for one in found if one.position > reconsidered]
    return found
