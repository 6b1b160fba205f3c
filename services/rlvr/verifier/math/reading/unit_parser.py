r"""The unit behind a value: words, powers, products and quotients, as `UnitPhrase` takes them.

unit = "per"? factor (("/" | "*" | nothing) factor)*, in words, or in \\text, \\mathrm, \\frac{}{}, brackets

A group is a unit where it begins with a word: `12 (cm)`, `5\\frac{\\text{m}}{\\text{s}}`.
"""

from __future__ import annotations

from rlvr.verifier.math.limits import Unparseable
from rlvr.verifier.math.reading.expression import ExpressionParser
from rlvr.verifier.math.reading.tokens import Token
from rlvr.verifier.math.reading.unit_phrase import NEVER_IN_A_UNIT, UnitPhrase
from rlvr.verifier.math.reading.units import CURRENCY_SIGNS, PREFIX_NAMES, UPRIGHT_LETTERS
from rlvr.verifier.math.reading.vocabulary import FRACTIONS

_WORDS = frozenset({"word", "unit"})
_NAMES = frozenset({"word", "unit", "symbol", "letters"})
_OPENINGS = {"(": ")", "[": "]", "{": "}"}
_GROUPS = _OPENINGS.keys() | FRACTIONS
_WRAPPERS = frozenset({r"\mathrm", r"\text", r"\unit", r"\si", r"\textrm", r"\mbox", r"\operatorname"})
_DEGREE_SIGNS = {r"\degree": "degree", r"\celsius": "degC", r"\degreeCelsius": "degC"}
_COMPASS = {"N": "north", "S": "south", "E": "east", "W": "west"}
_PRIMES = {"'": "arcmin", '"': "arcsec"}


class UnitParser(ExpressionParser):
    """Adds units to the grammar."""

    def _starts_factor(self) -> bool:
        return super()._starts_factor() and not (self.peek().text in _GROUPS and self._starts_unit_group())

    def _starts_unit_group(self) -> bool:
        """Whether what looks like a factor is a unit in brackets or a fraction of units."""
        token = self.peek()
        if token.text in _OPENINGS:
            inner = self.peek(2) if self.peek(1).text == "in" else self.peek(1)
            return inner.kind in _WORDS and not self._is_label(inner)
        return token.text in FRACTIONS and self.peek(1).text == "{" and self.peek(2).kind in _WORDS

    def _is_label(self, token: Token) -> bool:
        """Whether a word begins a group that is no unit, as in `x (where y > 0)`."""
        return token.kind == "word" and token.text.lower() in NEVER_IN_A_UNIT

    def _unit_phrase(self) -> UnitPhrase | None:
        """The unit that follows, taken; None if there is none."""
        phrase = UnitPhrase()
        start = self.position
        self._angle_or_temperature(phrase)
        if not phrase.factors and not self._unit_comes():
            return None
        self._factors(phrase, "", loose=False)
        return phrase if self.position > start else None

    def _unit_comes(self) -> bool:
        token = self.peek()
        if token.kind in _WORDS or token.text in CURRENCY_SIGNS:
            return True
        if token.text in ("/", "*"):
            return self.peek(1).kind in _WORDS
        return token.text in _WRAPPERS or self._starts_unit_group()

    def _angle_or_temperature(self, phrase: UnitPhrase) -> None:
        r"""A leading `^\circ`, `^{\circ}C`, `\degree`, `'`, `''`."""
        token = self.peek()
        if token.text == "^" and self._degree_mark():
            self.take()
            braced = self.accept("{")
            self.expect(r"\circ")
            symbol = self._temperature()
            if braced:
                self.expect("}")
            phrase.symbol(self._temperature() if symbol == "degree" else symbol)
            if self.peek().text in _COMPASS:
                phrase.word(_COMPASS[self.take().text])
        elif token.text in _DEGREE_SIGNS:
            symbol = _DEGREE_SIGNS[self.take().text]
            phrase.symbol(self._temperature() if symbol == "degree" else symbol)
        elif token.text in _PRIMES:
            self.take()
            doubled = token.text == "'" and self.accept("'")
            phrase.symbol("arcsec" if doubled else _PRIMES[token.text])

    def _temperature(self) -> str:
        """The scale of degrees that follows, taken, or `degree`."""
        if self.peek().kind in _NAMES and self.peek().text in ("C", "F"):
            return f"deg{self.take().text}"
        return "degree"

    def _factors(self, phrase: UnitPhrase, closing: str, *, loose: bool) -> None:
        """Words, powers, products and quotients of a unit, up to what belongs to none.

        `loose` inside groups that are nothing but unit, where every letter is part of it.
        """
        while True:
            token = self.peek()
            if closing and token.text == closing:
                return
            if token.kind in _WORDS or (token.kind in _NAMES and self._names_a_unit(token, phrase, loose)):
                phrase.word(self.take().text)
            elif token.text in CURRENCY_SIGNS:
                phrase.symbol(CURRENCY_SIGNS[self.take().text])
            elif token.text == "/" and (self.peek(1).kind in _NAMES or self.peek(1).text in _WRAPPERS):
                self.take()
                phrase.divide()
            elif token.text == "/" and self.peek(1).text == "(" and self.peek(2).kind in _NAMES:
                self.take()
                phrase.divide()
                self._enclosed(phrase)
            elif token.text in ("*", "-") and self._joins(token, phrase, loose):
                self.take()
            elif token.text == "^" and (phrase.factors or phrase.nouns):
                self.take()
                phrase.power(self._unit_power())
            elif not self._group(phrase, token, loose):
                return

    def _names_a_unit(self, token: Token, phrase: UnitPhrase, loose: bool) -> bool:
        """Whether a letter or a short word that might be a variable is part of the unit."""
        if not (loose or phrase.factors or phrase.nouns):
            return False
        if token.kind == "letters" or loose:
            return True
        before = self.tokens[self.position - 1].text
        return (token.spaced or before in "*/-") and (token.text in UPRIGHT_LETTERS or token.text == "a")

    def _joins(self, sign: Token, phrase: UnitPhrase, loose: bool) -> bool:
        """Whether `*` or an unspaced hyphen stands between two factors of the unit: N*m, kilowatt-hours."""
        following = self.peek(1)
        if sign.text == "-" and (sign.spaced or following.spaced):
            return False
        return following.kind in _WORDS or (following.kind in _NAMES and self._names_after(following, phrase, loose))

    def _names_after(self, token: Token, phrase: UnitPhrase, loose: bool) -> bool:
        return loose or (bool(phrase.factors) and (token.text in UPRIGHT_LETTERS or token.kind == "letters"))

    def _group(self, phrase: UnitPhrase, token: Token, loose: bool) -> bool:
        r"""A unit in brackets, in \frac, in \mathrm{} or by a command of siunitx, taken; whether there was one."""
        if token.text in _WRAPPERS and self.peek(1).text == "{":
            self.take()
            self._enclosed(phrase)
            return True
        if token.text in _OPENINGS and (loose or self._starts_unit_group()):
            self._enclosed(phrase)
            return True
        if token.text in FRACTIONS and (loose or self._starts_unit_group()):
            self.take()
            self._enclosed(phrase)
            phrase.divide()
            self._enclosed(phrase)
            return True
        if loose and token.kind == "command":
            self._macro(phrase, self.take().text[1:])
            return True
        return False

    def _enclosed(self, phrase: UnitPhrase) -> None:
        """A unit between an opening and its closing."""
        with self._nested():
            closing = _OPENINGS[self.expect(*_OPENINGS)]
            if self.peek().text == "in" and self.peek(1).kind in _NAMES:
                self.take()  # `(in cm)`
            self._factors(phrase, closing, loose=True)
            self.expect(closing)

    def _macro(self, phrase: UnitPhrase, name: str) -> None:
        r"""`\kilo\metre\per\second\squared` of siunitx."""
        if name in PREFIX_NAMES and self.peek().kind == "command":
            name += self.take().text[1:]
        if f"\\{name}" in _DEGREE_SIGNS:
            phrase.symbol(_DEGREE_SIGNS[f"\\{name}"])
        else:
            phrase.word(name)

    def _unit_power(self) -> int:
        braced = self.accept("{")
        sign = -1 if self.accept("-") else 1
        token = self.take()
        if braced:
            self.expect("}")
        if token.kind != "number" or len(token.text) != 1:
            raise Unparseable("a unit is raised to one digit")
        return sign * int(token.text)
