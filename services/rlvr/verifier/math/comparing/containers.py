"""Lists, sets, tuples, matrices and ratios."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from rlvr.verifier.math.comparing.exact import rational
from rlvr.verifier.math.comparing.matching import in_order, unordered
from rlvr.verifier.math.comparing.rules import Compare, Match, Rules
from rlvr.verifier.math.comparing.statements import assigned
from rlvr.verifier.math.tree import (
    EXPRESSIONS,
    Call,
    Chain,
    Definition,
    Equation,
    Labelled,
    Matrix,
    Node,
    Number,
    Quotient,
    Ratio,
    Sequence,
    free_symbols,
    substitute,
)

_COORDINATE = re.compile(r"[xyz]|[a-z]_[0-9]")
_BASIS = (r"\vec{i}", r"\vec{j}", r"\vec{k}")
_TUPLES = frozenset({"()", "[]", "<>"})


def compare_sequences(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """Lists, sets, tuples and intervals. A bare list stands for a set, a tuple or an order as well."""
    if isinstance(gold, Matrix) or isinstance(answer, Matrix):
        return compare_matrices(gold, answer, rules, compare)
    gold, answer = _as_components(gold, answer), _as_components(answer, gold)
    kinds = _kind(gold), _kind(answer)
    if "single" in kinds:
        same = _grouped_digits(gold) == _grouped_digits(answer) != ""
        return Match(same, "one value for several, or several for one")
    if kinds[0] != kinds[1] and "list" not in kinds:
        return Match(False, "delimiters of another meaning")
    if set(kinds) <= {"list", "set"}:
        bare = replace(rules, keep_order=rules.keep_order and "set" not in kinds)
        return _lists(_items(gold), _items(answer), bare, compare)
    if kinds[0] != kinds[1] and not set(kinds) <= {"list", "()", "order"}:
        return Match(False, "delimiters of another meaning")
    names = _names(_items(gold)), _names(_items(answer))
    if names[0] and names[1] and set(names[0]) == set(names[1]):
        return _by_name(_items(gold), _items(answer), rules, compare)
    return in_order(_items(gold), _by_custom(_items(answer), names[1] if not names[0] else ()), rules, compare)


def _grouped_digits(node: Node) -> str:
    """The digits of `153,370,371`, which may be one number or a list of three; empty if it is neither."""
    items = node.items if isinstance(node, Sequence) and not node.opening else (node,)
    values = [item.value for item in items if isinstance(item, Number)]
    if len(values) != len(items) or any(value.denominator != 1 for value in values):
        return ""
    if any(not 100 <= value <= 999 for value in values[1:]):
        return ""
    return "".join(str(value) for value in values) if values[0].numerator.bit_length() < 100 else ""


def _by_custom(items: tuple[Node, ...], names: tuple[str, ...]) -> tuple[Node, ...]:
    """`y = 1, x = 2` in the order of (x, y), where the gold has no names to go by."""
    if not names or not all(_COORDINATE.fullmatch(name) for name in names):
        return items
    return tuple(item for _, item in sorted(zip(names, items, strict=True), key=lambda pair: pair[0]))


def _as_components(node: Node, other: Node) -> Node:
    """3i + 4j as (3, 4), where the other side is a tuple; anything else as it is."""
    if isinstance(node, Call) and node.name == "permutations" and isinstance(other, Sequence):
        return Sequence("(", ")", node.arguments)  # the point P(3, 4)
    if not isinstance(node, EXPRESSIONS) or not isinstance(other, Sequence) or not free_symbols(node) & set(_BASIS):
        return node
    size = len(other.items)
    if not free_symbols(node) & set(_BASIS[size:]):
        return Sequence("(", ")", tuple(_component(node, axis) for axis in _BASIS[:size]))
    return node


def _component(node: Node, axis: str) -> Node:
    values = {name: Number(Fraction(name == axis)) for name in _BASIS}
    component = substitute(node, values)
    value = rational(component)
    return component if value is None else Number(value)


def _items(node: Node) -> tuple[Node, ...]:
    assert isinstance(node, Sequence | Chain)
    return node.items


def _kind(node: Node) -> str:
    if isinstance(node, Chain):
        return "order"
    if not isinstance(node, Sequence):
        return "single"
    return {"": "list", "{}": "set"}.get(node.opening + node.closing, node.opening + node.closing)


def _lists(gold: tuple[Node, ...], answer: tuple[Node, ...], rules: Rules, compare: Compare) -> Match:
    names = _names(gold), _names(answer)
    if names[0] and names[1]:
        if set(names[0]) == set(names[1]):
            return _by_name(gold, answer, rules, compare)
        return in_order(gold, answer, rules, compare)
    if _numbered(names[0]) or _numbered(names[1]):  # x_1 = 2, x_2 = -5: which is which does not matter
        return unordered(_unnamed(gold), _unnamed(answer), rules, compare)
    if names[1] and all(isinstance(item, Labelled) for item in answer):
        return _against_labels(gold, answer, rules, compare)
    if names[0] or names[1] or rules.keep_order:
        return in_order(gold, _by_custom(answer, names[1] if not names[0] else ()), rules, compare)
    return unordered(gold, answer, rules, compare)


def _numbered(names: tuple[str, ...]) -> bool:
    """x_1, x_2: one name with several numbers."""
    return bool(names) and all("_" in name for name in names) and len({name.partition("_")[0] for name in names}) == 1


def _unnamed(items: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(item.sides[-1] if isinstance(item, Equation) else item for item in items)


def _against_labels(gold: tuple[Node, ...], answer: tuple[Node, ...], rules: Rules, compare: Compare) -> Match:
    """`Max = 2, Min = 1` where the gold only has the values.

    A gold in ascending order was sorted by somebody and says nothing of the labels, nor do labels that only count.
    Any other gold has the order of the labels, as written or by the alphabet.
    """
    values = [value for item in answer for value in _labelled_values(item)]
    if _ascending(gold) or all(isinstance(item, Labelled) and item.label[-1:].isdigit() for item in answer):
        return unordered(gold, values, rules, compare)
    by_label = sorted(answer, key=lambda item: item.label if isinstance(item, Labelled) else "")
    by_alphabet = [value for item in by_label for value in _labelled_values(item)]
    return in_order(gold, values, rules, compare) or in_order(gold, by_alphabet, rules, compare)


def _ascending(items: tuple[Node, ...]) -> bool:
    values = [rational(item) if isinstance(item, EXPRESSIONS) else None for item in items]
    return None not in values and values == sorted(value for value in values if value is not None)


def _names(items: tuple[Node, ...]) -> tuple[str, ...]:
    """The names of items that all have one, each another; empty otherwise."""
    names = tuple(filter(None, map(_name, items)))
    return names if len(set(names)) == len(items) else ()


def _name(item: Node) -> str:
    match item:
        case Labelled(label, _):
            return label
        case Definition(name, _, _):
            return name
    named = assigned(item)
    return named[0] if named else ""


def _by_name(gold: tuple[Node, ...], answer: tuple[Node, ...], rules: Rules, compare: Compare) -> Match:
    found = {_name(item): item for item in answer}
    return in_order(gold, [found[_name(item)] for item in gold], rules, compare)


def _labelled_values(item: Node) -> tuple[Node, ...]:
    assert isinstance(item, Labelled)
    return item.value.items if isinstance(item.value, Sequence) and not item.value.opening else (item.value,)


def compare_matrices(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """Matrices by shape and entries; a column or row is the tuple of its entries as well."""
    if isinstance(gold, Matrix) and isinstance(answer, Matrix):
        if (len(gold.rows), len(gold.rows[0])) != (len(answer.rows), len(answer.rows[0])):
            return Match(False, "a matrix of another shape")
        return in_order(sum(gold.rows, ()), sum(answer.rows, ()), rules, compare)
    rows = _rows(gold), _rows(answer)
    if rows[0] is None or rows[1] is None:
        return Match(False, "a matrix for a value or a value for a matrix")
    if len(rows[0]) != len(rows[1]):
        return Match(False, "a matrix of another shape")
    flat = len(rows[0]) == 1
    if flat:
        return in_order(rows[0][0], rows[1][0], rules, compare)
    if [len(row) for row in rows[0]] != [len(row) for row in rows[1]]:
        return Match(False, "a matrix of another shape")
    return in_order(sum(rows[0], ()), sum(rows[1], ()), rules, compare)


def _rows(node: Node) -> tuple[tuple[Node, ...], ...] | None:
    """The rows of a matrix, or of a tuple of tuples; a vector, however written, is one row."""
    if isinstance(node, Matrix):
        vector = len(node.rows) == 1 or len(node.rows[0]) == 1
        return (sum(node.rows, ()),) if vector else node.rows
    if not isinstance(node, Sequence) or node.opening + node.closing not in _TUPLES:
        return None
    if all(isinstance(item, Sequence) and item.opening + item.closing in _TUPLES for item in node.items):
        return tuple(item.items for item in node.items if isinstance(item, Sequence))
    return (node.items,)


def compare_ratios(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """Ratios of two by their quotient, longer ones and times of day part by part."""
    clock = any(isinstance(side, Ratio) and side.clock for side in (gold, answer))
    parts = [side.parts if isinstance(side, Ratio) else (side,) for side in (gold, answer)]
    if max(map(len, parts)) > 2 and not clock and len(parts[0]) == len(parts[1]):
        return _proportional(parts[0], parts[1], rules, compare)
    if clock or max(map(len, parts)) > 2:
        return in_order(parts[0], parts[1], replace(rules, tolerance=None), compare)
    gold, answer = (Quotient(*side) if len(side) == 2 else side[0] for side in parts)
    return compare(gold, answer, replace(rules, allow_unevaluated=True))


def _proportional(gold: tuple[Node, ...], answer: tuple[Node, ...], rules: Rules, compare: Compare) -> Match:
    """a : b : c is 2a : 2b : 2c."""
    exact = replace(rules, allow_unevaluated=True)
    quotients = [[Quotient(part, side[0]) for part in side[1:]] for side in (gold, answer)]
    return in_order(quotients[0], quotients[1], exact, compare)
