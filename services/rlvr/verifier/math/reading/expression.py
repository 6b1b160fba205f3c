"""Recursive descent over tokens: one formula, without lists, relations and units (see `parser`).

    sum      = product (("+" | "-") product)* ("mod" sum)?
    product  = factor (("*" | "/" | nothing) factor)*
    factor   = ("+" | "-")* atom postfix*
    postfix  = "^" argument | "!" | "!!" | "%"
    atom     = number | mixed | symbol | constant | function | operator | fraction | root | binomial | group

`*`, `/` and juxtaposition bind alike and from the left, except that everything after a "/" up to the next "*"
or juxtaposed factor is its denominator: 1/2x is x/2, and a/b/c is a/(bc).

Every loop consumes a token and every recursion passes through `_nested`, so time is linear in the text and
the tree is no deeper than its budget.
"""

from __future__ import annotations

from fractions import Fraction

from rlvr.verifier.math.limits import MAX_DEPTH, OverBudget, Unparseable
from rlvr.verifier.math.reading.functions import STARTERS, FunctionParser
from rlvr.verifier.math.reading.groups import MATRIX_OPENINGS, GroupParser, transposed
from rlvr.verifier.math.reading.matrices import scaled_matrix
from rlvr.verifier.math.reading.numerals import number_from, places_of
from rlvr.verifier.math.reading.operators import OperatorParser
from rlvr.verifier.math.reading.tokens import Token, split_letters
from rlvr.verifier.math.reading.vocabulary import ACCENTS, BINOMIALS, FRACTIONS, OPERATORS
from rlvr.verifier.math.tree import (
    Based,
    Call,
    Constant,
    Dots,
    Matrix,
    Negation,
    Node,
    Number,
    Percent,
    Power,
    Product,
    Quotient,
    Residue,
    Sequence,
    Sum,
    Symbol,
)

_POSTFIXES = frozenset({"^", "!", "%"})
_MODULO = frozenset({r"\bmod", r"\pmod", "("})
_TRANSPOSITION = frozenset({"T", "t", r"\top", r"\intercal"})
_BEGINNINGS = frozenset({"symbol", "constant", "function", "letters"})
_CARRIES_A_NUMBER = (Power, Call)
"""After a power or n! a number may follow as a factor: 2^3 3^2, 3!2!."""


def _times(factors: list[Node]) -> Node:
    if any(isinstance(factor, Matrix) for factor in factors):
        return scaled_matrix(factors) or Product(tuple(factors))
    return Product(tuple(factors))


class ExpressionParser(GroupParser, FunctionParser, OperatorParser):
    """A formula. `statements.AnswerParser` adds what an answer has around its formulas."""

    def sum(self) -> Node:
        terms = [self.product()]
        while sign := self.accept("+", "-"):
            term = self.product()
            terms.append(Negation(term) if sign == "-" else term)
        node = terms[0] if len(terms) == 1 else Sum(tuple(terms))
        return self._modulo(node) if self.peek().text in _MODULO and self._modulo_follows() else node

    def _modulo_follows(self) -> bool:
        token = self.peek()
        return token.text in (r"\bmod", r"\pmod") or (token.text == "(" and self.peek(1).text == r"\bmod")

    def _modulo(self, node: Node) -> Node:
        r"""`a \bmod m` is a number, `a \pmod m` and `a (mod m)` a class of numbers."""
        with self._nested():
            if self.accept("("):
                self.take()
                modulus = self.sum()
                self.expect(")")
                return Residue(node, modulus)
            if self.take().text == r"\bmod":
                return Call("mod", (node, self.product()))
            return Residue(node, self.argument(whole_number=True))

    def product(self) -> Node:
        above: list[Node] = [self.factor()]
        below: list[Node] = []
        while True:
            if (sign := self.peek().text) in ("*", "/") and self.peek(1).kind not in ("word", "unit"):
                self.take()
                (above if sign == "*" else below).append(self.factor())
            elif self._starts_factor() or self._starts_power(above[-1]):
                above.append(self.factor())
            else:
                break
        numerator = above[0] if len(above) == 1 else _times(above)
        if not below:
            return numerator
        return Quotient(numerator, below[0] if len(below) == 1 else Product(tuple(below)))

    def _starts_factor(self) -> bool:
        """Whether a juxtaposed factor follows. Two numbers side by side are not a product."""
        token = self.peek()
        if token.kind in _BEGINNINGS:
            return True
        if token.kind == "sign":
            if token.text == "(":
                return self.peek(1).text != r"\bmod"
            return token.text in "[{" or (token.text == "|" and not self.in_bars) or token.text == r"\dots"
        return token.kind == "command" and (
            token.text in STARTERS or token.text in OPERATORS or token.text in MATRIX_OPENINGS
        )

    def _starts_power(self, previous: Node) -> bool:
        """Whether a number follows that can only be a factor: the 3^2 of 2^3 3^2, the 2! of 3!2!."""
        return (
            self.peek().kind == "number" and self.peek(1).text in ("^", "!") and isinstance(previous, _CARRIES_A_NUMBER)
        )

    def factor(self) -> Node:
        negative = False
        while sign := self.accept("+", "-"):
            negative ^= sign == "-"
        node = self._postfix(self.atom())
        if negative and isinstance(node, Sequence) and node.opening == "(":
            return Sequence("(", ")", tuple(map(Negation, node.items)))
        return Negation(node) if negative else node

    def _postfix(self, node: Node) -> Node:
        if self.peek().text not in _POSTFIXES or self._degree_mark():
            return node
        if self.accept("^"):
            node = self._raised(node)
        if self.peek() == ("sign", "!", self.peek().spaced):
            node = self._factorial(node)
            if self.accept("^"):
                node = Power(node, self.argument(whole_number=True))
        if self.accept("%"):
            node = Percent(node)
        return node

    def _raised(self, node: Node) -> Node:
        following = self.peek(1) if self.peek().text == "{" else self.peek()
        if following.text in _TRANSPOSITION and (row := transposed(node)) is not None:
            self.take_braced_text()
            return row
        return Power(node, self.argument(whole_number=True))

    def _factorial(self, node: Node) -> Node:
        self.take()
        double = self.peek().text == "!" and bool(self.take())
        if self.peek().text == "!":
            raise Unparseable("repeated factorials are not read")
        return Call("double_factorial" if double else "factorial", (node,))

    def _degree_mark(self) -> bool:
        r"""Whether `^\circ` or `^{\circ}` follows: a unit, left to `quantities`."""
        after = [self.peek(ahead).text for ahead in range(3)]
        return after[0] == "^" and (after[1] == r"\circ" or after[1:] == ["{", r"\circ"])

    def _take_degree_mark(self) -> None:
        self.expect("^")
        braced = self.accept("{")
        self.expect(r"\circ")
        if braced:
            self.expect("}")

    def argument(self, *, whole_number: bool = False) -> Node:
        r"""What `^`, `_` or `\frac` applies to: a braced group or one token.

        LaTeX takes one digit (`\frac12`); after `^` people write whole numbers and mean them.
        """
        with self._nested():
            if self.accept("{"):
                return self._rest_of_group()
            if whole_number:
                return self._signed_atom()
            token = self.peek()
            if token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
                self.tokens[self.position] = Token("number", token.text[1:])
                return Number(Fraction(int(token.text[0])))
            return self.atom()

    def script(self) -> Node:
        """A subscript or superscript that another may follow: a braced group or one token with its sign."""
        with self._nested():
            if self.accept("{"):
                return self._rest_of_group()
            negative = self.accept("+", "-") == "-"
            # A letter alone: `k` of C^k_n has no subscript of its own.
            if self.peek().kind in ("symbol", "letters"):
                self.tokens[self.position : self.position + 1] = split_letters(self.peek())
                node: Node = Symbol(self.take().text)
            else:
                node = self.atom()
            return Negation(node) if negative else node

    def _rest_of_group(self) -> Node:
        node = self.sum()
        if division := self.accept(r"\over", r"\choose"):
            below = self.sum()
            node = Quotient(node, below) if division == r"\over" else Call("binomial", (node, below))
        self.expect("}")
        return node

    def _signed_atom(self) -> Node:
        negative = False
        while sign := self.accept("+", "-"):
            negative ^= sign == "-"
        node = self.atom()
        if self.peek().text == "^" and not self._degree_mark():
            self.take()
            node = Power(node, self.argument(whole_number=True))
        return Negation(node) if negative else node

    def atom(self) -> Node:
        # As `_nested` does, which takes longer than reading a number.
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise OverBudget(f"nested deeper than {MAX_DEPTH}")
        node = self._value()
        self.depth -= 1
        return node

    def _value(self) -> Node:
        if self.peek().kind == "letters":
            self.tokens[self.position : self.position + 1] = split_letters(self.peek())
        token = self.take()
        match token.kind:
            case "number":
                return self._number(token)
            case "symbol":
                return self._symbol(token)
            case "constant":
                return Symbol(token.text) if token.text in self.indices else Constant(token.text)
            case "function":
                return self._function(token.text)
            case "based":
                digits, _, base = token.text.partition("_")
                return Based(int(digits, int(base)), int(base))
            case "sign" | "command":
                return self._sign_or_command(token.text)
        raise Unparseable(f"expected a value before {token.text or 'the end'!r}")

    def _sign_or_command(self, text: str) -> Node:
        if text in FRACTIONS:
            return Quotient(self.argument(), self.argument())
        if text == r"\sqrt":
            return self._root()
        if text in BINOMIALS:
            return self._binomial()
        if text in OPERATORS:
            return self._operator(text)
        if text in ACCENTS:
            return self._accented(text)
        if text == r"\dots":
            return Dots()
        if text == "{" and self.accept("}"):
            return self._prescripted()
        if text == "_":
            self.position -= 1
            return self._prescripted()
        return self._delimited(text)

    def _number(self, token: Token) -> Node:
        value = number_from(token.text)
        if not token.text.isdigit():
            return Number(value, places_of(token.text))
        fraction = self._fraction_of_mixed()
        return Number(value if fraction is None else value + fraction)

    def _fraction_of_mixed(self) -> Fraction | None:
        r"""The rest of `1 \frac12`, `1\frac{1}{2}` or `1 1/2`, taken; None if there is none."""
        token, start = self.peek(), self.position
        if token.kind == "command" and token.text in FRACTIONS:
            # Arguments are split in place (`\frac12`), so look at a copy.
            ahead = ExpressionParser(self.tokens[start + 1 : start + 8])
            try:
                above, below = ahead.argument(), ahead.argument()
            except Unparseable:
                return None
            if isinstance(above, Number) and isinstance(below, Number) and above.value < below.value:
                self.tokens[start + 1 : start + 8] = ahead.tokens
                self.position = start + 1 + ahead.position
                return above.value / below.value
        elif token.kind == "number" and token.spaced and token.text.isdigit() and self.peek(1).text == "/":
            below_token = self.peek(2)
            if below_token.text.isdigit() and int(token.text) < int(below_token.text):
                self.position += 3
                return Fraction(int(token.text), int(below_token.text))
        return None
