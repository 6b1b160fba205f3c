"""What the items of a list count: `7 goats and 4 helicopters` is not `7 helicopters and 4 goats`."""

from __future__ import annotations

from collections.abc import Sequence as Items

from rlvr.verifier.math.tree import Node, Quantity


def pairs_by_noun(gold: Items[Node], answer: Items[Node]) -> list[tuple[int, int]]:
    """Which item of the gold goes with which one of the answer because of what they count.

    Items with the same noun belong together. Nouns that only one side has may be other names of the same things
    (hard candies, lollipops), which then come in the same order. Empty where nouns do not matter: fewer than two on
    a side, or the same one twice.
    """
    nouns = [_noun(item) for item in gold], [_noun(item) for item in answer]
    named = [[noun for noun in side if noun] for side in nouns]
    if any(len(side) < 2 or len(set(side)) < len(side) for side in named):
        return []
    pairs = [(index, nouns[1].index(noun)) for index, noun in enumerate(nouns[0]) if noun and noun in nouns[1]]
    rest = [
        [index for index, noun in enumerate(side) if noun and noun not in other] for side, other in (nouns, nouns[::-1])
    ]
    return pairs + list(zip(rest[0], rest[1], strict=False))


def _noun(item: Node) -> str:
    return item.noun if isinstance(item, Quantity) else ""
