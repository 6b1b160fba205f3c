r"""A matrix times a number: 2\begin{pmatrix}1\\3\end{pmatrix} as the matrix that it is."""

from __future__ import annotations

from collections.abc import Sequence as Items
from fractions import Fraction

from rlvr.verifier.math.limits import MAX_DEPTH, OverBudget
from rlvr.verifier.math.tree import Matrix, Negation, Node, Number, Product, Quotient


def scaled_matrix(factors: Items[Node]) -> Node | None:
    """The one matrix among the factors with its entries times the others; None if there is not exactly one.

    Raises:
        OverBudget: there are too many factors.
    """
    matrices = [factor for factor in factors if isinstance(factor, Matrix)]
    if len(matrices) != 1:
        return None
    scalars = [factor for factor in factors if not isinstance(factor, Matrix)]
    if len(scalars) > MAX_DEPTH:
        raise OverBudget("too many factors before a matrix")
    return Matrix(tuple(tuple(_product([*scalars, entry]) for entry in row) for row in matrices[0].rows))


def _product(factors: list[Node]) -> Node:
    """The value of a product of numbers written as such, as anybody would put it; any other product as it stands."""
    value = Fraction(1)
    for factor in factors:
        number = _number(factor)
        if number is None:
            return Product(tuple(factors))
        value *= number
    return Number(value) if value >= 0 else Negation(Number(-value))


def _number(node: Node) -> Fraction | None:
    match node:
        case Number(value):
            return value
        case Negation(operand):
            inner = _number(operand)
            return None if inner is None else -inner
        case Quotient(Number(above), Number(below)) if below:
            return above / below
        case _:
            return None
