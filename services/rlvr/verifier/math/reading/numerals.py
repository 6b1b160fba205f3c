r"""Numbers as they are written: decimals, recurring decimals, thousands in groups, numerals in other bases.

`rewrite_numerals` puts the notations that span several tokens into two forms that are one token each,
`\repeating{0.1}{6}` and `\based{1A3}{16}`; `number_from` gives the exact value of a number token.
"""

from __future__ import annotations

import re
from fractions import Fraction

from rlvr.verifier.math.limits import MAX_SCIENTIFIC_EXPONENT, OverBudget

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE_NAMES = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "sixteen": 16, "bin": 2, "oct": 8, "dec": 10, "hex": 16,
}  # fmt: skip
_BASE = rf"(?:[0-9]{{1,2}}|{'|'.join(_BASE_NAMES)})"
_NUMERAL = (
    r"(?:\\(?:text|mathrm|mathtt)\s?\{([0-9A-Z]{1,60})\}|(?<![A-Za-z])\(([0-9A-Z]{1,60})\)"
    r"|(?<![A-Za-z0-9_^\\.])(?<![_^]\{)(?<![0-9],)([0-9A-Z]{1,400}))"
)
_BASE_MARKS = (
    r"([2-9])",
    rf"\{{\s?\(?\s?(?:base\s?)?({_BASE})\s?\)?\s?\}}",
    rf"\{{\s?\(?\\(?:text|mathrm)\s?\{{\s?(?:base\s?)?({_BASE})\s?\}}\)?\s?\}}",
    rf"\{{\s?\\text\s?\{{\s?base\s?\}}\s?({_BASE})\s?\}}",
    rf"\\text\s?\{{({_BASE})\}}",
)
_SUBSCRIPTED = re.compile(rf"{_NUMERAL}\s?_\s?(?:{'|'.join(_BASE_MARKS)})")
_IN_WORDS = re.compile(
    rf"{_NUMERAL}[ ~]?(?:\\(?:text|mathrm)\s?\{{)?[ (,]{{0,3}}(?:in |to )?base[ -]({_BASE})\b\)?\}}?"
)

_UNDER_BAR = re.compile(r"([0-9]*\.[0-9]*)\s?\\(?:overline|bar|dot)\s?(?:\{([0-9]+)\}|([0-9]))")
_BETWEEN_DOTS = re.compile(r"([0-9]*\.[0-9]*)\s?\\dot\s?\{?([0-9])\}?\s?([0-9]*)\s?\\dot\s?\{?([0-9])\}?")
_IN_BRACKETS = re.compile(r"([0-9]+\.[0-9]*)\(([0-9]{1,60})\)")
_CONTINUED = re.compile(r"([0-9]*\.)([0-9]{3,200})\s?(?:\.{3,}|\\[lc]?dots\b)")
_MIN_REPEATS = 3
_LONG_PERIOD = 6
"""A period of so many digits is meant when it is written twice. (2.718281828... has none.)"""

_SEPARATOR = r"(?:[ ~']|\\ )"
_GROUPED = re.compile(
    rf"((?:[+\-$\s]|\\\$){{0,4}}[0-9]{{1,3}}(?:{_SEPARATOR}[0-9]{{3}})+(?:\.[0-9]+)?)"
    r"(?=\$?(?:\Z|\s?[A-Za-z%]|\s?\\(?:text|mathrm|%)))"
)
_BETWEEN_DIGITS = re.compile(rf"(?<=[0-9]){_SEPARATOR}(?=[0-9])")
_LIST_GOES_ON = re.compile(r"(?<=[,+*])(\s?)\.{3,}")

SPANNING = re.compile(r"_|base|\.\.\.|dots|\\overline|\\bar|\\dot|\.[0-9]*\(|[0-9](?:[ ~']|\\ )[0-9]")
"""Where this is not found there is nothing to rewrite."""


def rewrite_numerals(text: str) -> str:
    """The text with each numeral of several tokens in its one-token form."""
    if grouped := _GROUPED.match(text):
        text = _BETWEEN_DIGITS.sub("", grouped[1]) + text[grouped.end() :]
    text = _BETWEEN_DOTS.sub(lambda match: _repeating(match[1], match[2] + match[3] + match[4]), text)
    text = _UNDER_BAR.sub(lambda match: _repeating(match[1], match[2] or match[3]), text)
    text = _IN_BRACKETS.sub(lambda match: _repeating(match[1], match[2]), text)
    text = _CONTINUED.sub(_continued, text)
    text = _LIST_GOES_ON.sub(r"\1\\dots ", text)
    text = _IN_WORDS.sub(lambda match: _based(match, match[4]), text)
    return _SUBSCRIPTED.sub(lambda match: _based(match, match[match.lastindex or 0]), text)


def _repeating(start: str, period: str) -> str:
    return rf"\repeating{{{start}}}{{{period}}}"


def _continued(match: re.Match[str]) -> str:
    """`0.1666...` where the digits say how it goes on; otherwise the dots mean that it is cut off."""
    whole, decimals = match[1], match[2]
    for length in range(1, len(decimals) // 2 + 1):
        repeats = _MIN_REPEATS if length < _LONG_PERIOD else 2
        if decimals.endswith(decimals[-length:] * repeats):
            return _repeating(whole + decimals[:-length], decimals[-length:])
    return whole + decimals


def _based(match: re.Match[str], base_text: str) -> str:
    """The numeral in its base; left alone where it cannot be one (`2A_3`, 2 times a variable)."""
    digits = match[1] or match[2] or match[3]
    base = _BASE_NAMES.get(base_text) or int(base_text)
    lone_letter = not digits[0].isdigit() and len(digits) < 2
    if lone_letter or not 2 <= base <= len(_DIGITS) or any(_DIGITS.index(digit) >= base for digit in digits):
        return match[0]
    return rf"\based{{{digits}}}{{{base}}}"


def number_from(text: str) -> Fraction:
    """The exact value of a number token such as `1000`, `.5`, `42.`, `2.5e-3` or `0.1(6)`.

    Raises:
        OverBudget: its exponent is out of bounds.
    """
    if text.isdigit():
        return Fraction(int(text))
    if text[-1] == ")":
        start, _, period = text[:-1].partition("(")
        tail = Fraction(int(period), 10 ** len(period) - 1)
        return number_from(start) + tail / 10 ** len(start.partition(".")[2])
    mantissa, _, exponent = text.lower().partition("e")
    if exponent and (len(exponent) > 6 or abs(int(exponent)) > MAX_SCIENTIFIC_EXPONENT):
        raise OverBudget(f"a number with exponent {exponent[:12]}")
    whole, _, decimals = mantissa.partition(".")
    value = Fraction(int(whole + decimals or "0"), 10 ** len(decimals))
    return value * Fraction(10) ** int(exponent) if exponent else value


def places_of(text: str) -> int:
    """Decimal places of a number token: 2 of `0.50`, 5 of `2.50e-3`, 0 of `42` and of what recurs, which is exact."""
    if text[-1] == ")":
        return 0
    mantissa, _, exponent = text.lower().partition("e")
    return len(mantissa.partition(".")[2]) - int(exponent or 0)
