"""Equalities and inequalities as what they assert."""

from __future__ import annotations

from typing import TypeGuard

from rlvr.verifier.math.limits import Unparseable
from rlvr.verifier.math.tree import (
    EXPRESSIONS,
    Call,
    Chain,
    Constant,
    Definition,
    Difference,
    Equation,
    Negation,
    Node,
    Product,
    Quantity,
    Quotient,
    Relation,
    Sequence,
    Solutions,
    Symbol,
    Union,
    free_symbols,
)

_STRICT = {"<": True, "<=": False, ">": True, ">=": False}
"""Inequality signs -> whether the bound is left out."""
_INFINITY = Constant("infinity")
REALS = Symbol(r"\mathbb{R}")
_PLAIN_SETS: dict[Node, Node] = {Symbol(letter): Symbol(rf"\mathbb{{{letter}}}") for letter in "RZNQ"}
"""What `x in R` means."""


def related(sides: list[Node], relations: list[str]) -> Node:
    """The tree of `side relation side ...`.

    Raises:
        Unparseable: relations of different kinds are mixed, or sides are compared that cannot be.
    """
    if relations == [r"\to"]:
        relations = ["="]
    if set(relations) <= {"=", r"\approx"}:
        return _equated(sides, relations)
    if relations == [r"\in"]:
        values = _PLAIN_SETS.get(sides[1], sides[1])
        return Solutions(sides[0].name, values) if isinstance(sides[0], Symbol) else values
    if relations == ["!="] and isinstance(sides[0], Symbol):
        return Solutions(sides[0].name, Difference(REALS, Sequence("{", "}", (sides[1],))))
    if set(relations) <= _STRICT.keys():
        return _ordered(sides, relations)
    raise Unparseable("a chain of mixed relations")


def _equated(sides: list[Node], relations: list[str]) -> Node:
    # `exact = other form \approx decimal`: the approximations add nothing to what is exact.
    exact = [sides[0]]
    exact += [side for side, relation in zip(sides[1:], relations, strict=True) if relation == "="]
    if len(exact) == 1 and isinstance(exact[0], Symbol):
        exact.append(sides[1])
    if len(exact) == 1:
        return exact[0]
    if len(exact) == 2:
        return _named(exact[0], exact[1])
    return Equation(tuple(exact))


def _named(name: Node, value: Node) -> Node:
    """What an equation with two sides gives a name to: `3 = x` is x = 3, `f(x) = x` a definition."""
    if isinstance(value, Symbol) and not isinstance(name, Symbol) and not free_symbols(name):
        name, value = value, name
    match name:
        case Call(function, arguments) if function.endswith("()") and all(isinstance(a, Symbol) for a in arguments):
            return Definition(function[:-2], tuple(a.name for a in arguments if isinstance(a, Symbol)), value)
        case Quotient(Product((Symbol("d"), Symbol(function))), Product((Symbol("d"), Symbol()))):
            return Equation((Symbol(f"{function}'"), value))
    return assigned_by_place(name, value) or Equation((name, value))


def assigned_by_place(names: Node, values: Node) -> Node | None:
    """`(x, y) = (1, 2)` as the tuple (x = 1, y = 2); None if it is something else."""
    if not (isinstance(names, Sequence) and isinstance(values, Sequence)) or len(names.items) != len(values.items):
        return None
    assigned: list[Node] = []
    for name, value in zip(names.items, values.items, strict=True):
        match name:
            case Symbol():
                assigned.append(Equation((name, value)))
            case Product((Symbol(function), Symbol(parameter))) | Call(function, (Symbol(parameter),)):
                assigned.append(Definition(function.removesuffix("()"), (parameter,), value))
            case _:
                return None
    return Sequence(values.opening, values.closing, tuple(assigned))


def _ordered(sides: list[Node], relations: list[str]) -> Node:
    """`x > 3`, `1 < x <= 2` as the values of x; `a < b < c` as an order; `a + b > c` as it stands."""
    if all(relation[0] == ">" for relation in relations):
        sides, relations = sides[::-1], relations[::-1]
    elif not all(relation[0] == "<" for relation in relations):
        raise Unparseable("a chain of inequalities in both directions")
    if not all(isinstance(side, (*EXPRESSIONS, Quantity)) for side in sides):
        raise Unparseable("an inequality of what has no order")
    strict = [_STRICT[relation] for relation in relations]
    if len(sides) == 2 and (within := _of_modulus(sides[0], sides[1], strict[0])):
        return within
    if len(sides) == 2:
        return _half_line(sides[0], sides[1], strict[0])
    low, variable, high = sides[:3]
    if len(sides) == 3 and _solved(variable, low, high) and not (free_symbols(low) and free_symbols(high)):
        return Solutions(variable.name, _interval(low, high, strict[0], strict[1]))
    return Chain(tuple(sides), tuple(strict))


def _of_modulus(low: Node, high: Node, strict: bool) -> Node | None:
    """`|x| < 3` as the interval, `|x| > 3` as what is outside; None if it is neither."""
    match low, high:
        case Call("abs", (Symbol(name),)), bound if not free_symbols(bound):
            return Solutions(name, _interval(Negation(bound), bound, strict, strict))
        case bound, Call("abs", (Symbol(name),)) if not free_symbols(bound):
            below = _interval(Negation(_INFINITY), Negation(bound), True, strict)
            return Solutions(name, Union((below, _interval(bound, _INFINITY, strict, True))))
        case _:
            return None


def _half_line(low: Node, high: Node, strict: bool) -> Node:
    if _solved(low, high):
        return Solutions(low.name, _interval(Negation(_INFINITY), high, True, strict))
    if _solved(high, low):
        return Solutions(high.name, _interval(low, _INFINITY, strict, True))
    return Relation(low, high, strict)


def _solved(variable: Node, *bounds: Node) -> TypeGuard[Symbol]:
    """Whether `variable` is a letter that the bounds do not contain."""
    return isinstance(variable, Symbol) and all(variable.name not in free_symbols(bound) for bound in bounds)


def _interval(low: Node, high: Node, low_open: bool, high_open: bool) -> Sequence:
    return Sequence("(" if low_open else "[", ")" if high_open else "]", (low, high))
