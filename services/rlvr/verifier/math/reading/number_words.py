"""Numbers in words: `twelve`, `twenty-five apples`, `one hundred and five`, `fifteenth`, to digits."""

from __future__ import annotations

import re

from rlvr.verifier.math.reading.unit_phrase import NEVER_IN_A_UNIT

_UNIT_WORDS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
"""
_TEN_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_UNITS = {word: value for value, word in enumerate(_UNIT_WORDS.split())}
_TENS = {word: 10 * value for value, word in enumerate(_TEN_WORDS.split(), start=2)}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_CARDINALS = _UNITS | _TENS
_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fifth": 5, "eighth": 8, "ninth": 9, "twelfth": 12,
} | {
    f"{word.removesuffix('y')}{'ie' if word.endswith('y') else ''}th": value
    for word, value in _CARDINALS.items()
    if word not in ("zero", "one", "two", "three", "five", "eight", "nine", "twelve")
}  # fmt: skip
_DENOMINATORS = {
    "half": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10,
    "hundredth": 100,
}  # fmt: skip
_WORD = re.compile(r"[a-z]+")
_MAX_WORDS = 24
_MAX_NOUN_WORDS = 4


def in_digits(text: str) -> str | None:
    """A casefolded text of words with its numbers in digits, or None if it does not begin with a number.

    It is meant for answers such as `seven goats and four helicopters`; a sentence that happens to begin with a
    number ("one of them is even") has more words and other ones, and is left as words.
    """
    minus, text = ("-", text[6:]) if text.startswith(("minus ", "negative ")) else ("", text)
    text = text.removeprefix("ve ") if minus else text
    words = _WORD.findall(text)
    if not words or len(words) > _MAX_WORDS:
        return None
    if words[0] not in _CARDINALS and words[0] not in _ORDINALS and words[:2] not in (["a", "half"], ["half"]):
        return None
    if len(words) <= 2 and (ordinal := _ordinal(words)) is not None:
        return f"{minus}{ordinal}"
    return _rewritten(words, minus)


def _ordinal(words: list[str]) -> int | None:
    tens = _TENS.get(words[0], 0) if len(words) == 2 else 0
    last = _ORDINALS.get(words[-1])
    if last is None or (len(words) == 2 and not (tens and last < 10)):
        return None
    return tens + last


def _rewritten(words: list[str], minus: str) -> str | None:
    parts: list[str] = []
    index, nouns = 0, 0
    while index < len(words):
        word = words[index]
        number, after = _number(words, index)
        if number:
            parts.append((minus if not parts else "") + number)
            index, nouns = after, 0
        elif not parts or (word in NEVER_IN_A_UNIT and word not in ("percent", "dozen")) or word in ("of", "to"):
            return None
        else:
            nouns = 0 if word == "and" else nouns + 1
            parts.append(word)
            index += 1
        if nouns > _MAX_NOUN_WORDS:
            return None
    return " ".join(parts)


def _number(words: list[str], start: int) -> tuple[str, int]:
    """The number that begins at a word, in digits, and where it ends; empty if there is none."""
    if words[start : start + 2] == ["a", "half"]:
        return "1/2", start + 2
    if words[start] == "half" and len(words) == 1:
        return "1/2", 1
    value, index = _cardinal(words, start)
    if index == start:
        return "", start
    if words[index : index + 3] == ["and", "a", "half"]:
        return f"{value} 1/2", index + 3
    below = words[index] if index < len(words) else ""
    if value and (denominator := _DENOMINATORS.get("half" if below == "halves" else below.removesuffix("s"))):
        return f"{value}/{denominator}", index + 1
    return str(value), index


def _cardinal(words: list[str], start: int) -> tuple[int, int]:
    total = current = 0
    index = start
    smallest_scale = 10**15
    ones_open, tens_open = True, True  # whether a word for ones, for tens, may come next
    while index < len(words):
        word = words[index]
        after_scale = index > start and words[index - 1] in ("hundred", *_SCALES)
        if word == "and" and after_scale and index + 1 < len(words) and words[index + 1] in _CARDINALS:
            index += 1
            continue
        if word in _UNITS and ones_open and (tens_open or 0 < _UNITS[word] < 10):
            current += _UNITS[word]
            ones_open = tens_open = False
        elif word in _TENS and tens_open:
            current += _TENS[word]
            tens_open = False
        elif word == "hundred" and 0 < current < 100:
            current *= 100
            ones_open = tens_open = True
        elif word in _SCALES and current and _SCALES[word] < smallest_scale:
            smallest_scale = _SCALES[word]
            total += current * smallest_scale
            current, ones_open, tens_open = 0, True, True
        else:
            break
        index += 1
    return total + current, index
