"""Words behind a value to a unit: `square metres`, `km per hour`, `dollars an hour`, `chocolate candies`."""

from __future__ import annotations

from rlvr.verifier.math.limits import Unparseable
from rlvr.verifier.math.reading.units import product, singular, symbol_of
from rlvr.verifier.math.tree import Unit

_DENIALS_AND_HEDGES = """
    not no isn never neither nor none wrong incorrect false if unless except maybe perhaps possibly probably is are was
    were be than less more least most about approximately roughly nearly almost but instead answer either versus
    excluded rejected fail fails failed impossible invalid untrue unlikely doubtful cannot lie lies
"""
_ARITHMETIC = """
    plus minus divided over mod modulo choose factorial percent negative positive point dot infinity half halves third
    thirds fourths fifths sixths sevenths eighths ninths tenths hundredths thousandths hundred thousand million billion
    trillion lakh crore dozen zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
    fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety
    mille permille
"""
NEVER_IN_A_UNIT = frozenset(_DENIALS_AND_HEDGES.split()) | frozenset(_ARITHMETIC.split())
"""Words that deny, hedge or change the number in front of them."""
_FILLERS = frozenset({"of", "the"})
_EACH = frozenset({"per", "a", "an", "each", "every"})
_POWERS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_POWERS_AFTER = {"squared": 2, "cubed": 3}
_MAX_WORDS = 8
_MAX_POWER = 9


class UnitPhrase:
    """Takes the words one by one. Words that are not in the table of units make up the noun."""

    def __init__(self) -> None:
        self.factors: list[tuple[str, int]] = []
        self.nouns: list[str] = []
        self.side = 1
        self._next_power = 1
        self._last = ""
        self._last_is_measure = False
        self._words = 0
        self._open = False

    def word(self, text: str) -> None:
        """One more word.

        Raises:
            Unparseable: it can be part of no unit.
        """
        lower = text if text == "A" else text.casefold()  # ampere, not an article
        self._words += 1
        if lower in NEVER_IN_A_UNIT or self._words > _MAX_WORDS:
            raise Unparseable(f"{text[:60]!r} is not part of a unit")
        if lower in _EACH and (lower == "per" or self.factors or self.nouns):
            self.divide()
            self._open = lower == "per"
        elif lower in _POWERS:
            self._next_power = _POWERS[lower]
        elif lower in _POWERS_AFTER:
            self.power(_POWERS_AFTER[lower])
        elif lower not in _FILLERS and lower not in _EACH:
            self._measure_or_noun(text, lower)

    def _measure_or_noun(self, text: str, lower: str) -> None:
        symbol = symbol_of(f"{self._last} {lower}") if self._last else None
        if symbol is not None:  # `light years`: the word before was the first half of a name
            (self.factors if self._last_is_measure else self.nouns).pop()
        else:
            symbol = symbol_of(text)
        if symbol is not None:
            self.factors.append((symbol, self.side * self._next_power))
        else:
            self.nouns.append(singular(lower))
        self._last, self._last_is_measure, self._next_power = singular(lower), symbol is not None, 1
        self._open = False

    def symbol(self, name: str) -> None:
        """One more factor that is known by its symbol in the table."""
        self.factors.append((name, self.side))
        self._last, self._last_is_measure = name, True

    def divide(self) -> None:
        """All that follows is below the line: J/kg K is J/(kg K)."""
        self.side, self._last = -1, ""

    def power(self, exponent: int) -> None:
        """The last factor is raised."""
        if not self._last_is_measure or not self._last or not 1 <= abs(exponent) <= _MAX_POWER:
            raise Unparseable("only a unit of measurement is squared or cubed")
        symbol, power = self.factors.pop()
        self.factors.append((symbol, power * exponent))

    def unit(self) -> Unit:
        """The unit of measurement among the words; empty if there is none.

        Raises:
            Unparseable: the words stop at `per`.
        """
        if self._open:
            raise Unparseable("per what?")
        return product(self.factors)

    def noun(self) -> str:
        """What the words name besides the unit, in the singular."""
        return " ".join(self.nouns)
