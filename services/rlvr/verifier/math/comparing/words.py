"""Answers in words."""

from __future__ import annotations

import re

from rlvr.verifier.math.comparing.rules import Compare, Match, Rules
from rlvr.verifier.math.tree import Constant, Negation, Node, Product, Sequence, Sum, Symbol, Words

_FILLERS = frozenset({"a", "an", "the", "only", "just", "all", "any", "every", "on", "in", "at"})
_PREDICATE = re.compile(
    r"(?P<subject>.+?) (?:is|are|was|were|will be|must be|becomes) (?:always |also )?(?P<complement>.+)"
)
_VERBS = r"wins?|won|loses|lost|will|can|could|should|gets?|got|receives?"
_AGENT = re.compile(rf"(?P<name>[a-z]+(?: [a-z]+){{0,2}}?) (?:{_VERBS})\b(?! not\b).*")
_GENERIC = frozenset({"function", "number", "integer", "player", "person", "value", "solution", "term", "case", "one"})
_GENERIC |= {"condition", "triangle", "quadrilateral", "shape", "figure", "line", "curve"}
"""Nouns that add nothing: `an even function` for `even`."""
_NOT_A_NAME_WORDS = """
    it this that he she they we you i there neither nobody no none nothing what which who how when one both each
    either everyone someone anyone all some answer not
"""
_NOT_A_NAME = frozenset(_NOT_A_NAME_WORDS.split())
_KIND = re.compile(r"(?:any |an |a )?(?P<kind>odd|even|prime|composite) (?:numbers?|integers?|values?)(?: of .+)?")
_HEDGES = frozenset({"or", "and", "but", "maybe", "perhaps", "possibly", "probably", "either", "unless", "if"})
_NEGATIONS = frozenset({"not", "no", "never", "neither", "nor", "without", "cannot", "isn't", "doesn't", "non"})
_SHORT_WORDS_TEXT = """
    no on is it in an am of so to do go at as be by he if me my or up us we ox pi ad id sat was saw not ton now
    own won two tow ten net one eon six top pot opt tan ant nat dog god eat tea ate arm mar ram art rat tar tap
    pat apt act cat bat tab bad dab but tub bus sub cab end den era are ear gas sag who how odd even may yam men
    pal lap pan nap pin nip pit tip pot raw war red rid sin sip sit son tin nit yes cm mm km kg mg lb oz ms ft
    mi yd hr min sec tie tee ran new wen dam mad mac cam del led lit til nor ron the bin nib gum mug gel leg pea
    ape was tip
"""
_PRODUCTS = re.compile(r"[a-z]{1,3}(?:-[a-z]{1,3}){0,8}")
_SHORT_WORDS = frozenset(_SHORT_WORDS_TEXT.split())
"""Words whose letters in another order are another word, and units."""

_CHOICES = frozenset("ABCDEFGH")


def compare_words(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """Words by their text; a short word also as the product of its letters."""
    if isinstance(gold, Words) and isinstance(answer, Words):
        same = _same_words(gold.text, answer.text) or _same_letters(gold.text, answer.text)
        return Match(same, "compared as words")
    if isinstance(gold, Words) and isinstance(answer, Sequence):
        return Match(_choices(answer) == gold.text, "compared as the letters of choices")
    # `ab` alone was read as a word; against a formula it is a product of variables.
    gold, answer = _letters_as_product(gold), _letters_as_product(answer)
    if isinstance(gold, Words) or isinstance(answer, Words):
        return Match(False, "words for a value or a value for words")
    return compare(gold, answer, rules)


def _choices(node: Sequence) -> str:
    """`A, C, D` as the letters of several choices, in their order; empty if it is another list."""
    letters = [item.name for item in node.items if isinstance(item, Symbol)]
    if node.opening or len(letters) != len(node.items) or not set(letters) <= _CHOICES:
        return ""
    return "".join(sorted(set(letters))).casefold()


def _letters_as_product(node: Node) -> Node:
    """`ab` as a b, `ad-bc` as a d - b c: what looks like words, beside a formula."""
    if not isinstance(node, Words) or not _PRODUCTS.fullmatch(node.text):
        return node
    first, *others = (
        Product(tuple(Constant(c) if c in "ei" else Symbol(c) for c in letters)) for letters in node.text.split("-")
    )
    return Sum((first, *map(Negation, others))) if others else first


def _same_letters(gold: str, answer: str) -> bool:
    """`xy` and `yx`: products of variables, unless one of them is a word."""
    if max(len(gold), len(answer)) > 3 or gold in _SHORT_WORDS or answer in _SHORT_WORDS:
        return False
    return gold.isascii() and gold.isalpha() and sorted(gold) == sorted(answer)


def _same_words(gold: str, answer: str) -> bool:
    expected, given = _content(gold), _content(answer)
    if expected == given:
        return True
    if _negated(expected) or _negated(given):
        return False
    return given in _points(gold) or (expected in _points(answer) and not _HEDGES & set(given))


def _content(text: str) -> tuple[str, ...]:
    """The words without articles and hyphens, unless nothing is left."""
    words = tuple(text.replace("-", " ").replace(".", " ").split())
    kept = tuple(word for word in words if word not in _FILLERS) or words
    return kept[:-1] if len(kept) > 1 and kept[-1] in _GENERIC else kept


def _negated(words: tuple[str, ...]) -> bool:
    return any(word in _NEGATIONS or word.endswith("n't") for word in words)


def _points(sentence: str) -> set[tuple[str, ...]]:
    """What a sentence says, in short: `odd` of `the function is odd`, `petya` of `petya will win`."""
    points = set()
    if match := _PREDICATE.fullmatch(sentence):
        points.add(_content(match["complement"]))
    if (match := _AGENT.fullmatch(sentence)) and not _NOT_A_NAME & set(match["name"].split()):
        points.add(_content(match["name"]))
    if match := _KIND.fullmatch(sentence):
        points.add((match["kind"],))
    return points
