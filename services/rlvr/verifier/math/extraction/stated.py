"""Answers announced in words: `the answer is x`, `Answer: x`, `### Final Answer` above x; in several languages."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from rlvr.verifier.math.extraction.assertion import Assertion, Rule
from rlvr.verifier.math.extraction.closing import closing_value, told_value
from rlvr.verifier.math.extraction.doubt import denied_before, hedged
from rlvr.verifier.math.limits import MAX_ANNOUNCEMENTS, MAX_ANSWER_CHARS

_ADVERBS = (
    r"(?:(?:therefore|thus|then|hence|indeed|simply|just|exactly|precisely|clearly|obviously|certainly|definitely"
    r"|actually|now|also|still|equal to|given by|as follows|approximately|about|roughly|option|choice)\b"
    r"[:,]?\s{1,2}){0,3}"
)
_OPENING = r"[*_]{0,3}[ \t]{0,2}[:=]?[*_]{0,3}"
_IS = (
    r"(?:is|are|was|equals?|becomes|(?:must|should|would|will|has to|have to)\s(?:\w{1,10}\s)?(?:be|equal)"
    r"|comes (?:out )?to(?: be)?|turns out to be|works out to(?: be)?)\b"
)
_PHRASES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "answer",
        re.compile(
            r"answers?\b[*_]{0,3}"
            r"(?:(?P<heading>[ \t*_]{0,6}(?=\n))"
            r"|(?:\s{1,2}(?:to|for|of)\s[^.\n:$=]{1,80}?)?(?:\s{0,3}(?::|=|：)|\s{1,3}" + _IS + r"(?!-))"
            r"|\s{1,2}(?P<hedge>could|might|may|can|appears|seems|looks)\b)" + _OPENING + r"[ \t]{0,2}" + _ADVERBS
        ),
    ),
    ("答案", re.compile(r"答案(?:应该|应当|应)?(?:是|为|選|选|等于|：|:|=)" + _OPENING)),
    ("答え", re.compile(r"答え(?:は|：|:)" + _OPENING)),
    ("답", re.compile(r"답(?:은|：|:)" + _OPENING)),
    ("ответ", re.compile(r"ответ(?:\s{0,2}[:=]|\s{0,2}[—–-]\s)" + _OPENING)),
    ("réponse", re.compile(r"réponse(?:\sfinale|\scorrecte)?\s{0,2}(?::|est\b(?!-))" + _OPENING)),
    ("respuesta", re.compile(r"respuesta(?:\sfinal|\scorrecta)?\s{0,2}(?::|es\b)" + _OPENING)),
    ("resposta", re.compile(r"resposta(?:\sfinal|\scorreta)?\s{0,2}(?::|é\b)" + _OPENING)),
    ("risposta", re.compile(r"risposta(?:\sfinale|\scorretta)?\s{0,2}(?::|è\b)" + _OPENING)),
    ("antwort", re.compile(r"antwort\s{0,2}(?::|ist\b|lautet\b)" + _OPENING)),
)
"""A word that must be there, and the announcement that begins with it, on lower-cased text: both are fast to find."""
_ASCII_PHRASES = tuple(phrase for phrase in _PHRASES if phrase[0].isascii())
_IS_THE_ANSWER = re.compile(
    r"(?<=\s)(?:is|are)\s(?:the|our|my)\s(?:(?:final|correct)\s)?answers?\b(?=[*_]{0,3}(?:[.!\n]|\Z))"
)
_FINAL = re.compile(r"(?:final[*_]{0,2}\s{1,3}|最终|最後の|최종\s?)\Z")
_LETTER_A = re.compile(r"(?:A[*_]{0,3}:|A(?:ns|NS)[*_]{0,3}[:.])[*_]{0,3}")
_LINE_START = re.compile(r"(?:\A|\n)[ \t]{0,8}[*_]{0,3}\Z")
_HEADING_BEFORE = re.compile(r"(?:^|\n)[ \t#>*_\d.)]{0,12}(?:(?:the|my|our)\s)?(?:(?:final|correct)\s)?\Z")
_SENTENCE_END = re.compile(r"(?<![ (][ie]\.[eg])[.](?=\s|$|[*\"'])|(?<!\\)[!?;](?=\s|$)|\n|[。！？；]|</")
_DISPLAY = re.compile(r"\s{0,4}(\$\$|\\\[|\\\()")
_DISPLAY_END = {"$$": "$$", r"\[": r"\]", r"\(": r"\)"}
_CONTRAST = re.compile(
    r"(?:,| but| and)? (?:not|rather than|instead of|because|since|as(?! well)|so|which|where|and not)\b|，",
    re.IGNORECASE,
)
_CIRCUMSTANCE = re.compile(
    r"\A([^\n]{0,80}?[0-9$)\]}][^\n]{0,40}?) (?:for|when|after|by|with|using|from|in (?!base)[a-z]{4,})\b[^0-9$\\]*\Z",
    re.IGNORECASE,
)
"""`42 for all such numbers`: a value, and then words alone."""
_ASIDE = re.compile(
    r"\s\((since|because|as|not|or|i\.e\.,?|that is,?|=|≈|rounded|to the)(?![A-Za-z])\s{0,2}([^()]{0,80})\)\Z",
    re.IGNORECASE,
)
_NOT_BUT = re.compile(r"not\s[^,.;\n]{1,40}?,?\sbut\s(?:rather\s)?", re.IGNORECASE)
_REMARK = re.compile(
    r"(?:indeed |also |then |not )?(?:correct|right|wrong|incorrect|valid|clear|reasonable|obvious|unclear|unknown)\b"
    r"(?![:,]\s?\S{0,3}\d)",
    re.IGNORECASE,
)
_CLEAR = re.compile(r"(?:clear|obvious)\s{0,2}[:,]\s{0,2}", re.IGNORECASE)
_PROSE = re.compile(r"[^0-9\\$=]{60,}")
_LEADS_ON = re.compile(
    r"[\s*_#]{0,8}(?:(?:so|thus|therefore|hence),?\s)?(?:(?:the|my|our)\s)?(?:(?:final|correct)[\s*_]{1,4})?", re.I
)
_FORMULA = re.compile(r"\$[^$\n]{1,200}\$|\\\([^\n]{1,200}?\\\)")
_ENDS_SENTENCE = re.compile(r"\s{0,3}(?:[.!*\n]|\Z)")
_VALUE_LIKE = re.compile(r"[0-9\\$=]|\A\w{1,20}(?: \w{1,20})?\Z")
_BULLET = re.compile(r"(?:[-*•]|\d{1,2}[.)])\s+(?=\S)")
_BOXED = (r"\boxed", r"\fbox", r"\framebox")
_LOOK_BEHIND = 120


@dataclass(slots=True)
class Statements:
    """What a text announces in words."""

    assertions: list[Assertion] = field(default_factory=list)
    denied: bool = False
    """One was denied, hedged, asked or supposed."""


@dataclass(frozen=True, slots=True)
class _Announcement:
    start: int
    end: int
    rule: Rule
    heading: bool = False
    hedged: bool = False


def statements(text: str, lower: str) -> Statements:
    """The last announcements of the text, in order."""
    found = Statements()
    announcements = sorted(_announcements(text, lower), key=lambda one: one.start)[-MAX_ANNOUNCEMENTS:]
    for index, announcement in enumerate(announcements):
        sentence = _sentence_after(text, announcement.end)
        if any(box in sentence for box in _BOXED) or "<answer" in sentence.lower():
            continue  # counted as what it is
        if index + 1 < len(announcements):
            between = text[announcement.end : announcements[index + 1].start]
            if len(between) <= len(sentence) and _LEADS_ON.fullmatch(between):
                continue  # `Final answer: the answer is` announces once
        content = _content(sentence)
        if _REMARK.match(content) or _PROSE.fullmatch(content):
            continue  # something about an answer, not which it is
        if announcement.heading and not (content and _VALUE_LIKE.search(content)):
            continue  # a heading above a whole solution
        clause = _clause_before(lower, announcement.start)
        if announcement.hedged or denied_before(clause) or hedged(sentence.lower()):
            found.denied = True
            continue
        found.assertions += [Assertion(part, announcement.rule, announcement.start) for part in _with_aside(content)]
    if " answer" in lower:
        found.assertions += _inverted(text, lower)
    return found


def _inverted(text: str, lower: str) -> Iterator[Assertion]:
    """`So 42 is the answer.`"""
    for match in deque(_IS_THE_ANSWER.finditer(lower), maxlen=MAX_ANNOUNCEMENTS):
        clause = _clause_before(lower, match.start())
        start = match.start() - len(clause)
        if value := closing_value(text[start : match.end()]):
            yield Assertion(value, _rule("final" in match[0]), start)


def _announcements(text: str, lower: str) -> Iterator[_Announcement]:
    for word, pattern in _ASCII_PHRASES if lower.isascii() else _PHRASES:
        if word not in lower:
            continue
        for match in deque(pattern.finditer(lower), maxlen=MAX_ANNOUNCEMENTS):
            start = match.start()
            before = lower[max(0, start - 24) : start]
            if word == "answer":
                if before[-1:].isalpha():
                    continue
                heading = match["heading"] is not None
                if heading and not _HEADING_BEFORE.search(before):
                    continue
                final = _FINAL.search(before) is not None
                hedged = match["hedge"] is not None
                yield _Announcement(start, match.end(), _rule(final), heading, hedged)
            else:
                final = _FINAL.search(before) is not None or "final" in match[0]
                yield _Announcement(start, match.end(), _rule(final))
    if "A:" in text or "A*" in text or "Ans" in text or "ANS" in text:
        for match in deque(_LETTER_A.finditer(text), maxlen=MAX_ANNOUNCEMENTS):
            if _LINE_START.search(text[max(0, match.start() - 12) : match.start()]):
                yield _Announcement(match.start(), match.end(), "answer phrase")


def _rule(final: bool) -> Rule:
    return "final answer" if final else "answer phrase"


def _clause_before(lower: str, start: int) -> str:
    """What the announcement's own sentence says before it."""
    before = lower[max(0, start - _LOOK_BEHIND) : start]
    before = before[before.rfind("\n") + 1 :]
    end = 0
    for match in _SENTENCE_END.finditer(before):
        end = match.end()
    return before[end:]


def _sentence_after(text: str, start: int) -> str:
    """A display formula, or the rest of the sentence with its final `?` or `!`; from the next line if need be."""
    ahead = text[start : start + MAX_ANSWER_CHARS + 8]
    stripped = ahead.lstrip()
    if len(ahead) - len(stripped) > 8:
        return ""
    if "\n" in ahead[: len(ahead) - len(stripped)]:
        stripped = _BULLET.sub("", stripped, count=1)
    if display := _DISPLAY.match(stripped):
        closing = stripped.find(_DISPLAY_END[display[1]], display.end())
        if closing > 0 and (display[1] != r"\(" or _ENDS_SENTENCE.match(stripped, closing + 2)):
            return stripped[display.end() : closing]
    end = _sentence_end(stripped)
    return stripped[: end.end()].removesuffix("</") if end else stripped


def _sentence_end(text: str) -> re.Match[str] | None:
    """The first end of a sentence that does not stand inside a `$...$` which is closed on its line."""
    for end in _SENTENCE_END.finditer(text):
        if text.count("$", 0, end.start()) % 2 == 0 or end[0] == "\n":
            return end
        closing = text.find("$", end.start())
        if closing < 0 or "\n" in text[end.start() : closing]:
            return end
    return None


def _content(sentence: str) -> str:
    """The answer in the rest of a sentence, without what contrasts it or gives its reasons."""
    content = sentence.strip()
    if content[-1:] in (".", "!", "?", ";", "。", "！", "？", "；"):
        content = content[:-1]
    if " " not in content:
        return content.strip("*_").strip()
    content = _NOT_BUT.sub("", _CLEAR.sub("", content, count=1), count=1)
    formula = _FORMULA.match(content)  # which may itself hold such words
    if formula:
        contrast = _CONTRAST.match(content, formula.end())
    else:
        contrast = None if content.startswith(("$", "\\", "(", "[", "{")) else _CONTRAST.search(content, 1)
    if contrast:
        content = content[: contrast.start()]
    if circumstance := _CIRCUMSTANCE.match(content):
        content = circumstance[1]
    content = content.strip().strip("*_").strip()
    return closing_value(content) or told_value(content) or content


def _with_aside(content: str) -> list[str]:
    """The answer, and what an aside offers in its place: `1/2 (or 0.5)` states two, which are to be equal."""
    aside = _ASIDE.search(content)
    if aside is None:
        return [content]
    answer = content[: aside.start()].strip()
    if aside[1].lower().startswith(("or", "i.e.", "that is", "=", "≈")):
        return [answer, aside[2].strip()]
    return [answer]
