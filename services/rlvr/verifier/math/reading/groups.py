r"""What stands between delimiters: groups, sets, tuples, bars, matrices, determinants, cases."""

from __future__ import annotations

import re

from rlvr.verifier.math.limits import MAX_ITEMS, OverBudget, Unparseable
from rlvr.verifier.math.reading.cursor import Cursor
from rlvr.verifier.math.reading.vocabulary import PAIRED
from rlvr.verifier.math.tree import (
    Call,
    Cases,
    Matrix,
    Negation,
    Node,
    Product,
    Quotient,
    Sequence,
    Sum,
    Words,
    walk,
)

_CLOSING = {"(": ")]", "[": ")]", r"\{": (r"\}",)}
_ENVIRONMENT = re.compile(r"\\begin\{([pbBvV]?matrix|smallmatrix|array|cases|aligned|align)\}")
MATRIX_OPENINGS = frozenset(rf"\begin{{{kind}}}" for kind in ("pmatrix", "bmatrix", "Bmatrix", "matrix", "smallmatrix"))
_CONDITION_OPENERS = frozenset({"if", "for", "when", "where", "while"})
_OTHERWISE = frozenset({"otherwise", "else", "elsewhere"})
_MAX_DETERMINANT_SIZE = 3
_MAX_DETERMINANT_ENTRY_NODES = 8
"""A determinant is written out at once, and each of its entries several times."""


class GroupParser(Cursor):
    """Adds everything that has an opening and a closing."""

    def _delimited(self, text: str) -> Node:
        """The group whose opening has just been taken.

        Raises:
            Unparseable: nothing opens with that.
        """
        if text in _CLOSING:
            return self._bracketed(text)
        if text == "{":
            return self._braced()
        if text in ("|", r"\|") and not self.in_bars:
            self.in_bars = True
            operand = self.sum()
            self.in_bars = False
            self.expect(text)
            return Call("abs", (operand,))
        if text in PAIRED:
            closing, name = PAIRED[text]
            operand = self._free_of_bars()
            self.expect(closing)
            return Call(name, (operand,))
        if text in (r"\langle", "<"):
            items = self._formulas()
            self.expect(r"\rangle" if text == r"\langle" else ">")
            return Sequence("(", ")", items)
        if text == r"\emptyset":
            return Sequence("{", "}", ())
        if environment := _ENVIRONMENT.fullmatch(text):
            return self._environment(environment[1])
        raise Unparseable(f"cannot read {text!r} here")

    def _free_of_bars(self) -> Node:
        outer, self.in_bars = self.in_bars, False
        node = self.sum()
        self.in_bars = outer
        return node

    def _braced(self) -> Node:
        r"""A LaTeX group, `{a \over b}`, `{n \choose k}`, or in plain text a set."""
        items = self._items()
        if len(items) == 1 and (division := self.accept(r"\over", r"\choose")):
            below = self.sum()
            self.expect("}")
            return Quotient(items[0], below) if division == r"\over" else Call("binomial", (items[0], below))
        self.expect("}")
        return items[0] if len(items) == 1 else Sequence("{", "}", items)

    def _bracketed(self, opening: str) -> Node:
        if opening == r"\{" and self.accept(r"\}"):
            return Sequence("{", "}", ())
        items = self._items()
        closing = self.expect(*_CLOSING[opening])
        if opening == r"\{":
            return Sequence("{", "}", items)
        if len(items) == 1 and {opening: closing} in ({"(": ")"}, {"[": "]"}):
            return items[0]
        return Sequence(opening, closing, items)

    def _items(self) -> tuple[Node, ...]:
        outer, self.in_bars = self.in_bars, False
        items = [self.item()]
        while self.accept(",", ";", "and", "or"):
            items.append(self.item())
            if len(items) > MAX_ITEMS:
                raise OverBudget(f"more than {MAX_ITEMS} items")
        self.in_bars = outer
        return tuple(items)

    def _formulas(self) -> tuple[Node, ...]:
        """Formulas with commas between them, where a relation cannot be meant."""
        items = [self._free_of_bars()]
        while self.accept(","):
            items.append(self._free_of_bars())
            if len(items) > MAX_ITEMS:
                raise OverBudget(f"more than {MAX_ITEMS} items")
        return tuple(items)

    # environments

    def _environment(self, name: str) -> Node:
        end = f"\\end{{{name}}}"
        if name == "array":
            self.take_braced_text()
        if name in ("cases", "aligned", "align"):
            return self._cases(end)
        matrix = Matrix(self._rows(end))
        return determinant(matrix) if name == "vmatrix" else matrix

    def _rows(self, end: str) -> tuple[tuple[Node, ...], ...]:
        rows: list[list[Node]] = [[]]
        cells = 0
        while not self.accept(end):
            rows[-1].append(self._free_of_bars())
            cells += 1
            if cells > MAX_ITEMS:
                raise OverBudget(f"more than {MAX_ITEMS} items")
            if self.accept("\\\\"):
                rows.append([])
            elif not self.accept("&") and self.peek().text != end:
                raise Unparseable(f"expected & or {end}")
        matrix = tuple(tuple(row) for row in rows if row)
        if not matrix or len({len(row) for row in matrix}) != 1:
            raise Unparseable("a matrix with rows of different lengths")
        return matrix

    def _cases(self, end: str) -> Node:
        """Branches `value & condition`, or a system of equations without conditions."""
        branches: list[tuple[Node, Node]] = []
        statements: list[Node] = []
        while not self.accept(end):
            self.accept("&")
            node = self.item()
            self.accept(",", ";")
            if self.accept("&") or self.peek().text not in ("\\\\", end):
                branches.append((node, self._condition_of_case(end)))
            else:
                statements.append(node)
            if len(branches) + len(statements) > MAX_ITEMS:
                raise OverBudget(f"more than {MAX_ITEMS} items")
            if not self.accept("\\\\") and self.peek().text != end:
                raise Unparseable(f"expected \\\\ or {end}")
        if statements and not branches:
            return statements[0] if len(statements) == 1 else Sequence("", "", tuple(statements))
        if not branches or len(statements) > 1:
            raise Unparseable("cases without their conditions")
        return Cases((*branches, *((node, Words("otherwise")) for node in statements)))

    def _condition_of_case(self, end: str) -> Node:
        if self.peek().text.lower() in _CONDITION_OPENERS:
            self.take()
        if self.peek().text.lower() in _OTHERWISE:
            self.take()
            return Words("otherwise")
        start = self.mark()
        try:
            conditions = [self.item()]
            while self.accept(",", "and"):
                conditions.append(self.item())
        except Unparseable:
            conditions = []
        if conditions and self.peek().text in ("\\\\", end):
            return conditions[0] if len(conditions) == 1 else Sequence("", "", tuple(conditions))
        # A condition in words: `n is even`.
        self.return_to(start)
        words: list[str] = []
        while self.peek().text not in ("\\\\", end):
            if self.peek().kind == "end":
                raise Unparseable(f"expected {end}")
            words.append(self.take().text)
        return Words(" ".join(words).casefold())


def transposed(node: Node) -> Node | None:
    """The transpose of a matrix or of a vector written as a row; None of anything else."""
    if isinstance(node, Matrix):
        return Matrix(tuple(zip(*node.rows, strict=True)))
    if isinstance(node, Sequence) and node.opening + node.closing in ("()", "[]"):
        return Matrix(tuple((item,) for item in node.items))
    return None


def determinant(matrix: Matrix) -> Node:
    """The determinant written out (Leibniz), for small ones of short entries.

    Raises:
        Unparseable: it is not square.
        OverBudget: it is too large.
    """
    size = len(matrix.rows)
    if size != len(matrix.rows[0]):
        raise Unparseable("a determinant that is not square")
    entries = [entry for row in matrix.rows for entry in row]
    longest = max(sum(1 for _ in walk(entry)) for entry in entries)
    if size > _MAX_DETERMINANT_SIZE or longest > _MAX_DETERMINANT_ENTRY_NODES:
        raise OverBudget(f"a determinant of more than {_MAX_DETERMINANT_SIZE} rows or with long entries")
    return _expanded(matrix.rows)


def _expanded(rows: tuple[tuple[Node, ...], ...]) -> Node:
    if len(rows) == 1:
        return rows[0][0]
    terms: list[Node] = []
    for column, entry in enumerate(rows[0]):
        minor = tuple(row[:column] + row[column + 1 :] for row in rows[1:])
        term = Product((entry, _expanded(minor)))
        terms.append(Negation(term) if column % 2 else term)
    return Sum(tuple(terms))
