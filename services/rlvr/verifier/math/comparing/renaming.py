"""Letters that may have any name: arbitrary constants, and the integers that number the solutions.

x + 1 is not y + 1, as the letters of an answer are those of the problem. Yet (2c, c) is (2C, C) and n pi is k pi
where these are letters that the answer brought in itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import permutations

from rlvr.verifier.math.tree import (
    Constant,
    Definition,
    Equation,
    Node,
    Qualified,
    Sequence,
    Symbol,
    free_symbols,
    walk,
)

_MAX_RENAMED = 3
_CONSTANTS = re.compile(r"[cCkK](?:_\w)?|[AB]_\w")
"""Letters for arbitrary constants."""
_OTHER_CONSTANTS = frozenset("ABDab")
"""What people write for C and C_1 as well."""
_INTEGERS = frozenset("klmnjrts")
"""Letters that number solutions."""


def renamings(gold: Node, answer: Node, *, any_name: bool) -> Iterator[dict[str, str]]:
    """The ways to rename letters that only the answer has to letters that only the gold has.

    Empty where the number of these letters differs, or where they are not of a kind that may be renamed.
    """
    expected, given = _letters(gold), _letters(answer)
    if any_name:
        yield from _all_renamings(gold, answer, expected, given)
        return
    targets, sources = sorted(expected - given), sorted(given - expected)
    if not targets or len(targets) != len(sources) or len(targets) > _MAX_RENAMED:
        return
    if set(targets) & _only_bare(gold) or set(sources) & _only_bare(answer):
        return
    parameters = _parameters(gold, expected)
    said = _qualified(gold) | _qualified(answer)
    for order in permutations(targets):
        pairs = list(zip(sources, order, strict=True))
        if all(_may_rename(source, target, parameters, said) for source, target in pairs):
            yield dict(pairs)


def _all_renamings(
    gold: Node, answer: Node, expected: frozenset[str], given: frozenset[str]
) -> Iterator[dict[str, str]]:
    """Every renaming, except of a lone letter: that may be the one of a choice."""
    if len(expected) != len(given) or len(given) > _MAX_RENAMED or isinstance(answer, Symbol):
        return
    sources = sorted(given)
    for order in permutations(sorted(expected)):
        yield dict(zip(sources, order, strict=True))


def _letters(node: Node) -> frozenset[str]:
    """The letters of an answer without the names that it gives to values, as x and y in (x, y) = (t, 2t)."""
    match node:
        case Qualified(body, _):
            return _letters(body)
        case Equation((Symbol(), *_, value)):
            return _letters(value)
        case Definition(_, _, body):
            return _letters(body)
        case Sequence(_, _, items):
            return frozenset().union(*map(_letters, items))
        case _:
            return free_symbols(node)


def _only_bare(node: Node) -> frozenset[str]:
    """The letters that are nothing but answers or items of their own: the letter of a choice is no constant."""
    items = node.items if isinstance(node, Sequence) else (node,)
    bare = {item.name for item in items if isinstance(item, Symbol)}
    return frozenset(bare) - frozenset().union(*(free_symbols(i) for i in items if not isinstance(i, Symbol)))


def _may_rename(source: str, target: str, parameters: frozenset[str], said: frozenset[str]) -> bool:
    if _CONSTANTS.fullmatch(target) and _CONSTANTS.fullmatch(source):
        return True
    if _CONSTANTS.fullmatch(target) and source in _OTHER_CONSTANTS:
        return True
    numbers_solutions = target in parameters or target in said or source in said
    return numbers_solutions and (source in said or source in _INTEGERS)


def _qualified(node: Node) -> frozenset[str]:
    return frozenset(letter for letter, _ in node.domains) if isinstance(node, Qualified) else frozenset()


def _parameters(gold: Node, letters: frozenset[str]) -> frozenset[str]:
    """The letters of a gold that number its solutions: t of (x, y) = (1 + t, 2t), k of x = k pi."""
    body = gold.body if isinstance(gold, Qualified) else gold
    if isinstance(body, Sequence) and body.items and all(isinstance(item, Equation) for item in body.items):
        return letters
    with_pi = Constant("pi") in walk(body)
    named = isinstance(body, Equation) and isinstance(body.sides[0], Symbol) and body.sides[0].name not in _INTEGERS
    return letters & _INTEGERS if with_pi or named else frozenset()
