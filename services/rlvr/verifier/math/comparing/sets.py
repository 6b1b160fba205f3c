"""Sets of real numbers: intervals, unions, differences, the solutions of inequalities.

A set whose bounds are numbers is brought to its pieces, from left to right and as few as there can be, so
that (0, 2) and (0, 1] u (1, 2) are the same. Where a bound has variables, the sets are compared part by part.
"""

from __future__ import annotations

from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor
from typing import Any

from rlvr.verifier.math.comparing import numeric
from rlvr.verifier.math.comparing.matching import in_order, unordered
from rlvr.verifier.math.comparing.rules import Compare, Match, Rules
from rlvr.verifier.math.comparing.statements import as_relation, compare_relations
from rlvr.verifier.math.limits import MAX_ITEMS, OverBudget
from rlvr.verifier.math.tree import (
    EXPRESSIONS,
    Constant,
    Difference,
    Equation,
    Intersection,
    Negation,
    Node,
    Number,
    Relation,
    Sequence,
    Solutions,
    Symbol,
    Union,
)

_INFINITY = Constant("infinity")
_ENDS = {_INFINITY: 1, Negation(_INFINITY): -1}


_INTEGERS = Symbol(r"\mathbb{Z}")


@dataclass(frozen=True, slots=True)
class _Bound:
    """One end of a piece. `side` is -1, 0 or 1 where it stands just before, at or just after the value."""

    value: Any
    side: int
    node: Node


@dataclass(frozen=True, slots=True)
class _Piece:
    low: _Bound
    high: _Bound


def compare_sets(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """Sets of which at least one is written as a union, a difference or the solutions of an inequality."""
    match gold, answer:
        case Solutions(expected, _), Solutions(given, _) if expected != given and not rules.any_variables:
            if isinstance(as_relation(gold), Relation) and isinstance(as_relation(answer), Relation):
                return compare_relations(gold, answer, rules, compare)
            return Match(False, "values of another variable")
    sides = gold, answer
    gold, answer = _values(gold), _values(answer)
    pieces = _pieces(gold), _pieces(answer)
    if pieces[0] is not None and pieces[1] is not None:
        return _same_pieces(pieces[0], pieces[1], rules, compare)
    if isinstance(gold, Union) and isinstance(answer, Union):
        return unordered(gold.parts, answer.parts, rules, compare)
    if isinstance(gold, Difference) and isinstance(answer, Difference):
        return in_order((gold.whole, gold.removed), (answer.whole, answer.removed), rules, compare)
    if isinstance(gold, Union | Difference | Intersection) or isinstance(answer, Union | Difference | Intersection):
        return Match(False, "not the same set")
    if (gold, answer) == sides:
        return Match(False, "a set for a value or a value for a set")
    return compare(gold, answer, rules)


def _values(node: Node) -> Node:
    return node.values if isinstance(node, Solutions) else node


def _same_pieces(gold: list[_Piece], answer: list[_Piece], rules: Rules, compare: Compare) -> Match:
    if len(gold) != len(answer):
        return Match(False, "not the same set")
    for left, right in zip(gold, answer, strict=True):
        for expected, bound in ((left.low, right.low), (left.high, right.high)):
            if expected.side != bound.side:
                return Match(False, "a bound that does or does not belong to the set")
            match = compare(expected.node, bound.node, rules)
            if not match:
                return Match(False, f"another bound: {match.detail}")
    return Match(True)


# Pieces


def _pieces(node: Node) -> list[_Piece] | None:
    """The pieces of a set of real numbers, or None if it is something else.

    Raises:
        OverBudget: there are too many.
    """
    match node:
        case Sequence("{", "}", items) | Sequence("", "", items):
            return _join([_pieces(item) for item in items])
        case Sequence(opening, closing, (low, high)):
            piece = _interval(low, high, opening == "[", closing == "]")
            return None if piece is None else _merged([piece])
        case Symbol(r"\mathbb{R}"):
            return [_Piece(_Bound(None, -1, Negation(_INFINITY)), _Bound(None, 1, _INFINITY))]
        case Solutions(_, values):
            return _pieces(values)
        case Equation((Symbol(), value)):
            return _pieces(value)
        case Union(parts):
            return _join([_pieces(part) for part in parts])
        case Intersection(parts):
            return _intersection(parts)
        case Difference(whole, removed):
            kept, gone = _pieces(whole), _pieces(removed)
            return None if kept is None or gone is None else _without(kept, gone)
    if not isinstance(node, EXPRESSIONS) or node in _ENDS:
        return None
    point = numeric.real_value(node)
    return None if point is None else [_Piece(_Bound(point, 0, node), _Bound(point, 0, node))]


def _interval(low: Node, high: Node, low_closed: bool, high_closed: bool) -> _Piece | None:
    below, above = _bound(low, 0 if low_closed else 1), _bound(high, 0 if high_closed else -1)
    return None if below is None or above is None else _Piece(below, above)


def _bound(node: Node, side: int) -> _Bound | None:
    end = _ENDS.get(node)
    if end is not None:
        return _Bound(None, end, node)
    value = numeric.real_value(node) if isinstance(node, EXPRESSIONS) else None
    return None if value is None else _Bound(value, side, node)


def _key(bound: _Bound) -> tuple[int, Any, int]:
    """Orders bounds along the line; an infinite one has no value and only a side."""
    return (bound.side, 0, 0) if bound.value is None else (0, bound.value, bound.side)


def _close(first: Any, second: Any) -> bool:
    """Equal to 20 of the 30 digits that values are computed with."""
    return bool(abs(first - second) <= 1e-20 * (1 + abs(first)))


def _before(first: _Bound, second: _Bound) -> bool:
    a, b = _key(first), _key(second)
    if a[0] == b[0] == 0 and _close(a[1], b[1]):
        return a[2] < b[2]
    return a < b


def _touches(high: _Bound, low: _Bound) -> bool:
    """Whether nothing lies between a piece that ends at `high` and one that begins at `low`."""
    if high.value is None or low.value is None:
        return not _before(high, low)
    if _close(high.value, low.value):
        return not (high.side == -1 and low.side == 1)
    return bool(high.value > low.value)


def _merged(pieces: list[_Piece]) -> list[_Piece]:
    if len(pieces) > MAX_ITEMS:
        raise OverBudget(f"a set of more than {MAX_ITEMS} pieces")
    merged: list[_Piece] = []
    for piece in sorted((p for p in pieces if not _before(p.high, p.low)), key=lambda p: _key(p.low)):
        if merged and _touches(merged[-1].high, piece.low):
            if _before(merged[-1].high, piece.high):
                merged[-1] = replace(merged[-1], high=piece.high)
        else:
            merged.append(piece)
    return merged


def _join(parts: Items[list[_Piece] | None]) -> list[_Piece] | None:
    pieces: list[_Piece] = []
    for part in parts:
        if part is None:
            return None
        pieces += part
    return _merged(pieces)


def _intersection(parts: tuple[Node, ...]) -> list[_Piece] | None:
    """What all parts have in common; where that is nothing, their union (`x < -1 and x > 1`, said loosely)."""
    if _INTEGERS in parts:
        others = tuple(part for part in parts if part != _INTEGERS)
        rest = _intersection(others) if others else None
        return None if rest is None else _integers_in(rest)
    found = [_pieces(part) for part in parts]
    common = found[0]
    for pieces in found[1:]:
        if common is None or pieces is None:
            return None
        common = _merged([_overlap(left, right) for left in common for right in pieces])
    return common or _join(found)


def _integers_in(pieces: list[_Piece]) -> list[_Piece] | None:
    """The integers of a bounded set; None if there are too many to write out."""
    points: list[_Piece] = []
    for piece in pieces:
        if piece.low.value is None or piece.high.value is None:
            return None
        low, high = ceil(piece.low.value), floor(piece.high.value)
        if high - low > MAX_ITEMS:
            return None
        for number in range(low, high + 1):
            node: Node = Number(Fraction(number)) if number >= 0 else Negation(Number(Fraction(-number)))
            bound = _Bound(numeric.real_value(node), 0, node)
            if not (_before(bound, piece.low) or _before(piece.high, bound)):
                points.append(_Piece(bound, bound))
    return _merged(points)


def _overlap(left: _Piece, right: _Piece) -> _Piece:
    low = right.low if _before(left.low, right.low) else left.low
    high = left.high if _before(left.high, right.high) else right.high
    return _Piece(low, high)


def _without(kept: list[_Piece], removed: list[_Piece]) -> list[_Piece]:
    for gone in removed:
        before = replace(gone.low, side=gone.low.side - 1) if gone.low.value is not None else None
        after = replace(gone.high, side=gone.high.side + 1) if gone.high.value is not None else None
        rest = []
        for piece in kept:
            if before is not None:
                rest.append(replace(piece, high=_earlier(piece.high, before)))
            if after is not None:
                rest.append(replace(piece, low=_later(piece.low, after)))
        kept = _merged(rest)
    return kept


def _earlier(first: _Bound, second: _Bound) -> _Bound:
    return first if _before(first, second) else second


def _later(first: _Bound, second: _Bound) -> _Bound:
    return second if _before(first, second) else first
