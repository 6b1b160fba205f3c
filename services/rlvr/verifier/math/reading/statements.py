"""The whole of one answer: lists, relations, definitions and unions around the quantities of `quantities`.

answer   = item (("," | ";" | "and" | "or") item)*
item     = f(x) "=" union | union (relation union)*
union    = quantity ("\\cup" quantity)*
"""

from __future__ import annotations

from rlvr.verifier.math.limits import MAX_ITEMS, OverBudget, Unparseable
from rlvr.verifier.math.reading.quantities import QuantityParser
from rlvr.verifier.math.tree import (
    EXPRESSIONS,
    Constant,
    Definition,
    Equation,
    Negation,
    Node,
    Sequence,
    Symbol,
    Union,
    free_symbols,
)

_ORDER = {"<": False, "<=": True, ">": False, ">=": True}
"""Inequality signs -> whether the bound belongs to the interval."""
_RELATIONS = ("=", "<", "<=", ">", ">=", r"\approx", r"\in")
_INFINITY = Constant("infinity")


class AnswerParser(QuantityParser):
    """One answer. Use `parse_answer`."""

    def answer(self) -> Node:
        """The whole of the tokens.

        Raises:
            Unparseable: something is left over.
        """
        items = [self.item()]
        while self.accept(",", ";"):
            self.accept(",", ";")  # `1, 2, and 3`
            items.append(self.item())
            if len(items) > MAX_ITEMS:
                raise OverBudget(f"more than {MAX_ITEMS} items")
        if self.peek().kind != "end":
            raise Unparseable(f"cannot read {self.peek().text!r} here")
        return items[0] if len(items) == 1 else Sequence("", "", tuple(items))

    def item(self) -> Node:
        parameters = self._definition_head()
        if parameters:
            return Definition(parameters, self._union())
        sides, relations = [self._union()], []
        while relation := self.accept(*_RELATIONS):
            relations.append(relation)
            sides.append(self._union())
        return _related(sides, relations) if relations else sides[0]

    def _definition_head(self) -> tuple[str, ...]:
        """The parameters of a leading `f(x, y) =`, taken; none if there is no such head."""
        if self.peek().kind != "symbol" or self.peek(1).text != "(" or self.peek(2).kind != "symbol":
            return ()
        names, ahead = [self.peek(2).text], 3
        while self.peek(ahead).text == "," and self.peek(ahead + 1).kind == "symbol":
            names.append(self.peek(ahead + 1).text)
            ahead += 2
        if self.peek(ahead).text != ")" or self.peek(ahead + 1).text != "=":
            return ()
        self.position += ahead + 2
        return tuple(names)

    def _union(self) -> Node:
        parts = [self.quantity()]
        while self.accept(r"\cup"):
            parts.append(self.quantity())
            if len(parts) > MAX_ITEMS:
                raise OverBudget(f"more than {MAX_ITEMS} items")
        return parts[0] if len(parts) == 1 else Union(tuple(parts))


def _related(sides: list[Node], relations: list[str]) -> Node:
    if set(relations) <= {"=", r"\approx"}:
        # `exact = other form \approx decimal`: the approximations add nothing to what is exact.
        exact = [sides[0]]
        exact += [side for side, relation in zip(sides[1:], relations, strict=True) if relation == "="]
        if len(exact) == 1 and isinstance(exact[0], Symbol):
            exact.append(sides[1])
        return exact[0] if len(exact) == 1 else Equation(tuple(exact))
    if relations == [r"\in"]:
        return sides[1]
    return _interval(sides, relations)


def _interval(sides: list[Node], relations: list[str]) -> Node:
    """`x > 3`, `3 < x`, `1 < x <= 2` as the interval they stand for.

    Raises:
        Unparseable: anything else, such as an inequality still to be solved.
    """
    if not set(relations) <= set(_ORDER) or len(sides) > 3:
        raise Unparseable("a chain of mixed relations")
    if all(relation[0] == ">" for relation in relations):
        sides, relations = sides[::-1], relations[::-1]
    elif not all(relation[0] == "<" for relation in relations):
        raise Unparseable("a chain of inequalities in both directions")
    closed = [_ORDER[relation] for relation in relations]
    if len(sides) == 3:
        low, variable, high = sides
    elif isinstance(sides[0], Symbol):
        low, variable, high = Negation(_INFINITY), sides[0], sides[1]
        closed = [False, *closed]
    else:
        low, variable, high = sides[0], sides[1], _INFINITY
        closed = [*closed, False]
    bounded = all(isinstance(bound, EXPRESSIONS) for bound in (low, high))
    if not isinstance(variable, Symbol) or not bounded or variable.name in free_symbols(low) | free_symbols(high):
        raise Unparseable("an inequality that is not solved for a variable")
    return Sequence("[" if closed[0] else "(", "]" if closed[1] else ")", (low, high))
