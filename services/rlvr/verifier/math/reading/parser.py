"""Answer text to tree: decoration off, words told from formulas, and the rest to `statements`."""

from __future__ import annotations

import re
from fractions import Fraction

from rlvr.verifier.math.limits import MAX_ANSWER_CHARS, OverBudget, Unparseable
from rlvr.verifier.math.reading.normalise import normalise
from rlvr.verifier.math.reading.statements import AnswerParser
from rlvr.verifier.math.reading.tokens import Token, tokenize
from rlvr.verifier.math.tree import Negation, Node, Number, Sequence, Words

_INTEGER = re.compile(r"-?[0-9]{1,300}")
_TEXT_WRAPPER = re.compile(r"\\(?:text|textbf|textit|textrm|mbox|hbox|mathrm|mathbf)\s?\{([^{}]*)\}")
_WORDS = re.compile(r"[^\W\d_]{2,}(?:[ '.-]{1,2}[^\W\d_]+){0,40}")
_MATH_WORDS = frozenset(
    {"pi", "infinity", "infty", "inf", "oo", "alpha", "beta", "gamma", "delta", "theta", "lambda", "mu", "sigma"}
    | {"omega", "phi", "psi", "rho", "tau"}
)
_NOT_A_NUMBER = frozenset({"nan", "null"})
"""What missing values look like in a careless data set."""
_NO_SOLUTION = frozenset(
    {"no solution", "no solutions", "no real solution", "no real solutions", "empty set", "the empty set"}
)
_ORDINAL = re.compile(r"(?<=[0-9])\^\{?(?:\\(?:text|mathrm)\{)?(?:st|nd|rd|th)\b\}{0,2}")
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
    if len(text) > MAX_ANSWER_CHARS:
        raise OverBudget(f"an answer of {len(text)} characters; the limit is {MAX_ANSWER_CHARS}")
    text = _undecorated(normalise(text))
    if not text:
        raise Unparseable("empty")
    words = _words(text)
    if words is not None:
        return words
    tokens = tokenize(text)
    if not tokens:
        raise Unparseable("empty")
    if any(token.text in (r"\pm", r"\mp") for token in tokens):
        return _both_signs(tokens)
    return AnswerParser(tokens).answer()


def number_node(text: str) -> Node:
    """A plain integer; negative ones in the shape the grammar gives them."""
    return Negation(Number(Fraction(text[1:]))) if text[0] == "-" else Number(Fraction(text))


def _undecorated(text: str) -> str:
    """Without markdown emphasis, code ticks and final punctuation."""
    text = _ORDINAL.sub("", text.strip("`").strip())
    while len(text) > 4 and text[:2] == "**" == text[-2:]:
        text = text[2:-2].strip()
    if not text.strip("*"):
        return ""
    text = text.removesuffix("**").removeprefix("**")
    while text and text[-1] in " .;,\n" and text[-2:-1] != "\\":
        text = text[:-1]
    return text


def _words(text: str) -> Node | None:
    """The answer as words, if it is nothing but words."""
    content = _TEXT_WRAPPER.sub(lambda match: f" {match[1]} ", text)
    content = content.replace("$", " ").replace("~", " ").replace(r"\ ", " ").strip(" .,!")
    content = " ".join(content.split())
    folded = content.casefold()
    if folded in _NOT_A_NUMBER:
        raise Unparseable(f"{folded} is not an answer")
    if folded in _NO_SOLUTION:
        return Sequence("{", "}", ())
    if _WORDS.fullmatch(content) and folded not in _MATH_WORDS:
        return Words(folded)
    return None


def _both_signs(tokens: list[Token]) -> Node:
    r"""`a \pm b` is the list of a + b and a - b."""
    readings = []
    for plus, minus in (("+", "-"), ("-", "+")):
        signs = {r"\pm": plus, r"\mp": minus}
        readings.append(AnswerParser([_replace(token, signs) for token in tokens]).answer())
    items: list[Node] = []
    for reading in readings:
        parts = reading.items if isinstance(reading, Sequence) and not reading.opening else (reading,)
        items += [part for part in parts if part not in items]
    return Sequence("", "", tuple(items))


def _replace(token: Token, signs: dict[str, str]) -> Token:
    return Token("sign", signs[token.text], token.spaced) if token.text in signs else token
