"""A cursor over tokens, with the one budget of depth that all of the grammar shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rlvr.verifier.math.limits import MAX_DEPTH, OverBudget, Unparseable
from rlvr.verifier.math.reading.tokens import Token
from rlvr.verifier.math.tree import Node

END = Token("end", "")


class Cursor:
    """What every part of the grammar stands on; `expression.ExpressionParser` puts the parts together."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0
        self.in_bars = False
        self.in_integral = False
        self.indices: tuple[str, ...] = ()

    def mark(self) -> tuple[int, int, bool, bool, tuple[str, ...]]:
        """Where the cursor is, to return to when what follows cannot be read in one way."""
        return self.position, self.depth, self.in_bars, self.in_integral, self.indices

    def return_to(self, mark: tuple[int, int, bool, bool, tuple[str, ...]]) -> None:
        self.position, self.depth, self.in_bars, self.in_integral, self.indices = mark

    def peek(self, ahead: int = 0) -> Token:
        try:  # called some forty times for an answer, and nearly always within it
            return self.tokens[self.position + ahead]
        except IndexError:
            return END

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

    def take_braced_text(self) -> str:
        """The text of a braced group or of one token, as it stands.

        Raises:
            Unparseable: the braces are unbalanced.
        """
        if not self.accept("{"):
            return self.take().text
        parts: list[str] = []
        open_braces = 1
        while True:
            token = self.take()
            if token.kind == "end":
                raise Unparseable("unbalanced braces")
            if token.text == "{" and self.peek(1).text == "}":
                parts.append(self.take().text)  # n_{1} as n_1
                self.take()
                continue
            open_braces += (token.text == "{") - (token.text == "}")
            if not open_braces:
                return "".join(parts)
            parts.append(token.text)

    @contextmanager
    def _nested(self) -> Iterator[None]:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise OverBudget(f"nested deeper than {MAX_DEPTH}")
        yield
        self.depth -= 1

    # the entry points of the grammar that its parts call each other by

    def sum(self) -> Node:
        """Terms with + and - between them."""
        raise NotImplementedError

    def product(self) -> Node:
        """Factors with * and / between them, or nothing."""
        raise NotImplementedError

    def atom(self) -> Node:
        """A value without what may follow it, such as an exponent."""
        raise NotImplementedError

    def argument(self, *, whole_number: bool = False) -> Node:
        """A braced group or one token."""
        raise NotImplementedError

    def script(self) -> Node:
        """A subscript or superscript that another may follow."""
        raise NotImplementedError

    def item(self) -> Node:
        """An item between delimiters; a whole answer allows more there than a formula does."""
        return self.sum()
