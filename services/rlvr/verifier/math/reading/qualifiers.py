r"""What an answer says of its own letters: `, k \in \mathbb{Z}`, `where c is a real constant`, `for all x`.

Split off the end of the tokens, and kept as (letter, domain). Only remarks of these shapes are taken; any other
condition stays where it is and makes the answer unreadable, as an answer under a condition is another answer.
"""

from __future__ import annotations

import re

from rlvr.verifier.math.reading.tokens import Token

Domains = tuple[tuple[str, str], ...]

_OPENERS = frozenset({"where", "for", "with", "and", ",", ";", "("})
_OPENING_SIGNS = frozenset({"(", "[", "{", r"\{"})
_CLOSING_SIGNS = frozenset({")", "]", "}", r"\}"})
DOMAINS = {
    r"\mathbb{Z}": "integer",
    r"\mathbb{R}": "real",
    r"\mathbb{N}": "natural",
    r"\mathbb{Q}": "rational",
    r"\mathbb{C}": "complex",
    "Z": "integer",
    "R": "real",
    "N": "natural",
}
_LETTERS = r"(?P<letters>\S+(?: (?:,|and|and ,) \S+){0,5}?)"
_KIND = (
    r"(?:(?:a|an|any|all|every|each|some|the|arbitrary|fixed) ){0,3}"
    r"(?P<kind>(?:(?:positive|negative|nonnegative|non-negative|non - negative|nonzero|non-zero|real|rational|complex"
    r"|natural|whole|odd|even|arbitrary|constant) ){0,3}"
    r"(?:integer|real|number|constant|parameter|value|natural|rational)s?)"
)
_QUANTIFIER = r"(?:(?:all|any|every|each|some|values of) ){0,2}"
_OPENING = r"^(?:(?:,|;|and) ){0,2}(?:(?:where|for|with) )?"
_SHAPES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_OPENING}{_LETTERS} (?:is|are|being) {_KIND}$",
        rf"{_OPENING}{_KIND} {_LETTERS}$",
        rf"{_OPENING}\(? ?{_QUANTIFIER}{_LETTERS} (?:\\in|in) (?P<set>\S+)(?: \))?$",
        rf"{_OPENING}{_KIND} {_LETTERS} \\in (?P<set>\S+)$",
        rf"^(?:, )?(?:for|where) {_QUANTIFIER}{_LETTERS}$",
    )
)
_NOISE = re.compile(r"\b(?:number|constant|parameter|value|arbitrary|some)s?\b")
_LETTER = re.compile(r"(?:[A-Za-z]|alpha|beta|gamma|lambda|mu|theta|ell)(?:_\w)?")
_MAX_TAIL = 16
_MAX_QUALIFIERS = 3


def split_qualifiers(tokens: list[Token]) -> tuple[list[Token], Domains]:
    """The tokens without their qualifying tail, and what the tail says."""
    if not any(token.kind in ("word", "letters") or token.text == r"\in" for token in tokens):
        return tokens, ()
    domains: list[tuple[str, str]] = []
    for _ in range(_MAX_QUALIFIERS):
        tail, found = _tail(tokens)
        if not found:
            break
        tokens, domains = tokens[:tail], domains + found
    if domains and tokens[-1].text in (",", ";", "and"):
        tokens = tokens[:-1]
    return tokens, tuple(sorted(set(domains)))


def _tail(tokens: list[Token]) -> tuple[int, list[tuple[str, str]]]:
    """Where the last qualifier begins and what it says; nothing where there is none."""
    depth = 0
    for start, token in enumerate(tokens):
        if depth == 0 and start and token.text in _OPENERS and len(tokens) - start <= _MAX_TAIL:
            found = _read(tokens[start:])
            if found:
                return start, found
        depth += (token.text in _OPENING_SIGNS) - (token.text in _CLOSING_SIGNS)
    return len(tokens), []


def _read(tail: list[Token]) -> list[tuple[str, str]]:
    text = " ".join(token.text for token in tail)
    for shape in _SHAPES:
        match = shape.match(text)
        if match is None:
            continue
        letters = [letter for letter in match["letters"].split() if letter not in (",", "and")]
        if not all(_LETTER.fullmatch(letter) for letter in letters):
            continue
        fields = match.groupdict()
        if "set" in fields:
            domain = DOMAINS.get(fields["set"], "")
            if not domain:
                continue
        else:
            domain = _domain(fields.get("kind") or "")
        return [(letter, domain) for letter in letters]
    return []


def _domain(kind: str) -> str:
    """`positive integers` and `arbitrary positive integer` -> `positive integer`; `constants` -> nothing said."""
    words = _NOISE.sub(" ", kind.replace(" - ", "").replace("non-", "non")).split()
    return " ".join(sorted(word.removesuffix("s") if word.endswith(("rs", "ls")) else word for word in words))
