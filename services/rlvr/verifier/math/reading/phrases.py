"""Answers that are words, or that have words around them: choices, sentences, yes and no, no solution.

The patterns are tried on the whole of a text, once; what they leave over is read as a formula or kept as words.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rlvr.verifier.math.limits import Unparseable
from rlvr.verifier.math.reading.number_words import in_digits
from rlvr.verifier.math.reading.relations import REALS
from rlvr.verifier.math.reading.tokens import spells_a_formula
from rlvr.verifier.math.tree import Choice, Constant, Difference, Negation, Node, Sequence, Symbol, Words

Read = Callable[[str], Node]
"""Reads a formula; for what stands inside a phrase."""

_TEXT_WRAPPER = re.compile(r"\\(?:text|textbf|textit|textrm|mbox|hbox|mathrm|mathbf)\s?\{([^{}]*)\}")
_LAYOUT = re.compile(r"\\(?:displaystyle|textstyle|left|right|q?quad|[,;:!()\[\]])|[{}]")
"""What stands around words without a meaning."""
PLAIN_WORDS = re.compile(r"(?:[aA] )?[^\W\d_]{2,}(?:[ '.-]{1,2}[^\W\d_]+){0,40}")
_MATHPLAIN_WORDS = frozenset(
    {"pi", "infinity", "infty", "inf", "oo", "alpha", "beta", "gamma", "delta", "theta", "lambda", "mu", "sigma"}
    | {"omega", "phi", "psi", "rho", "tau"}
)
_NOT_A_NUMBER = frozenset({"nan", "null"})
"""What missing values look like in a careless data set."""
_KINDS = r"(?:(?:real|integer|such|positive|valid|possible|rational|whole|natural|other) ){0,3}"
_THINGS = r"(?:solutions?|numbers?|integers?|values?|roots?|pairs?|triples?|functions?|answers?|triangles?)"
_NONE = re.compile(
    rf"(?:there (?:is|are|exists?) |(?:the equation |it )?has )?no {_KINDS}{_THINGS}(?: exists?| possible)?"
    r"|(?:the )?empty set|there (?:is|are) none|none|no such \w+ exists?"
)
_REALS = re.compile(
    r"(?:x (?:is|can be|may be) )?(?:the set of )?(?:all|any|every) real(?: number| value)?s?(?: of x| x)?"
    r"(?:,? (?:except|other than|but|excluding)(?: for)? (?P<but>.+))?"
)
_YES_OR_NO = re.compile(
    r"(?P<word>yes|no)\s?[*]{0,2}\s?[,.;:!]\s?[*]{0,2}\s?(?P<rest>.{1,300})", re.IGNORECASE | re.DOTALL
)
_CONTRADICTED = re.compile(r"\b(?:yes|no|maybe|perhaps|or)\b", re.IGNORECASE)
_SYNONYMS = {
    "dne": "does not exist",
    "limit does not exist": "does not exist",
    "the limit does not exist": "does not exist",
    "it does not exist": "does not exist",
    "infinitely many solutions": "infinitely many",
    "infinite number of solutions": "infinitely many",
    "infinite solutions": "infinitely many",
    "infinitely many": "infinitely many",
    "true statement": "true",
    "always true": "true",
}
_INFINITY = Constant("infinity")
_INFINITIES: dict[str, Node] = {
    "positive infinity": _INFINITY,
    "negative infinity": Negation(_INFINITY),
    "minus infinity": Negation(_INFINITY),
    "plus infinity": _INFINITY,
}
_OPTION = re.compile(r"(?:option|choice|answer)\s{0,3}\(?([A-J])\)?", re.IGNORECASE)
_CHOICE = re.compile(
    r"(?:\\(?:text|textbf|textrm|mathrm|mathbf|mbox)\s?\{\s?)?(?:(?:[Oo]ption|[Cc]hoice)\s)?"
    r"(\()?([A-J])(?(1)\)|[.):])[.:]?\s?\}?(?:\s|\\[ ,;:]|\\q?quad|~){0,4}([^\s^_*/+=<>!,)}].*)",
    re.DOTALL,
)
_SENTENCE = re.compile(r"(?:[Tt]he|[Tt]his|[Oo]ur|[Ii]ts?) [^=<>]{1,120}? (?:is|are|equals) ([^ ].*)", re.DOTALL)


def read_phrase(text: str, read: Read) -> Node | None:
    """The answer that a text of words states, or None where it is to be read as a formula.

    Raises:
        Unparseable: the words say nothing, or two things.
    """
    if choice := _choice(text, read):
        return choice
    content = _TEXT_WRAPPER.sub(lambda match: f" {match[1]} ", text) if "{" in text else text
    if "\\" in content or "{" in content:
        content = _LAYOUT.sub(" ", content).strip()
    if not content[:1].isalpha() and not content[:1].isspace() and content[:1] not in "$\"'“*":
        return None
    content = content.replace("$", " ").replace("~", " ").replace(r"\ ", " ").strip(" .,!\"'“”")
    content = " ".join(content.split())
    folded = content.casefold()
    if folded.startswith("the ") and content[4:5].isdigit():
        return read(content[4:])
    if folded in _NOT_A_NUMBER:
        raise Unparseable(f"{folded} is not an answer")
    if folded in _INFINITIES:
        return _INFINITIES[folded]
    if folded in _SYNONYMS:
        return Words(_SYNONYMS[folded])
    if _NONE.fullmatch(folded):
        return Sequence("{", "}", ())
    if match := _REALS.fullmatch(folded):
        return Difference(REALS, _as_set(read(match["but"]))) if match["but"] else REALS
    if match := _YES_OR_NO.fullmatch(content):
        return _yes_or_no(match)
    if PLAIN_WORDS.fullmatch(content) and folded not in _MATHPLAIN_WORDS and not spells_a_formula(content):
        digits = in_digits(folded)
        return Words(folded) if digits is None else read(digits)
    return _stated(text, read)


def _choice(text: str, read: Read) -> Node | None:
    """`(B) 12`, `B. 12`, `option B` as a choice; None if the text is something else."""
    if match := _CHOICE.fullmatch(text):
        try:
            return Choice(match[2], read(match[3]))
        except Unparseable:
            return None
    bare = _TEXT_WRAPPER.sub(r"\1", text).strip() if "{" in text else text
    if match := _OPTION.fullmatch(bare):
        return Symbol(match[1].upper())
    return None


def _yes_or_no(match: re.Match[str]) -> Node:
    if _CONTRADICTED.search(match["rest"]):
        raise Unparseable("yes and no at once")
    return Words(match["word"].casefold())


def _stated(text: str, read: Read) -> Node | None:
    """What `The area is 24 cm^2` says; None if the text is no such sentence."""
    if match := _SENTENCE.fullmatch(text):
        try:
            return read(match[1])
        except Unparseable:
            return None
    return None


def _as_set(node: Node) -> Node:
    if isinstance(node, Sequence):
        return Sequence("{", "}", node.items)
    return Sequence("{", "}", (node,))
