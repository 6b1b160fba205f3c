"""Recursive descent over tokens: one formula, without lists, relations and units (see `parser`).

    sum      = product (("+" | "-") product)*
    product  = factor (("*" | "/" | nothing) factor)*
    factor   = ("+" | "-")* atom postfix*
    postfix  = "^" argument | "!" | "%" | "_" digits
    atom     = number | mixed | symbol | constant | function | group | \\frac | \\sqrt | \\binom | bars | matrix

Every loop consumes a token and every recursion passes through `_nested`, so time is linear in the text and
the tree is no deeper than its budget.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

from rlvr.verifier.math.limits import (
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_SCIENTIFIC_EXPONENT,
    OverBudget,
    Unparseable,
)
from rlvr.verifier.math.reading.tokens import Token, split_letters
from rlvr.verifier.math.tree import (
    Based,
    Call,
    Constant,
    Matrix,
    Negation,
    Node,
    Number,
    Percent,
    Power,
    Product,
    Quotient,
    Sequence,
    Sum,
    Symbol,
)

_END = Token("end", "")
_FRACTIONS = frozenset({r"\frac", r"\dfrac", r"\tfrac", r"\cfrac"})
_BINOMIALS = frozenset({r"\binom", r"\dbinom", r"\tbinom"})
_POSTFIXES = frozenset({"^", "!", "%"})
_INVERSE = {"sin": "asin", "cos": "acos", "tan": "atan"}
_PAIRED = {r"\lfloor": (r"\rfloor", "floor"), r"\lceil": (r"\rceil", "ceil")}
_CLOSING = {"(": ")]", "[": ")]", r"\{": (r"\}",)}
_ENVIRONMENT = re.compile(r"\\begin\{([pbvV]?matrix|array)\}")


def number_from(text: str) -> Fraction:
    """The exact value of a number literal such as `1000`, `.5`, `42.` or `2.5e-3`.

    Raises:
        OverBudget: its exponent is out of bounds.
    """
    if text.isdigit():
        return Fraction(int(text))
    mantissa, _, exponent = text.lower().partition("e")
    if exponent and (len(exponent) > 6 or abs(int(exponent)) > MAX_SCIENTIFIC_EXPONENT):
        raise OverBudget(f"a number with exponent {exponent[:12]}")
    whole, _, decimals = mantissa.partition(".")
    value = Fraction(int(whole + decimals or "0"), 10 ** len(decimals))
    return value * Fraction(10) ** int(exponent) if exponent else value


class ExpressionParser:
    """A cursor over tokens. `parser.AnswerParser` adds what an answer has around its formulas."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0
        self.in_bars = False

    # cursor

    def peek(self, ahead: int = 0) -> Token:
        index = self.position + ahead
        return self.tokens[index] if index < len(self.tokens) else _END

    def take(self) -> Token:
        token = self.peek()
        self.position += 1
        return token

    def accept(self, *signs: str) -> str | None:
        """The next token's text, taken, if it is one of these signs or commands."""
        token = self.peek()
        if token.kind in ("sign", "command") and token.text in signs:
            self.position += 1
            return token.text
        return None

    def expect(self, *signs: str) -> str:
        found = self.accept(*signs)
        if found is None:
            raise Unparseable(f"expected {' or '.join(signs)} before {self.peek().text or 'the end'!r}")
        return found

    @contextmanager
    def _nested(self) -> Iterator[None]:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise OverBudget(f"nested deeper than {MAX_DEPTH}")
        yield
        self.depth -= 1

    # grammar

    def sum(self) -> Node:
        terms = [self.product()]
        while sign := self.accept("+", "-"):
            term = self.product()
            terms.append(Negation(term) if sign == "-" else term)
        return terms[0] if len(terms) == 1 else Sum(tuple(terms))

    def product(self) -> Node:
        above: list[Node] = [self.factor()]
        below: list[Node] = []
        while True:
            if sign := self.accept("*", "/"):
                (above if sign == "*" else below).append(self.factor())
            elif self._starts_factor():
                above.append(self.factor())
            else:
                break
        numerator = above[0] if len(above) == 1 else Product(tuple(above))
        if not below:
            return numerator
        return Quotient(numerator, below[0] if len(below) == 1 else Product(tuple(below)))

    def _starts_factor(self) -> bool:
        """Whether a juxtaposed factor follows. Two numbers side by side are not a product."""
        token = self.peek()
        if token.kind in ("symbol", "constant", "function", "letters"):
            return True
        if token.kind == "sign":
            return token.text in "([{" or (token.text == "|" and not self.in_bars)
        if token.kind == "command":
            return token.text in _FRACTIONS or token.text in _BINOMIALS or token.text in _PAIRED
        return False

    def factor(self) -> Node:
        negative = False
        while sign := self.accept("+", "-"):
            negative ^= sign == "-"
        node = self._postfix(self.atom())
        return Negation(node) if negative else node

    def _postfix(self, node: Node) -> Node:
        if self.peek().text not in _POSTFIXES or self._degree_mark():
            return node
        if self.accept("^"):
            node = Power(node, self.argument(whole_number=True))
        if self.peek() == ("sign", "!", self.peek().spaced):
            self.take()
            if self.peek().text == "!":
                raise Unparseable("repeated factorials are not read")
            node = Call("factorial", (node,))
            if self.accept("^"):
                node = Power(node, self.argument(whole_number=True))
        if self.accept("%"):
            node = Percent(node)
        return node

    def _degree_mark(self) -> bool:
        r"""Whether `^\circ` or `^{\circ}` follows: a unit, left to `parser`."""
        after = [self.peek(ahead).text for ahead in range(3)]
        return after[0] == "^" and (after[1] == r"\circ" or after[1:] == ["{", r"\circ"])

    def argument(self, *, whole_number: bool = False) -> Node:
        r"""What `^`, `_` or `\frac` applies to: a braced group or one token.

        LaTeX takes one digit (`\frac12`); after `^` people write whole numbers and mean them.
        """
        with self._nested():
            if self.accept("{"):
                node = self.sum()
                self.expect("}")
                return node
            if whole_number:
                return self._signed_atom()
            token = self.peek()
            if token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
                self.tokens[self.position] = Token("number", token.text[1:])
                return Number(Fraction(int(token.text[0])))
            return self.atom()

    def _signed_atom(self) -> Node:
        negative = False
        while sign := self.accept("+", "-"):
            negative ^= sign == "-"
        node = self.atom()
        if self.accept("^"):
            node = Power(node, self.argument(whole_number=True))
        return Negation(node) if negative else node

    def atom(self) -> Node:
        with self._nested():
            if self.peek().kind == "letters":
                self.tokens[self.position : self.position + 1] = split_letters(self.peek())
            token = self.take()
            match token.kind:
                case "number":
                    return self._number(token)
                case "symbol":
                    return self._symbol(token)
                case "constant":
                    return Constant(token.text)
                case "function":
                    return self._function(token.text)
                case "sign" | "command":
                    return self._delimited(token.text)
            raise Unparseable(f"expected a value before {token.text or 'the end'!r}")

    def _number(self, token: Token) -> Node:
        value = number_from(token.text)
        if not token.text.isdigit():
            return Number(value)
        if self.accept("_"):
            return self._based(token.text)
        fraction = self._fraction_of_mixed()
        return Number(value if fraction is None else value + fraction)

    def _fraction_of_mixed(self) -> Fraction | None:
        r"""The rest of `1 \frac12`, `1\frac{1}{2}` or `1 1/2`, taken; None if there is none."""
        token, start = self.peek(), self.position
        if token.kind == "command" and token.text in _FRACTIONS:
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

    def _based(self, digits: str) -> Node:
        braced = self.accept("{")
        token = self.take()
        if braced:
            self.expect("}")
        if token.kind != "number" or not token.text.isdigit() or not 2 <= int(token.text) <= 10:
            raise Unparseable("a subscript of a number is a base from 2 to 10")
        base = int(token.text)
        if any(int(digit) >= base for digit in digits):
            raise Unparseable(f"not a numeral in base {base}")
        return Based(int(digits, base), base)

    def _symbol(self, token: Token) -> Node:
        if not self.accept("_"):
            return Symbol(token.text)
        if not self.accept("{"):
            return Symbol(f"{token.text}_{self.take().text}")
        parts = []
        while not self.accept("}"):
            if self.peek().kind == "end":
                raise Unparseable("unbalanced braces")
            parts.append(self.take().text)
        return Symbol(f"{token.text}_{''.join(parts)}")

    def _function(self, name: str) -> Node:
        if name == "sqrt":
            return self._root()
        base: Node | None = None
        power: Node | None = None
        if name == "log" and self.accept("_"):
            base = self.argument(whole_number=self.peek().text == "10")
        if self.accept("^"):
            power = self.argument(whole_number=True)
            if power == Negation(Number(Fraction(1))) and name in _INVERSE:
                name, power = _INVERSE[name], None
        operand = self._function_operand()
        if name == "lg":
            name, base = "log", Number(Fraction(10))
        call = Call(name, (operand,) if base is None else (operand, base))
        return call if power is None else Power(call, power)

    def _function_operand(self) -> Node:
        r"""A group alone, or `2x` as in `\sin 2x`: factors up to the next sign or function."""
        if self.peek().text in ("(", "{", "["):
            return self.atom()
        factors = [self._postfix(self._signed_atom())]
        while self._starts_factor() and self.peek().kind != "function" and self.peek().text not in "([":
            factors.append(self._postfix(self.atom()))
        return factors[0] if len(factors) == 1 else Product(tuple(factors))

    def _root(self) -> Node:
        degree: Node | None = None
        if self.accept("["):
            degree = self.sum()
            self.expect("]")
        operand = self.argument()
        return Call("sqrt", (operand,)) if degree is None else Call("root", (operand, degree))

    def _delimited(self, text: str) -> Node:
        if text in _FRACTIONS:
            return Quotient(self.argument(), self.argument())
        if text in _BINOMIALS:
            return Call("binomial", (self.argument(), self.argument()))
        if text in _PAIRED:
            closing, name = _PAIRED[text]
            operand = self._free_of_bars()
            self.expect(closing)
            return Call(name, (operand,))
        if text == "|" and not self.in_bars:
            self.in_bars = True
            operand = self.sum()
            self.in_bars = False
            self.expect("|")
            return Call("abs", (operand,))
        if text == "{":
            return self._braced()
        if text in _CLOSING:
            return self._bracketed(text)
        if text == r"\emptyset":
            return Sequence("{", "}", ())
        if environment := _ENVIRONMENT.fullmatch(text):
            return self._matrix(environment[1])
        raise Unparseable(f"cannot read {text!r} here")

    def _free_of_bars(self) -> Node:
        outer, self.in_bars = self.in_bars, False
        node = self.sum()
        self.in_bars = outer
        return node

    def _braced(self) -> Node:
        """A LaTeX group, or in plain text a set."""
        items = self._items()
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
        while self.accept(",", ";"):
            items.append(self.item())
            if len(items) > MAX_ITEMS:
                raise OverBudget(f"more than {MAX_ITEMS} items")
        self.in_bars = outer
        return tuple(items)

    def item(self) -> Node:
        """An item between delimiters; `parser` allows more than a formula."""
        return self.sum()

    def _matrix(self, environment: str) -> Node:
        if environment == "array":
            self.expect("{")
            while not self.accept("}"):
                if self.take().kind == "end":
                    raise Unparseable("unbalanced braces")
        rows: list[list[Node]] = [[]]
        end = f"\\end{{{environment}}}"
        cells = 0
        while not self.accept(end):
            rows[-1].append(self.sum())
            cells += 1
            if cells > MAX_ITEMS:
                raise OverBudget(f"more than {MAX_ITEMS} items")
            if self.accept("\\\\"):
                rows.append([])
            elif not self.accept("&") and self.peek().text != end:
                raise Unparseable(f"expected & or {end}")
        matrix = tuple(tuple(row) for row in rows if row)
        if len({len(row) for row in matrix}) != 1:
            raise Unparseable("a matrix with rows of different lengths")
        return Matrix(matrix)
