"""Lists, sets, tuples, intervals, matrices and ratios."""

from __future__ import annotations

from rlvr.verifier.math.comparing.rules import Compare, Match, Rules
from rlvr.verifier.math.comparing.statements import assigned
from rlvr.verifier.math.tree import Matrix, Node, Quotient, Ratio, Sequence, Union


def _items(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Sequence):
        return node.items
    return node.parts if isinstance(node, Union) else (node,)


def compare_sequences(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    if isinstance(gold, Union) or isinstance(answer, Union):
        alike = all(isinstance(side, Union) or _kind(side) == "list" for side in (gold, answer))
        return _unordered(_items(gold), _items(answer), rules, compare) if alike else Match(False, "not the same set")
    kinds = {_kind(gold), _kind(answer)}
    if "single" in kinds:
        return Match(False, "one value for several, or several for one")
    if kinds <= {"list", "set"}:
        return _unordered(_items(gold), _items(answer), rules, compare)
    if len(kinds) == 2 and kinds != {"list", "()"}:
        return Match(False, "delimiters of another meaning")
    return _in_order(_items(gold), _items(answer), rules, compare)


def _kind(node: Node) -> str:
    if not isinstance(node, Sequence):
        return "single"
    return {"": "list", "{}": "set"}.get(node.opening + node.closing, node.opening + node.closing)


def _in_order(gold: tuple[Node, ...], answer: tuple[Node, ...], rules: Rules, compare: Compare) -> Match:
    if len(gold) != len(answer):
        return Match(False, "another number of items")
    for position, (left, right) in enumerate(zip(gold, answer, strict=True), start=1):
        match = compare(left, right, rules)
        if not match:
            return Match(False, f"item {position}: {match.detail}")
    return Match(True)


def _unordered(gold: tuple[Node, ...], answer: tuple[Node, ...], rules: Rules, compare: Compare) -> Match:
    """Equal as multisets, taking for each item the first partner that fits (any one does: equality is transitive)."""
    if len(gold) != len(answer):
        return Match(False, "another number of items")
    if all(assigned(item) for item in answer) and not any(assigned(item) for item in gold):
        return _in_order(gold, answer, rules, compare)
    left = list(gold)
    for position, item in enumerate(answer, start=1):
        partner = next((index for index, other in enumerate(left) if compare(other, item, rules)), None)
        if partner is None:
            return Match(False, f"item {position} is not among those asked for")
        del left[partner]
    return Match(True)


def compare_matrices(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    if not (isinstance(gold, Matrix) and isinstance(answer, Matrix)):
        return Match(False, "a matrix for a value or a value for a matrix")
    if (len(gold.rows), len(gold.rows[0])) != (len(answer.rows), len(answer.rows[0])):
        return Match(False, "a matrix of another shape")
    return _in_order(sum(gold.rows, ()), sum(answer.rows, ()), rules, compare)


def compare_ratios(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    clock = any(isinstance(side, Ratio) and side.clock for side in (gold, answer))
    parts = [side.parts if isinstance(side, Ratio) else (side,) for side in (gold, answer)]
    if clock or max(map(len, parts)) > 2:
        return _in_order(parts[0], parts[1], rules, compare)
    gold, answer = (Quotient(*side) if len(side) == 2 else side[0] for side in parts)
    return compare(gold, answer, Rules(rules.match_units, rules.tolerance, allow_unevaluated=True))
