r"""Big operators: \sum, \prod, \int, \lim with their bound variable.

    \sum_{k=1}^{n} f      \prod_{k \ge 1} f      \sum_{1 \le k \le n} f      \int_a^b f dx      \lim_{x \to a} f

A sum or product takes the product that follows it as its operand, an integral all that stands before its dx.
The bound variable is replaced by its level of nesting, so that trees are equal where only its name differs.
"""

from __future__ import annotations

from fractions import Fraction

from rlvr.verifier.math.limits import Unparseable
from rlvr.verifier.math.reading.cursor import Cursor
from rlvr.verifier.math.tree import (
    BigOperator,
    Bound,
    Constant,
    Negation,
    Node,
    Number,
    Product,
    Quotient,
    Sum,
    Symbol,
    Words,
    free_symbols,
    substitute,
    walk,
)

_ONE = Number(Fraction(1))
_INFINITY = Constant("infinity")


class OperatorParser(Cursor):
    """Adds big operators to the grammar."""

    def _operator(self, name: str) -> Node:
        with self._nested():
            if name == r"\int":
                return self._integral()
            if name == r"\lim":
                return self._limit()
            variable, lower, upper = self._bounds()
            outer, self.indices = self.indices, (*self.indices, variable)
            body = self.product()
            self.indices = outer
            return _bound(name[1:], variable, (lower, upper), body)

    def _bounds(self) -> tuple[str, Node, Node]:
        self.expect("_")
        self.expect("{")
        first = self.sum()
        relation = self.expect("=", ">=", "<=")
        second = self.sum()
        if relation == "=":
            self.expect("}")
            self.expect("^")
            return _name(first), second, self.script()
        upper: Node = _INFINITY
        if relation == "<=":
            first, second = second, first
            if self.accept("<="):
                upper = self.sum()
        self.expect("}")
        return _name(first), second, upper

    def _limit(self) -> Node:
        self.expect("_")
        self.expect("{")
        variable = _name(self.sum())
        self.expect(r"\to")
        side = self._side()
        point = self.sum()
        self.expect("}")
        return _bound("lim", variable, (point, Words(side)) if side else (point,), self.product())

    def _side(self) -> str:
        """The sign of a one-sided limit `0^+` that follows, put out of the exponent's way; empty if there is none."""
        closing = self.position
        while self.tokens[closing : closing + 1] and self.tokens[closing].text != "}":
            closing += 1
        if closing == self.position or self.tokens[closing - 1].text not in ("+", "-"):
            return ""
        if self.tokens[closing - 2].text != "^":
            return ""
        side = self.tokens[closing - 1].text
        del self.tokens[closing - 2 : closing]
        return side

    def _integral(self) -> Node:
        bounds: list[Node] = []
        for sign in ("_", "^"):
            if self.accept(sign):
                bounds.append(self.script())
        outer, self.in_integral = self.in_integral, True
        terms = [self.product()]
        while _split_differential(terms[-1]) is None and (operation := self.accept("+", "-")):
            term = self.product()
            terms.append(Negation(term) if operation == "-" else term)
        self.in_integral = outer
        return _integrated(terms, tuple(bounds))


def _name(node: Node) -> str:
    if node == Constant("i"):  # i counts as well as j and k
        return "i"
    if not isinstance(node, Symbol):
        raise Unparseable("the variable of a big operator is a letter")
    return node.name


def _bound(kind: str, variable: str, bounds: tuple[Node, ...], body: Node) -> BigOperator:
    parts = (part for node in (body, *bounds) for part in walk(node))
    level = 1 + max((part.level for part in parts if isinstance(part, Bound)), default=0)
    bound: dict[str, Node] = {variable: Bound(level)}
    for name in free_symbols(body):
        if name.endswith(f"_{variable}"):  # the index of a sequence
            bound[name] = Symbol(f"{name.removesuffix(variable)}({level})")
    return BigOperator(kind, level, bounds, substitute(body, bound))


def _integrated(terms: list[Node], bounds: tuple[Node, ...]) -> Node:
    """The integral over terms of which the last holds the differential, times what stands behind that.

    Raises:
        Unparseable: there is no differential.
    """
    split = _split_differential(terms[-1])
    if split is None:
        raise Unparseable("an integral without its differential")
    integrand, variable, rest = split
    if len(terms) > 1:
        integrand = Sum((*terms[:-1], integrand))
    integral = _bound("int", variable, bounds, integrand)
    return Product((integral, *rest)) if rest else integral


def _split_differential(term: Node) -> tuple[Node, str, tuple[Node, ...]] | None:
    """What stands before `dx`, the x, and the factors after it."""
    match term:
        case Negation(operand):
            if split := _split_differential(operand):
                return Negation(split[0]), split[1], split[2]
        case Quotient(above, below):
            if split := _split_differential(above):
                return Quotient(split[0], below), split[1], split[2]
        case Product(factors):
            for position, factor in enumerate(factors):
                following = factors[position + 1] if position + 1 < len(factors) else None
                if factor == Symbol("d") and isinstance(following, Symbol):
                    return _product(factors[:position]), following.name, factors[position + 2 :]
                if isinstance(factor, Quotient) and (split := _split_differential(factor)):
                    return _product((*factors[:position], split[0])), split[1], factors[position + 1 :]
    return None


def _product(factors: tuple[Node, ...]) -> Node:
    if not factors:
        return _ONE
    return factors[0] if len(factors) == 1 else Product(factors)
