r"""Formulas with their units: currency, ratios, `3 million`, percent, quantities of several parts.

quantity = currency? formula (":" formula)* scale? percent? unit? (("," | "and")? smaller)*
         | (\SI | \qty) "{" formula "}" "{" unit "}"
smaller  = number unit, of a smaller unit of the same kind: 2 hours 30 minutes, 12 degrees 30'
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from rlvr.verifier.math.limits import Unparseable
from rlvr.verifier.math.reading.unit_parser import UnitParser
from rlvr.verifier.math.reading.unit_phrase import UnitPhrase
from rlvr.verifier.math.reading.units import CURRENCIES, CURRENCY_SIGNS, measure, readings, symbol_of
from rlvr.verifier.math.tree import Negation, Node, Number, Percent, Product, Quantity, Quotient, Ratio, Unit

_SCALES = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "lakh": 10**5,
    "crore": 10**7, "dozen": 12,
}  # fmt: skip
_CLOCK = re.compile(r"[0-9]{1,2}(?::[0-9]{2}){1,2}")
_NO_UNIT = frozenset({",", ";", "and", "or", "=", "<", ">", "<=", ">=", ")", "]", "}", r"\}"})
"""What follows most values."""
_WITH_VALUE = frozenset({r"\SI", r"\qty"})


class QuantityParser(UnitParser):
    """Adds units to formulas."""

    def quantity(self) -> Node:
        """One value with what stands around it."""
        first = self.peek()
        if first.text in _WITH_VALUE:
            return self._with_value_in_braces()
        negative = first.text == "-" and self.peek(1).text in CURRENCY_SIGNS and bool(self.take())
        currency = "" if first.kind == "number" else self._currency()
        node = self._scaled(self._ratio())
        if negative:
            node = Negation(node)
        token = self.peek()
        if token.kind == "end" or token.text in _NO_UNIT:
            return Quantity(node, ((currency, 1),)) if currency else node
        if token.kind == "word" and self._percent_words():
            node = Percent(node)
        phrase = self._unit_phrase()
        if phrase is None and not currency:
            return node
        phrase = phrase or UnitPhrase()
        if currency and not any(symbol in CURRENCIES for symbol, _ in phrase.factors):
            phrase.factors.append((currency, 1))
        quantity = Quantity(node, phrase.unit(), phrase.noun())
        if not quantity.unit and not quantity.noun:
            return node
        return self._with_smaller_parts(quantity)

    def _currency(self) -> str:
        """The currency in front of a value, taken: `$5`, `US$5`, `EUR 5`, `Rs. 500`."""
        token = self.peek()
        if token.text == "US" and self.peek(1).text == r"\$":
            self.take()
            token = self.peek()
        if token.text in CURRENCY_SIGNS:
            self.take()
            return CURRENCY_SIGNS[token.text]
        if token.kind in ("word", "letters") and self.peek(1).kind == "number":
            symbol = symbol_of(token.text)
            if symbol in CURRENCIES:
                self.take()
                return symbol
        return ""

    def _ratio(self) -> Node:
        start = self.position
        parts = [self.sum()]
        while self.peek().text == ":" and self.accept(":"):
            parts.append(self.sum())
        if len(parts) == 1:
            return parts[0]
        text = "".join(token.text for token in self.tokens[start : self.position])
        return Ratio(tuple(parts), _CLOCK.fullmatch(text) is not None)

    def _scaled(self, node: Node) -> Node:
        """`3 million` as one number."""
        token = self.peek()
        while token.kind == "word" and (scale := _SCALES.get(token.text.lower().removesuffix("s"))):
            self.take()
            node = _times(node, scale)
            token = self.peek()
        return node

    def _percent_words(self) -> bool:
        """Whether `percent` or `per cent` follows, taken."""
        words = self.peek().text.lower(), self.peek(1).text.lower()
        if words[0] == "percent" or words == ("per", "cent"):
            self.position += 1 if words[0] == "percent" else 2
            return True
        return False

    def _with_value_in_braces(self) -> Node:
        r"""`\SI{5}{m/s}`, `\qty{5}{\metre\per\second}`."""
        self.take()
        self.expect("{")
        node = self.sum()
        self.expect("}")
        self.expect("{")
        phrase = UnitPhrase()
        self._factors(phrase, "}", loose=True)
        self.expect("}")
        return Quantity(node, phrase.unit(), phrase.noun())

    # quantities of several parts

    def _with_smaller_parts(self, quantity: Quantity) -> Quantity:
        """`2 hours 30 minutes` as 2.5 hours."""
        smallest = quantity.unit
        while (part := self._smaller_part(smallest)) is not None:
            number, unit = part
            share = number * measure(unit).factor / measure(quantity.unit).factor
            quantity, smallest = replace(quantity, value=_plus(quantity.value, share)), unit
        return quantity

    def _smaller_part(self, larger: Unit) -> tuple[Fraction, Unit] | None:
        """The number and the unit of a part that follows, taken; None, and nothing taken, if there is none.

        After a comma or `and` it may as well be the next item of a list: it is a part where it is less than one
        of the larger unit.
        """
        joined = self.depth == 0 and self.peek().text in (",", "and")
        if len(larger) != 1 or self.peek(joined).kind != "number" or self.peek(joined + 1).kind == "end":
            return None
        start = self.position
        self.position += joined
        number = self.atom()
        phrase = self._unit_phrase() if isinstance(number, Number) else None
        if isinstance(number, Number) and phrase is not None and not phrase.nouns:
            for unit in readings(phrase.unit()):
                whole = measure(larger).factor / measure(unit).factor if _is_part(unit, larger) else 0
                if whole > 1 and (not joined or number.value < whole):
                    return number.value, unit
        self.position = start
        return None


def _is_part(unit: Unit, larger: Unit) -> bool:
    if len(unit) != 1:
        return False
    small, large = measure(unit), measure(larger)
    return (
        (small.dimension, small.pi_power) == (large.dimension, large.pi_power)
        and unit[0][1] == 1
        and not (small.offset or large.offset)
    )


def _times(node: Node, scale: int) -> Node:
    """A number as written times a scale, still one number."""
    match node:
        case Number(value):
            return Number(value * scale)
        case Negation(operand):
            return Negation(_times(operand, scale))
        case Quotient(Number(value), below):
            return Quotient(Number(value * scale), below)
        case _:
            return Product((node, Number(Fraction(scale))))


def _plus(node: Node, part: Fraction) -> Node:
    match node:
        case Number(value):
            return Number(value + part)
        case Negation(Number(value)):
            return Negation(Number(value + part))
    raise Unparseable("only a number has smaller parts")
