"""The typed tree of an answer. Small, immutable, compared structurally by `==`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from typing import Any, get_args

Unit = tuple[tuple[str, int], ...]
"""Powers of the symbols of `reading.units`, sorted: km/h is (("h", -1), ("km", 1))."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written in one piece: 42, 1,000, .5, 2.5e3, 1 1/2."""

    value: Fraction
    places: int = field(default=0, compare=False)
    """Decimal places as written: 2 in 2.50. Negative or 0 for a scientific or a whole number."""


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
    """A function of its arguments: a known one (see `evaluation`), or an unknown one, then named `f()`."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class BigOperator:
    """`sum`, `prod`, `int` or `lim` of `body` over a variable, which stands in it as `Bound(level)`.

    `bounds`: (lower, upper) of a sum or product; none or two of an integral; the point of a limit, and the
    side it is approached from.
    """

    kind: str
    level: int
    bounds: tuple[Node, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Bound:
    """The variable of the big operator of that level; levels count from the innermost."""

    level: int


@dataclass(frozen=True, slots=True)
class Dots:
    r"""`\cdots`: what is left out."""


@dataclass(frozen=True, slots=True)
class Residue:
    """A class of numbers: `value` and all that differ from it by multiples of `modulus`."""

    value: Node
    modulus: Node


@dataclass(frozen=True, slots=True)
class Cases:
    """A value for each of several conditions; a condition in words is `Words`."""

    branches: tuple[tuple[Node, Node], ...]
    """(value, condition)."""


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
class Intersection:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """The items of `whole` that are not in `removed`."""

    whole: Node
    removed: Node


@dataclass(frozen=True, slots=True)
class Solutions:
    """The values that a variable may take: x > 3, 1 < x <= 2, x != 0, {x | x < 1}."""

    variable: str
    values: Node


@dataclass(frozen=True, slots=True)
class Relation:
    """An inequality that is not solved for a variable: a + b > c, as left < right or left <= right."""

    left: Node
    right: Node
    strict: bool


@dataclass(frozen=True, slots=True)
class Quantified:
    r"""For all, or for some, values of a variable: \forall x > 0, 3^x > x."""

    universal: bool
    variable: str
    values: Node | None
    """Where the variable is taken from; None if that is not said."""
    body: Node


@dataclass(frozen=True, slots=True)
class Chain:
    """An order of several values: a < b <= c, from the smallest to the largest; `strict[i]` is after item i."""

    items: tuple[Node, ...]
    strict: tuple[bool, ...]


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
    """f(x, y) = body; the names of the parameters do not matter."""

    name: str
    parameters: tuple[str, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Labelled:
    """label: value, label = value; the label in words, casefolded."""

    label: str
    value: Node


@dataclass(frozen=True, slots=True)
class Choice:
    """(B) 12: the letter of a choice and its text."""

    letter: str
    content: Node


@dataclass(frozen=True, slots=True)
class Qualified:
    """An answer and what is said of its letters: `k pi, k in Z`, `a x + b where a is real`."""

    body: Node
    domains: tuple[tuple[str, str], ...]
    """(letter, domain), sorted; the domain in the singular of its words: `integer`, `positive integer`."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value, its unit of measurement, and what is counted: `5 pounds of apples`, `7 goats`."""

    value: Node
    unit: Unit
    """Empty if there is none."""
    noun: str = ""
    """In the singular, casefolded; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Date:
    """A date or a part of one; the day of the week is filled in where it follows from the rest."""

    year: int | None
    month: int
    day: int | None
    weekday: int | None = None
    """0 is Monday."""
    order_known: bool = True
    """False for 05/01/2023, where `month` and `day` are the numbers in the order written."""


@dataclass(frozen=True, slots=True)
class Time:
    """A time of day on a clock of twelve hours, 1 to 12; `half` is `am`, `pm`, or empty where it is not said."""

    hour: int
    minute: int
    second: int
    half: str


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
    | BigOperator
    | Bound
    | Dots
    | Residue
    | Cases
    | Sequence
    | Union
    | Intersection
    | Difference
    | Solutions
    | Relation
    | Quantified
    | Chain
    | Matrix
    | Ratio
    | Equation
    | Definition
    | Labelled
    | Choice
    | Qualified
    | Quantity
    | Date
    | Time
    | Words
)

NODES = get_args(Node)
"""All kinds of nodes."""
EXPRESSIONS = (
    *(Number, Percent, Based, Symbol, Constant, Negation, Sum, Product, Quotient, Power, Call),
    *(BigOperator, Bound, Dots),
)
"""Nodes that stand for a number or a formula (the rest are containers, statements and words)."""


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below; none for leaves."""
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
        case Number() | Symbol() | Constant() | Based() | Words():
            return ()
        case _:
            return tuple(_nodes([getattr(node, slot.name) for slot in fields(node)]))


def _nodes(values: Iterable[Any]) -> Iterator[Node]:
    for value in values:
        if isinstance(value, tuple):
            yield from _nodes(value)
        elif isinstance(value, NODES):
            yield value


def walk(node: Node) -> Iterator[Node]:
    """Every node of a tree, itself included."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(children(current))


def free_symbols(node: Node) -> frozenset[str]:
    """Names of the variables in a tree, without the parameters of definitions."""
    names = frozenset(part.name for part in walk(node) if isinstance(part, Symbol))
    if isinstance(node, EXPRESSIONS):
        return names
    return names.difference(*(part.parameters for part in walk(node) if isinstance(part, Definition)))


def substitute(node: Node, values: Mapping[str, Node]) -> Node:
    """The tree with its variables replaced at once. A definition's parameters stay bound to it."""
    if isinstance(node, Symbol):
        return values.get(node.name, node)
    if isinstance(node, Definition):
        values = {name: value for name, value in values.items() if name not in node.parameters}
    if isinstance(node, Solutions):
        variable = values.get(node.variable)
        name = variable.name if isinstance(variable, Symbol) else node.variable
        return Solutions(name, substitute(node.values, values))
    inner = {
        slot.name: _substitute_in(value, values)
        for slot in fields(node)
        if isinstance(value := getattr(node, slot.name), (tuple, *NODES))
    }
    return replace(node, **inner) if inner else node


def _substitute_in(value: Any, values: Mapping[str, Node]) -> Any:
    if isinstance(value, tuple):
        return tuple(_substitute_in(item, values) for item in value)
    return substitute(value, values) if isinstance(value, NODES) else value


def rename(node: Node, names: Mapping[str, str]) -> Node:
    """The tree with its variables renamed at once."""
    return substitute(node, {old: Symbol(new) for old, new in names.items()})
