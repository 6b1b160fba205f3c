r"""What does a completion assert as its final answer?

In order of authority, and nothing inside `<think>...</think>`:

1. marked: `\boxed{x}` and `\fbox{x}`, `<answer>x</answer>`, a last line `#### x`,
   "final answer is x" / "final answer: x".
   All of them count, so that two marked answers can contradict each other.
2. stated: "the answer is x", "Answer: x", a line `A: x`. They count where nothing is marked, and after the
   last marked answer, which they then can contradict.
3. the last line, where it is nothing but a short answer (`42`, `x = 42`, `3 + 4 = 7`).

A statement that is negated ("the answer is not 42", "I doubt the final answer is 42") asserts nothing.
Everything is a single pass with bounded look-ahead: time is linear in the text.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import Literal

from rlvr.core.verdict import Reason
from rlvr.verifier.math.limits import (
    FINAL_WINDOW_CHARS,
    MAX_ANNOUNCEMENTS,
    MAX_ANSWER_CHARS,
    MAX_COMPLETION_CHARS,
)
from rlvr.verifier.text import after_reasoning

Rule = Literal["boxed", "answer tag", "####", "final answer", "answer phrase", "last line"]


@dataclass(frozen=True, slots=True)
class Assertion:
    text: str
    rule: Rule
    position: int


@dataclass(frozen=True, slots=True)
class Extraction:
    assertions: tuple[Assertion, ...] = ()
    """In order of appearance; empty where `reason` says why there are none."""
    reason: Reason = Reason.NO_ANSWER
    detail: str = ""


_BRACES = re.compile(r"\\(?:boxed|fbox)\s{0,4}\{|\\.|[{}]", re.DOTALL)
_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE)
_HASHES = re.compile(r"####[ \t]{0,8}([^\n#][^\n]*)")
_PHRASE = re.compile(
    r"answer\b[*_]{0,3}"
    r"(?:\s{1,2}(?:to|for)\s[^.\n:$=]{1,80}?)?"
    r"(?:\s{0,3}(?::|=)|\s{1,3}(?:is|are|equals)\b)[*_]{0,3}\s{0,2}[:=]?[*_]{0,3}"
)
"""On lower-cased text: a pattern that begins with a literal is searched for many times faster."""
_FINAL = re.compile(r"final\s{1,3}\Z")
_LETTER_A = re.compile(r"^[ \t]{0,8}[*_]{0,3}A[*_]{0,3}:[*_]{0,3}", re.MULTILINE)
_SENTENCE_END = re.compile(r"\.(?=\s|$|[*\"'])|[!?;](?=\s|$)|\n")
_DISPLAY = re.compile(r"\s{0,4}(\$\$|\\\[|\\\()")
_DISPLAY_END = {"$$": "$$", r"\[": r"\]", r"\(": r"\)"}
_CONTRAST = re.compile(
    r"(?:,| but| and)? (?:not|rather than|instead of|because|since|as|so|which|where)\b|\(", re.IGNORECASE
)
_NEGATED_BEFORE = re.compile(
    r"(?:\b(?:not|never|cannot|neither|nor|no|doubt|unlikely|wrong|incorrect|false|whether)\b|n't\b|n’t\b)"
    r"[^,.;:!?\n]*\Z",
    re.IGNORECASE,
)
_NEGATED_BOX = re.compile(
    r"(?:\b(?:not|never)\b|n't\b|n’t\b)(?:\s+(?!but\b)[a-z]+){0,2}[ \t$\\(\[:*]*\Z", re.IGNORECASE
)
_LAST_LINE_LEAD = re.compile(
    r"^(?:[-*>•]\s+)?(?:(?:so|thus|hence|therefore|then|finally|result|solution)\b[,:]?\s*)?", re.IGNORECASE
)
_REMARK = re.compile(
    r"(?:indeed |also |then )?(?:correct|right|wrong|incorrect|valid|clear|reasonable|obvious)\b", re.IGNORECASE
)
_LOOK_BEHIND = 120
_LAST_LINE_CHARS = 200


def extract(completion: str) -> Extraction:
    """The assertions that count as the completion's final answer."""
    if len(completion) > MAX_COMPLETION_CHARS:
        return Extraction((), Reason.TOO_LARGE, f"a completion of {len(completion)} characters")
    text = after_reasoning(completion)
    if text is None:
        return Extraction(detail="the reasoning is never closed")
    text = text[-FINAL_WINDOW_CHARS:]
    boxes, denied_box, unbalanced = _boxes(text)
    if unbalanced:
        return Extraction(detail="a box is never closed")
    lower = text.lower()
    if len(lower) != len(text):  # a few letters change length with their case: look for lower case only
        lower = text
    phrases, denied = _phrases(text, lower)
    marked = boxes + _tags(text, lower) + _hashes(text)
    marked += [phrase for phrase in phrases if phrase.rule == "final answer"]
    last_marked = max((assertion.position for assertion in marked), default=-1)
    stated = [phrase for phrase in phrases if phrase.rule == "answer phrase" and phrase.position > last_marked]
    found = sorted(marked + stated, key=lambda assertion: assertion.position)
    asserting = [assertion for assertion in found if assertion.text]
    if asserting:
        return Extraction(tuple(asserting))
    if found or denied or denied_box:
        return Extraction(detail="an answer is announced but none is asserted")
    return _last_line(text)


def _boxes(text: str) -> tuple[list[Assertion], bool, bool]:
    """The outermost boxes, whether one was denied (`not \\boxed{42}`), and whether one is never closed."""
    if r"\boxed" not in text and r"\fbox" not in text:
        return [], False, False
    denied = False
    boxes: list[Assertion] = []
    depth = 0
    opened: tuple[int, int, int] | None = None
    for match in _BRACES.finditer(text):
        token = match[0]
        if token == "}":
            depth = max(0, depth - 1)
            if opened is not None and depth == opened[2]:
                if _NEGATED_BOX.search(text[max(0, opened[0] - 40) : opened[0]]):
                    denied = True
                else:
                    boxes.append(Assertion(text[opened[1] : match.start()].strip(), "boxed", opened[0]))
                opened = None
        elif token[-1] == "{" and token != r"\{":
            if token != "{" and opened is None:
                opened = (match.start(), match.end(), depth)
            depth += 1
    return boxes, denied, opened is not None


def _tags(text: str, lower: str) -> list[Assertion]:
    if "</answer>" not in lower:
        return []
    found: list[Assertion] = []
    opened: re.Match[str] | None = None
    for match in _TAG.finditer(text):
        if not match[1]:
            opened = match
        elif opened is not None:
            content = text[opened.end() : match.start()].strip()
            if r"\boxed{" not in content:
                found.append(Assertion(content, "answer tag", opened.start()))
            opened = None
    return found


def _hashes(text: str) -> list[Assertion]:
    """`#### x` as the last line; anywhere else it is a heading."""
    line = text.rstrip()
    start = line.rfind("\n") + 1
    match = _HASHES.match(line[start:].strip())
    return [Assertion(match[1].strip(), "####", start)] if match and r"\boxed{" not in match[1] else []


def _phrases(text: str, lower: str) -> tuple[list[Assertion], bool]:
    """Answers announced in words, and whether any was denied."""
    announcements: list[tuple[int, int, Rule]] = []
    for match in deque(_PHRASE.finditer(lower), maxlen=MAX_ANNOUNCEMENTS):
        start = match.start()
        if not lower[start - 1 : start].isalpha():
            final = _FINAL.search(lower[max(0, start - 8) : start]) is not None
            announcements.append((start, match.end(), "final answer" if final else "answer phrase"))
    if "A:" in text or "A*" in text:
        letters = deque(_LETTER_A.finditer(text), maxlen=MAX_ANNOUNCEMENTS)
        announcements += [(match.start(), match.end(), "answer phrase") for match in letters]
    found: list[Assertion] = []
    denied = False
    for start, end, rule in announcements:
        content = _announced(text, end)
        if r"\boxed" in content or r"\fbox" in content or "<answer>" in content.lower():
            continue  # counted as what it is
        if _REMARK.match(content):
            continue  # `so our answer is correct` says something about an answer, not which it is
        if _NEGATED_BEFORE.search(text[max(0, start - _LOOK_BEHIND) : start]):
            denied = True
            continue
        found.append(Assertion(content, rule, start))
    return found, denied


def _announced(text: str, start: int) -> str:
    """The answer that follows an announcement: a display formula, or the rest of the sentence or the next line."""
    ahead = text[start : start + MAX_ANSWER_CHARS + 8]
    skipped = len(ahead) - len(ahead.lstrip())
    if skipped > 8:
        return ""
    ahead = ahead[skipped:]
    if display := _DISPLAY.match(ahead):
        end = ahead.find(_DISPLAY_END[display[1]], display.end())
        if end > 0:
            return ahead[display.end() : end].strip()
    if end_of_sentence := _SENTENCE_END.search(ahead):
        ahead = ahead[: end_of_sentence.start()]
    contrast = _CONTRAST.search(ahead, 1)
    if contrast and not ahead.startswith(("$", "\\", "(", "[", "{")) and contrast[0] != "(":
        ahead = ahead[: contrast.start()]
    return ahead.strip().strip("*_").strip()


def _last_line(text: str) -> Extraction:
    line = text.rstrip()
    start = line.rfind("\n") + 1
    line = line[start:].strip()
    if not line:
        return Extraction(detail="the completion is empty")
    if len(line) > _LAST_LINE_CHARS:
        return Extraction(detail="nothing is marked or stated as the answer")
    line = _LAST_LINE_LEAD.sub("", line, count=1)
    return Extraction((Assertion(line, "last line", start),))
