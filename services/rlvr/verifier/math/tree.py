"""The typed tree of an answer. Small, immutable, compared structurally by `==`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written in one piece: 42, 1,000, .5, 2.5e3, 1 1/2."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Percent:
    """`face` %, worth face / 100."""

    face: Node


@dataclass(frozen=True, slots=True)
class Based:
    """An integer written in another base, as 1011_2."""

    value: int
    base: int


@dataclass(frozen=True, slots=True)
class Symbol:
    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """`pi`, `e`, `i` or `infinity`."""

    name: str


@dataclass(frozen=True, slots=True)
class Negation:
    operand: Node


@dataclass(frozen=True, slots=True)
class Sum:
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Product:
    factors: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Quotient:
    numerator: Node
    denominator: Node


@dataclass(frozen=True, slots=True)
class Power:
    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A known function (`numeric.FUNCTIONS`) of its arguments."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """Items between delimiters: a bare list ("", ""), a set ("{", "}"), a tuple or an interval.

    `(1, 2)` is a pair or an open interval; they are the same answer, so there is no need to know.
    """

    opening: str
    closing: str
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Union:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class Ratio:
    """a : b : c. `clock` where it may also be a time of day, which is not to be reduced."""

    parts: tuple[Node, ...]
    clock: bool


@dataclass(frozen=True, slots=True)
class Equation:
    """side = side (= side ...), as written."""

    sides: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """f(x, y) = body; the names of function and parameters do not matter."""

    parameters: tuple[str, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value and its unit, in the canonical spelling of `units`."""

    value: Node
    unit: str


@dataclass(frozen=True, slots=True)
class Words:
    """An answer in words, casefolded, single-spaced: `evelyn`, `no`, `odd`."""

    text: str


Node = (
    Number
    | Percent
    | Based
    | Symbol
    | Constant
    | Negation
    | Sum
    | Product
    | Quotient
    | Power
    | Call
    | Sequence
    | Union
    | Matrix
    | Ratio
    | Equation
    | Definition
    | Quantity
    | Words
)

EXPRESSIONS = (Number, Percent, Based, Symbol, Constant, Negation, Sum, Product, Quotient, Power, Call)
"""Nodes that stand for a number or a formula (the rest are containers, statements and words)."""


def children(node: Node) -> tuple[Node, ...]:
    """The operands of an expression node; none for leaves."""
    match node:
        case Negation(operand):
            return (operand,)
        case Percent(face):
            return (face,)
        case Sum(terms):
            return terms
        case Product(factors):
            return factors
        case Quotient(numerator, denominator):
            return (numerator, denominator)
        case Power(base, exponent):
            return (base, exponent)
        case Call(_, arguments):
            return arguments
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """Every node of an expression, itself included."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(children(current))


def free_symbols(node: Node) -> frozenset[str]:
    """Names of the variables in an expression."""
    return frozenset(part.name for part in walk(node) if isinstance(part, Symbol))


def rename(node: Node, names: dict[str, str]) -> Node:
    """The expression with its variables renamed at once."""
    match node:
        case Symbol(name):
            return Symbol(names.get(name, name))
        case Negation(operand):
            return Negation(rename(operand, names))
        case Sum(terms):
            return Sum(tuple(rename(term, names) for term in terms))
        case Product(factors):
            return Product(tuple(rename(factor, names) for factor in factors))
        case Quotient(numerator, denominator):
            return Quotient(rename(numerator, names), rename(denominator, names))
        case Power(base, exponent):
            return Power(rename(base, names), rename(exponent, names))
        case Call(name, arguments):
            return Call(name, tuple(rename(argument, names) for argument in arguments))
        case _:
            return node
