"""Answers in words."""

from __future__ import annotations

from rlvr.verifier.math.comparing.rules import Compare, Match, Rules
from rlvr.verifier.math.tree import Constant, Node, Product, Symbol, Words


def compare_words(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    if isinstance(gold, Words) and isinstance(answer, Words):
        return Match(gold.text == answer.text, "compared as words")
    # `ab` alone was read as a word; against a formula it is a product of variables.
    gold, answer = _letters_as_product(gold), _letters_as_product(answer)
    if isinstance(gold, Words) or isinstance(answer, Words):
        return Match(False, "words for a value or a value for words")
    return compare(gold, answer, rules)


def _letters_as_product(node: Node) -> Node:
    if isinstance(node, Words) and len(node.text) <= 3 and node.text.isascii() and node.text.isalpha():
        return Product(tuple(Constant(c) if c in "ei" else Symbol(c) for c in node.text))
    return node
