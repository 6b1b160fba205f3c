"""Answer text to tree: decoration off, words to `phrases`, formulas to `statements`."""

from __future__ import annotations

import re
from fractions import Fraction

from rlvr.verifier.math.limits import MAX_ANSWER_CHARS, OverBudget, Unparseable
from rlvr.verifier.math.reading.calendar import calendar_answer
from rlvr.verifier.math.reading.normalise import normalise
from rlvr.verifier.math.reading.phrases import PLAIN_WORDS, read_phrase
from rlvr.verifier.math.reading.statements import combined, read_statement
from rlvr.verifier.math.reading.tokens import Token, tokenize
from rlvr.verifier.math.tree import Negation, Node, Number, Quotient, Sequence, Words

_RATIO_SIGN = Token("sign", ":")
"""What `3 to 1` means."""
_INTEGER = re.compile(r"-?[0-9]{1,300}")
_PLAIN = re.compile(
    r"(-?)(?:([0-9]{1,100})\.([0-9]{1,100})|\\d?frac\{([0-9]{1,100})\}\{([0-9]{1,100})\}|([0-9]{1,100})/([0-9]{1,100}))"
)
"""What most answers that are no integer are: read here so that they cost little."""
_REMARK = re.compile(
    r"\s?\((?:(?P<order>from|in (?:this|that|the|increasing|decreasing|ascending|descending))|in (?:any|some)|rounded"
    r"|approximately|approx|exact|exactly|in simplest|simplified)\b[a-z ,.-]{0,60}\)(?=\}?\Z)"
)
"""`(rounded to two places)`; `(from shortest to tallest)` makes a list an order."""
_RAISED = r"(?:(?:st|nd|rd|th)\b|\\(?:text|mathrm)\{(?:st|nd|rd|th)\})"
_ORDINAL = re.compile(rf"(?<=[0-9])\^(?:\{{{_RAISED}\}}|{_RAISED})")
"""The raised letters of 12^{th}."""


def parse_answer(text: str) -> Node:
    """The tree of one answer text, the candidate's or the gold's.

    Raises:
        Unparseable: the text is in no form that is read.
        OverBudget: it is over a budget of `limits`.
    """
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return number_node(text)
    if plain := _PLAIN.fullmatch(text):
        return _plain_number(plain)
    if len(text) > MAX_ANSWER_CHARS:
        raise OverBudget(f"an answer of {len(text)} characters; the limit is {MAX_ANSWER_CHARS}")
    text = _undecorated(normalise(text))
    if not text:
        raise Unparseable("empty")
    remark = _REMARK.search(text) if text.endswith((")", ")}")) else None
    if remark is not None:
        text = text[: remark.start()] + text[remark.end() :]
    node = calendar_answer(text) or read_phrase(text, _read_inner) or _read_formula(text)
    if remark is not None and remark["order"] and isinstance(node, Sequence) and not node.opening:
        return Sequence("(", ")", node.items)
    return node


def _read_inner(text: str) -> Node:
    """What stands inside a phrase: a formula or plain words, no further phrase."""
    text = _undecorated(text)
    if PLAIN_WORDS.fullmatch(text):
        return Words(text.casefold())
    return _read_formula(text)


def _read_formula(text: str) -> Node:
    tokens = [_RATIO_SIGN if token.text == "to" else token for token in tokenize(text)]
    if not tokens:
        raise Unparseable("empty")
    if any(token.text in (r"\pm", r"\mp") for token in tokens):
        return _both_signs(tokens)
    return read_statement(tokens)


def number_node(text: str) -> Node:
    """A plain integer; negative ones in the shape the grammar gives them."""
    return Negation(Number(Fraction(int(text[1:])))) if text[0] == "-" else Number(Fraction(int(text)))


def _plain_number(match: re.Match[str]) -> Node:
    """A decimal or a fraction of two integers, in the shape the grammar gives them."""
    sign, whole, decimals, above, below, dividend, divisor = match.groups()
    if dividend is not None:
        return Quotient(number_node(sign + dividend), number_node(divisor))
    if decimals is not None:
        places = len(decimals)
        node: Node = Number(Fraction(int(whole + decimals), 10**places), places)
    else:
        node = Quotient(number_node(above), number_node(below))
    return Negation(node) if sign else node


def _undecorated(text: str) -> str:
    """Without markdown emphasis, code ticks and final punctuation."""
    text = _ORDINAL.sub("", text.strip("`").strip())
    while len(text) > 4 and text[:2] == "**" == text[-2:]:
        text = text[2:-2].strip()
    if not text.strip("*"):
        return ""
    text = text.removesuffix("**").removeprefix("**")
    text = _unpunctuated(text)
    if text.endswith("$") and text.count("$") == 2:  # `$x.$`: the full stop may stand inside
        text = _unpunctuated(text[:-1]) + "$"
    return text


def _unpunctuated(text: str) -> str:
    while text and text[-1] in " .;,\n" and text[-2:-1] != "\\":
        text = text[:-1]
    return text


def _both_signs(tokens: list[Token]) -> Node:
    r"""`a \pm b` is the list of a + b and a - b."""
    readings = []
    for plus, minus in (("+", "-"), ("-", "+")):
        signs = {r"\pm": plus, r"\mp": minus}
        readings.append(read_statement([_replace(token, signs) for token in tokens]))
    items: list[Node] = []
    for reading in readings:
        parts = reading.items if isinstance(reading, Sequence) and not reading.opening else (reading,)
        items += [part for part in parts if part not in items]
    return combined(items, ["and"] * (len(items) - 1))


def _replace(token: Token, signs: dict[str, str]) -> Token:
    return Token("sign", signs[token.text], token.spaced) if token.text in signs else token
