"""The last line, where nothing is marked or stated as the answer.

It asserts what it says if it is nothing but a short answer (`42`, `x = 42`, `3 + 4 = 7`), or a plain declarative
sentence that ends in one value (`The product is **42**.`). Any word of denial, choice or doubt in it, and it does not.
"""

from __future__ import annotations

import re

from rlvr.verifier.math.extraction.assertion import Assertion
from rlvr.verifier.math.extraction.doubt import casts_doubt
from rlvr.verifier.math.reading.units import symbol_of

_LINE_CHARS = 200
_SENTENCE_BREAK = re.compile(r"(?<=[.!?])[*_]{0,3}\s{1,4}(?=[A-Z*$\\(])")
_BULLET = re.compile(r"[-*•>+]\s+")
_PLAIN_NUMBER = re.compile(r"[0-9][0-9.,/]{0,40}")
_LEAD = re.compile(
    r"(?:(?:so|thus|hence|therefore|then|finally|overall|consequently|in conclusion|result|solution)\b[,:]?\s*){1,2}",
    re.IGNORECASE,
)
_COPULA = re.compile(
    r"\b(?:is|are|was|were|equals?|becomes|totals|comes (?:out )?to|must be|should be|(?:be|is) equal to)\b"
)
_YIELDS = re.compile(r"\b(?:get|gets|obtain|obtains|gives?|yields?|find|finds|have|has|leaves|makes|conclude)\b")
_FILLER = re.compile(
    r"[\s:]*(?:(?:therefore|thus|then|hence|indeed|simply|just|exactly|equal to|given by|now|also|that|about"
    r"|approximately|roughly)\b[\s:]*){0,3}",
    re.IGNORECASE,
)
_FORMULA = r"\$\$?[^$]{1,120}\$\$?|\\\([^\n]{1,120}?\\\)|\\\[[^\n]{1,120}?\\\]|\*\*[^*\n]{1,120}\*\*"
_VALUE = re.compile(
    rf"(?:{_FORMULA}|[-+−±]?\s?[$€£]?[0-9][0-9.,/:]*[^\sA-Za-z]{{0,60}}|\\[A-Za-z{{(][^\n]{{0,120}}|[(\[{{][^\n]{{1,100}}"
    r"|[A-Za-z]\s?=\s?[^\n]{1,80}|[A-E]|\([A-E]\))"
    r"(?:\s?[A-Za-z°%\\][^0-9$\n]{0,40})?"
)
_MARKED_UP = re.compile(rf"(?:{_FORMULA})(?:\s?[A-Za-z°%\\][^0-9$\n]{{0,40}})?")
_TOLD = re.compile(
    r"[A-Za-z][A-Za-z' ]{0,80}? (?:is|are|was|were|has|have|had|takes?|took|costs?|needs?|needed|gets?|got|earns?"
    r"|earned|spends?|spent|makes?|made|pays?|paid|saves?|saved|sells?|sold|weighs?|contains?|leaves?|left|traveled|ate|bought)"
    r" (?:a total of )?\*{0,2}(\$?[0-9](?:[0-9.,]*[0-9])?|\$[^$\n]{1,60}\$)\*{0,2}"
    r"(?: (?!times|plus|minus|more|fewer|less|squared|cubed|percent|over|to|and|or)([A-Za-z]{1,20})[A-Za-z' ,]{0,60})?"
)
_HOLDS_VALUE = re.compile(r"[0-9\\$=]")
_IS_THE_ANSWER = re.compile(r"\s(?:is|are)\s(?:the|our|my)\s(?:\w{1,10}\s)?answer[*_]{0,2}\Z", re.IGNORECASE)


def last_line(text: str) -> tuple[list[Assertion], str]:
    """What the last line asserts, and why nothing where it does not."""
    stripped = text.rstrip()
    start = stripped.rfind("\n") + 1
    line = stripped[start:].strip()
    if not line:
        return [], "the completion is empty"
    if len(line) > _LINE_CHARS:
        return [], "nothing is marked or stated as the answer"
    line = _unbulleted(line, stripped[:start].rstrip())
    sentences = _SENTENCE_BREAK.split(line)
    if any(casts_doubt(sentence.lower()) for sentence in sentences):
        values = []
    else:
        values = [value for sentence in sentences if (value := closing_value(sentence))]
    if values:
        return [Assertion(value, "closing sentence", start + offset) for offset, value in enumerate(values)], ""
    return [Assertion(_LEAD.sub("", line, count=1), "last line", start)], ""


def closing_value(sentence: str) -> str:
    """The one value that a plain sentence ends in; empty if it is no such sentence.

    `The area of the 3 squares is $42$.` has one; `The first is 41 and the second is 42.` has two.
    """
    sentence = sentence.strip().removesuffix(".").strip()
    if len(sentence) > _LINE_CHARS or "\n" in sentence:
        return ""
    if sentence.startswith("**") and sentence.endswith("**") and sentence.count("**") == 2:
        sentence = sentence[2:-2].strip().removesuffix(".")
    lower = sentence.lower()
    if len(lower) != len(sentence) or casts_doubt(lower):
        return ""
    if named := _IS_THE_ANSWER.search(sentence):
        value = _LEAD.sub("", sentence[: named.start()], count=1).strip()
        return value if _VALUE.fullmatch(value) else ""
    copulas = list(_COPULA.finditer(lower))
    if copulas:
        lead, value = sentence[: copulas[-1].start()], sentence[copulas[-1].end() :]
        if len(copulas) > 1 and _HOLDS_VALUE.search(lead):
            return ""
        shape = _VALUE
    else:
        verbs = list(_YIELDS.finditer(lower))
        if not verbs:
            return ""
        value = sentence[verbs[-1].end() :]
        shape = _MARKED_UP if verbs[-1][0] in ("have", "has", "makes", "leaves") else _VALUE
    value = _FILLER.sub("", value, count=1).strip()
    return value.strip("*").strip() if shape.fullmatch(value) else ""


def told_value(sentence: str) -> str:
    """The one number that a sentence under the label "Answer" tells: `She has 42 apples.`, `The trip takes 5 hours.`"""
    told = _TOLD.fullmatch(sentence.strip().removesuffix("."))
    if told is None or casts_doubt(sentence.lower()):
        return ""
    return f"{told[1]} {told[2]}" if told[2] and symbol_of(told[2]) else told[1]


def _unbulleted(line: str, before: str) -> str:
    """Without a list's bullet. `- 5` alone is minus five; it is an item where a list or a colon comes before it."""
    bullet = _BULLET.match(line)
    if bullet is None:
        return line
    item = line[bullet.end() :]
    if line[0] == "-" and _PLAIN_NUMBER.fullmatch(item):
        previous = before[before.rfind("\n") + 1 :].lstrip()
        if not (previous.startswith("- ") or previous.endswith(":")):
            return line
    return item
