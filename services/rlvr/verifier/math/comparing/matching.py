"""Several items against several: in order, or each with a partner."""

from __future__ import annotations

from collections.abc import Sequence as Items

from rlvr.verifier.math.comparing.nouns import pairs_by_noun
from rlvr.verifier.math.comparing.rules import Compare, Match, Rules
from rlvr.verifier.math.tree import Node


def in_order(gold: Items[Node], answer: Items[Node], rules: Rules, compare: Compare) -> Match:
    """Whether the items are the same, one by one."""
    if len(gold) != len(answer):
        return Match(False, "another number of items")
    for position, (left, right) in enumerate(zip(gold, answer, strict=True), start=1):
        match = compare(left, right, rules)
        if not match:
            return Match(False, f"item {position}: {match.detail}")
    return Match(True)


def unordered(gold: Items[Node], answer: Items[Node], rules: Rules, compare: Compare) -> Match:
    """Whether they are the same as multisets. Each item takes the first partner that fits."""
    if len(gold) != len(answer):
        return Match(False, "another number of items")
    if pairs := pairs_by_noun(gold, answer):
        return _paired(gold, answer, pairs, rules, compare)
    left = list(gold)
    for position, item in enumerate(answer, start=1):
        partner = next((index for index, other in enumerate(left) if compare(other, item, rules)), None)
        if partner is None:
            return Match(False, f"item {position} is not among those asked for")
        del left[partner]
    return Match(True)


def _paired(
    gold: Items[Node], answer: Items[Node], pairs: list[tuple[int, int]], rules: Rules, compare: Compare
) -> Match:
    """Items whose nouns say which belongs to which, and the rest in any order."""
    for left, right in pairs:
        if not compare(gold[left], answer[right], rules):
            return Match(False, f"item {right + 1}: another number of these")
    paired = [{pair[side] for pair in pairs} for side in (0, 1)]
    rest = [
        [item for index, item in enumerate(items) if index not in taken]
        for items, taken in zip((gold, answer), paired, strict=True)
    ]
    return unordered(rest[0], rest[1], rules, compare)
