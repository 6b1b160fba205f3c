r"""Residue classes: 5 (mod 13), n \equiv 1, 4 (mod 5), n = 4k."""

from __future__ import annotations

from fractions import Fraction
from math import lcm

from rlvr.verifier.math.comparing.exact import rational
from rlvr.verifier.math.comparing.rules import Compare, Match, Rules
from rlvr.verifier.math.tree import (
    EXPRESSIONS,
    Equation,
    Node,
    Number,
    Qualified,
    Residue,
    Sequence,
    free_symbols,
    substitute,
)

_INTEGERS = frozenset("klmnjrts")
_MAX_MODULUS = 10_000
"""Classes of larger moduli are not written out."""


def is_family(node: Node) -> bool:
    r"""Whether a tree is a k + b for the integers k: `n = 3k + 1, k \in \mathbb{Z}`."""
    return isinstance(node, Qualified) and _classes(node) is not None


def has_residue(node: Node) -> bool:
    """Whether a tree is a residue class, a list of them, or one with a name."""
    match node:
        case Residue():
            return True
        case Equation(sides):
            return isinstance(sides[-1], Residue)
        case Sequence("", "", items):
            return any(map(has_residue, items))
        case _:
            return False


def compare_residues(gold: Node, answer: Node, rules: Rules, compare: Compare) -> Match:
    """The same classes of the same modulus; the least residue alone stands for its class."""
    expected, given = _classes(gold), _classes(answer)
    if expected is not None and given is not None:
        modulus = lcm(expected[0], given[0])
        if modulus > _MAX_MODULUS:
            return Match(expected == given, "compared class by class")
        same = _lifted(expected, modulus) == _lifted(given, modulus)
        return Match(same, "the same residues" if same else "other residues")
    classes, other = (expected, answer) if expected is not None else (given, gold)
    value = rational(other) if isinstance(other, EXPRESSIONS) else None
    if classes is None or value is None or len(classes[1]) != 1:
        return Match(False, "a residue class or not")
    return Match(value in classes[1], "the least residue")


def _lifted(classes: tuple[int, frozenset[int]], modulus: int) -> frozenset[int]:
    """The same numbers by a multiple of the modulus: 2 (mod 3) is 2, 5 (mod 6)."""
    step, residues = classes
    return frozenset(residue + step * k for residue in residues for k in range(modulus // step))


def _classes(node: Node) -> tuple[int, frozenset[int]] | None:
    """The modulus and the least residues of the classes, or None."""
    match node:
        case Residue(value, modulus):
            return _class(rational(value), rational(modulus))
        case Qualified(body, domains) if any(domain == "integer" for _, domain in domains):
            return _linear(body)
        case Equation(sides) if isinstance(sides[-1], Residue):
            return _classes(sides[-1])
        case Equation() as equation:
            return _linear(equation)
        case Sequence("", "", items):
            return _together([_classes(item) for item in items])
        case _:
            return None


def _class(value: Fraction | None, modulus: Fraction | None) -> tuple[int, frozenset[int]] | None:
    if value is None or modulus is None or value.denominator != 1 or modulus.denominator != 1 or modulus < 1:
        return None
    return int(modulus), frozenset({int(value) % int(modulus)})


def _linear(node: Node) -> tuple[int, frozenset[int]] | None:
    """a k + b for integers k as the class of b modulo a."""
    body = node.sides[-1] if isinstance(node, Equation) else node
    letters = free_symbols(body)
    if len(letters) != 1 or not letters <= _INTEGERS or not isinstance(body, EXPRESSIONS):
        return None
    at = [rational(substitute(body, dict.fromkeys(letters, Number(Fraction(k))))) for k in range(3)]
    if at[0] is None or at[1] is None or at[2] is None or at[2] - at[1] != at[1] - at[0]:
        return None
    return _class(at[0], abs(at[1] - at[0]))


def _together(classes: list[tuple[int, frozenset[int]] | None]) -> tuple[int, frozenset[int]] | None:
    moduli, residues = set(), frozenset[int]()
    for found in classes:
        if found is None:
            return None
        moduli.add(found[0])
        residues |= found[1]
    return (moduli.pop(), residues) if len(moduli) == 1 else None
