"""Formulas with their units: currency, ratios, `3 million`, percent, quantities.

quantity = currency? formula (":" formula)* scale? unit?
"""

from __future__ import annotations

import re

from rlvr.verifier.math.limits import Unparseable
from rlvr.verifier.math.reading.expression import ExpressionParser
from rlvr.verifier.math.reading.units import canonical_unit
from rlvr.verifier.math.tree import Negation, Node, Number, Percent, Quantity, Ratio

_MULTIPLIERS = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_CURRENCIES = {r"\$": "dollar", r"\pounds": "pound sterling", r"\euro": "euro"}
_DENIALS_AND_HEDGES = """
    not no isn never neither nor wrong incorrect false if unless except maybe perhaps possibly probably is are was
    were be than less more about approximately roughly but instead answer either
"""
_NEVER_IN_A_UNIT = frozenset(_DENIALS_AND_HEDGES.split())
_MAX_UNIT_WORDS = 6


class QuantityParser(ExpressionParser):
    """Adds units to formulas."""

    def quantity(self) -> Node:
        negative = self.peek().text == "-" and self.peek(1).text in _CURRENCIES and bool(self.take())
        currency = self.accept(*_CURRENCIES)
        node = self._scaled(self._ratio())
        if negative:
            node = Negation(node)
        if self.peek().kind == "word" and self.peek().text.lower() == "percent":
            self.take()
            node = Percent(node)
        unit = self._unit()
        if currency:
            unit = _CURRENCIES[currency] + (unit if unit.startswith("/") else "")
        return Quantity(node, unit) if unit else node

    def _ratio(self) -> Node:
        start = self.position
        parts = [self.sum()]
        while self.accept(":"):
            parts.append(self.sum())
        if len(parts) == 1:
            return parts[0]
        clock = bool(
            re.fullmatch(r"[0-9]{1,2}(?::[0-9]{2}){1,2}", "".join(t.text for t in self.tokens[start : self.position]))
        )
        return Ratio(tuple(parts), clock)

    def _scaled(self, node: Node) -> Node:
        """`3 million` as one number."""
        if isinstance(node, Number) and self.peek().kind == "word":
            exponent = _MULTIPLIERS.get(self.peek().text.lower())
            if exponent is not None:
                self.take()
                return Number(node.value * 10**exponent)
        return node

    def _unit(self) -> str:
        """The unit that follows, in its canonical spelling; empty if there is none."""
        words: list[str] = []
        if self._degree_mark():
            self._take_degree_mark()
            words.append("degree")
        while True:
            token = self.peek()
            if token.kind in ("word", "unit") or (words and token.kind in ("letters", "symbol") and token.spaced):
                words.append(self.take().text)
            elif token.text == "/" and self.peek(1).kind in ("word", "unit", "symbol", "letters"):
                words += [self.take().text, self.take().text]
            elif words and token.text == "^":
                self.take()
                words += ["^", self._unit_power()]
            else:
                break
        if len(words) > _MAX_UNIT_WORDS or any(word.lower() in _NEVER_IN_A_UNIT for word in words):
            raise Unparseable(f"{' '.join(words)[:60]!r} is not a unit")
        return canonical_unit(" ".join(words)) if words else ""

    def _take_degree_mark(self) -> None:
        self.expect("^")
        braced = self.accept("{")
        self.expect(r"\circ")
        if braced:
            self.expect("}")

    def _unit_power(self) -> str:
        braced = self.accept("{")
        token = self.take()
        if braced:
            self.expect("}")
        if token.text not in ("2", "3"):
            raise Unparseable("a unit is squared or cubed")
        return token.text
