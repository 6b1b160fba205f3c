"""The table of units of measurement: what they are called and what they measure, in exact rationals.

A unit is a product of powers of table symbols (`tree.Unit`): km/h is (("h", -1), ("km", 1)). What a unit is worth
is a `Measure`: its dimension, and a rational and a power of pi to the coherent unit of that dimension. Two units
with equal measures are the same unit under two names (mL and cm^3, N and kg m/s^2).

A word that is not in the table is not a unit of measurement: it names what is counted (`apples`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from rlvr.verifier.math.tree import Unit

# symbol = worth | names. A `*` takes SI prefixes, a `+` those of storage. Without a worth it is a base of its own.
# Sources: SI brochure (9th ed.); NIST HB 44 for the US customary units, which are exact in metric ones since 1959.
_TABLE = """
    m*                              | meter metre
    g*                              | gram gramme gm gms
    s*                              | second sec secs
    A*                              | ampere amp
    K*                              | kelvin
    mol*                            | mole
    cd                              | candela
    rad                             | radian
    bit                             |
    month                           |
    USD                             | dollar buck usd us-dollar
    EUR                             | euro eur
    GBP                             | gbp pound-sterling
    INR                             | rupee rs Rs re inr
    JPY                             | yen jpy
    CNY                             | yuan rmb renminbi cny
    RUB                             | ruble rouble rub
    KRW                             | krw
    CHF                             | chf franc swiss-franc
    CAD                             | cad canadian-dollar
    AUD                             | aud australian-dollar
    MXN                             | mxn peso
    unit                            |
    pp                              | percentage-point

    min     = 60 s                  | minute mins
    h       = 60 min                | hour hr hrs
    day     = 24 h                  |
    week    = 7 day                 | wk wks
    year    = 12 month              | yr yrs
    decade  = 10 year               |
    century = 100 year              |

    degree  = 1/180 pi rad          | deg degs
    arcmin  = 1/60 degree           | arcminute
    arcsec  = 1/60 arcmin           | arcsecond
    turn    = 2 pi rad              | revolution rev

    in      = 0.0254 m              | inch
    ft      = 12 in                 | foot feet
    yd      = 3 ft                  | yard yds
    mi      = 1760 yd               | mile
    nmi     = 1852 m                | nautical-mile
    ly      = 9460730472580800 m    | light-year lightyear
    au      = 149597870700 m        | astronomical-unit

    acre    = 4840 yd^2             |
    ha      = 10000 m^2             | hectare
    L*      = 0.001 m^3             | liter litre l
    cc      = 0.000001 m^3          |
    gal     = 231 in^3              | gallon
    qt      = 1/4 gal               | quart
    pt      = 1/2 qt                | pint
    cup     = 1/2 pt                |
    floz    = 1/8 cup               | fluid-ounce fl-oz
    tbsp    = 1/2 floz              | tablespoon
    tsp     = 1/3 tbsp              | teaspoon

    lb      = 453.59237 g           | lbs
    pound   = 1 lb                  |
    oz      = 1/16 lb               | ounce
    ton     = 2000 lb               | short-ton
    tonne   = 1000 kg               | metric-ton metric-tonne

    degC    = 1 K                   | celsius centigrade degree-celsius degree-centigrade degree-c
    degF    = 5/9 K                 | fahrenheit degree-fahrenheit degree-f

    mph     = 1 mi/h                |
    kph     = 1 km/h                | kmph kmh
    knot    = 1 nmi/h               |
    rpm     = 1 turn/min            |
    N*      = 1 kg m/s^2            | newton
    lbf     = 9.80665 lb m/s^2      |
    J*      = 1 N m                 | joule
    W*      = 1 J/s                 | watt
    Wh*     = 3600 J                | watt-hour
    cal*    = 4.184 J               | calorie
    Hz*     = 1 /s                  | hertz
    Pa*     = 1 N/m^2               | pascal
    bar     = 100000 Pa             |
    atm     = 101325 Pa             | atmosphere
    psi     = 1 lbf/in^2            |
    C*      = 1 A s                 | coulomb
    V*      = 1 J/C                 | volt
    eV*     = 1.602176634e-19 J     | electronvolt electron-volt
    ohm*    = 1 V/A                 | Omega
    F*      = 1 C/V                 | farad
    T*      = 1 V s/m^2             | tesla

    B+      = 8 bit                 | byte
    cent    = 1/100 USD             |
    eurocent = 1/100 EUR            |
    pence   = 1/100 GBP             |
"""
_OFFSETS = {"degC": Fraction("273.15"), "degF": Fraction("459.67")}
"""What is added before the factor to come to kelvin."""
_PREFIXES = {
    "T": ("tera", 12), "G": ("giga", 9), "M": ("mega", 6), "k": ("kilo", 3), "h": ("hecto", 2), "da": ("deca", 1),
    "d": ("deci", -1), "c": ("centi", -2), "m": ("milli", -3), "u": ("micro", -6), "n": ("nano", -9),
    "p": ("pico", -12), "f": ("femto", -15),
}  # fmt: skip
_STORAGE_PREFIXES = ("k", "M", "G", "T")
_ALTERNATIVES = {
    "pound": ("lb", "GBP"), "degree": ("degC", "degF"), "cent": ("eurocent",), "oz": ("floz",),
    "C": ("degC",), "F": ("degF",), "min": ("arcmin",), "s": ("arcsec",),
}  # fmt: skip
"""What else a word may have meant: `5 pounds` of money, `30 minutes` of an angle."""

DEGREE: Unit = (("degree", 1),)
CURRENCY_SIGNS = {
    r"\$": "USD", r"\pounds": "GBP", r"\euro": "EUR", r"\yen": "JPY", r"\rupee": "INR", r"\cent": "cent",
}  # fmt: skip
_CURRENCY_SYMBOLS = "USD EUR GBP INR JPY CNY RUB KRW CHF CAD AUD MXN"
CURRENCIES = frozenset(_CURRENCY_SYMBOLS.split())
PREFIX_NAMES = frozenset(name for name, _ in _PREFIXES.values())

AMBIGUOUS = frozenset({"m", "g", "s", "h", "l", "L", "N", "J", "W", "V", "K"})
"""One-letter units that may as well be variables: `5 m` in plain text."""
UPRIGHT_LETTERS = AMBIGUOUS | {"A", "C", "F", "T"}
"""One-letter units where they are set upright after a value: `5\\text{ V}`."""
_SHORT_UNITS = """
    mm cm km kg lb lbs ft yd hr hrs sec yr yrs mph deg rad usd eur gbp inr jpy cny cad aud mL ml kWh Rs per of the
"""
SHORT_UNITS = frozenset(_SHORT_UNITS.split())
"""Short words that are read as a unit rather than as a product of variables, wherever they stand."""


@dataclass(frozen=True, slots=True)
class Measure:
    """`x` of a unit is (x + offset) * factor * pi^pi_power of the coherent unit of its dimension."""

    dimension: Unit
    factor: Fraction
    pi_power: int = 0
    offset: Fraction = Fraction(0)


_MEASURES: dict[str, Measure] = {}
_SYMBOLS: dict[str, str] = {}
"""Every name -> its symbol. Symbols are case-sensitive (mW, MW); names of three letters and more are not."""


def symbol_of(word: str) -> str | None:
    """The table's symbol of a word in singular or plural (`kilometres`, `km`, `KM`), or None."""
    symbol = _SYMBOLS.get(word)
    if symbol is None:
        lower = word.casefold()
        symbol = _SYMBOLS.get(lower) if len(lower) > 2 or lower in SHORT_UNITS else None
        symbol = symbol or (_SYMBOLS.get(singular(lower)) if len(lower) > 3 else None)
    return symbol


_IRREGULAR = {
    "people": "person", "children": "child", "men": "man", "women": "woman", "mice": "mouse", "geese": "goose",
    "teeth": "tooth", "feet": "foot", "dice": "die", "knives": "knife", "loaves": "loaf", "halves": "half",
}  # fmt: skip
_ES = re.compile(r"(?:s|x|z|ch|sh)es\Z")


def singular(word: str) -> str:
    """A casefolded English noun in the singular, near enough to tell two nouns apart."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 3 or not word.endswith("s") or word.endswith("ss"):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if _ES.search(word) else word[:-1]


def product(factors: Iterable[tuple[str, int]]) -> Unit:
    """Powers of symbols as one unit."""
    powers: dict[str, int] = {}
    for symbol, power in factors:
        powers[symbol] = powers.get(symbol, 0) + power
    return tuple(sorted((symbol, power) for symbol, power in powers.items() if power))


@lru_cache(maxsize=1024)
def measure(unit: Unit) -> Measure:
    """What a unit is worth. An offset (of degC) counts only where the unit stands alone: J/degC is J/K."""
    if len(unit) == 1 and unit[0][1] == 1:
        return _MEASURES[unit[0][0]]
    dimension: list[tuple[str, int]] = []
    factor, pi_power = Fraction(1), 0
    for symbol, power in unit:
        of_symbol = _MEASURES[symbol]
        dimension += [(base, exponent * power) for base, exponent in of_symbol.dimension]
        factor *= of_symbol.factor**power
        pi_power += of_symbol.pi_power * power
    return Measure(product(dimension), factor, pi_power)


def readings(unit: Unit) -> tuple[Unit, ...]:
    """The unit, and what else its word may have meant."""
    if len(unit) != 1 or unit[0][1] != 1:
        return (unit,)
    return (unit, *(((symbol, 1),) for symbol in _ALTERNATIVES.get(unit[0][0], ())))


def spelled(unit: Unit) -> str:
    """`kg m^2/s^2`, for people."""
    above = " ".join(symbol if power == 1 else f"{symbol}^{power}" for symbol, power in unit if power > 0)
    below = " ".join(symbol if power == -1 else f"{symbol}^{-power}" for symbol, power in unit if power < 0)
    return f"{above}/{below}" if below else above


def _define(symbol: str, measured: Measure, names: list[str]) -> None:
    _MEASURES[symbol] = measured
    for name in (symbol, *names):
        _SYMBOLS.setdefault(name, symbol)


def _worth(text: str) -> Measure:
    """The measure of a definition's right side, as `1/180 pi rad` or `1 kg m/s^2`."""
    number, *rest = text.split(maxsplit=1)
    pi_power, unit_text = 0, rest[0]
    if unit_text.startswith("pi "):
        pi_power, unit_text = 1, unit_text[3:]
    factors: list[tuple[str, int]] = []
    for side, part in zip((1, -1), unit_text.split("/"), strict=False):
        for factor in part.split():
            symbol, _, power = factor.partition("^")
            factors.append((symbol, side * int(power or 1)))
    unit = measure.__wrapped__(product(factors))
    return Measure(unit.dimension, unit.factor * Fraction(number), unit.pi_power + pi_power)


def _build() -> None:
    prefixed: list[tuple[str, str, Fraction, list[str]]] = []
    for line in filter(None, map(str.strip, _TABLE.splitlines())):
        definition, _, names_text = line.partition("|")
        head, _, worth = map(str.strip, definition.partition("="))
        symbol, names = head.rstrip("*+"), [name.replace("-", " ") for name in names_text.split()]
        unit = _worth(worth) if worth else Measure(((symbol, 1),), Fraction(1))
        _define(symbol, Measure(unit.dimension, unit.factor, unit.pi_power, _OFFSETS.get(symbol, Fraction(0))), names)
        if head != symbol:
            for prefix in _PREFIXES if head.endswith("*") else _STORAGE_PREFIXES:
                prefix_name, exponent = _PREFIXES[prefix]
                scale = Fraction(10) ** exponent
                long_names = [prefix_name + name for name in names if len(name) > 3]
                short_names = [prefix + name for name in names if name == "l"]
                entry = (prefix + symbol, symbol, scale, long_names + short_names)
                if symbol in ("g", "m", "A", "s", "L"):  # later lines are defined by these
                    _define_prefixed(*entry)
                else:
                    prefixed.append(entry)
    for entry in prefixed:  # after all the others: `pt` is a pint
        _define_prefixed(*entry)


def _define_prefixed(name: str, symbol: str, scale: Fraction, names: list[str]) -> None:
    unit = _MEASURES[symbol]
    if name not in _MEASURES:
        _define(name, Measure(unit.dimension, unit.factor * scale, unit.pi_power), names)


_build()
SPACED_UNITS = frozenset(word for word in _SYMBOLS if 1 < len(word) <= 3) | {"sq", "cu"}
"""Short units that in plain text, a space after a value, are units (`5 in`), and elsewhere products (`mg`)."""
_SHORT_NOUNS = "day men man boy cat dog car egg pen box bus bag cow hen pig toy way set lap pie"
SPACED_NOUNS = frozenset(_SHORT_NOUNS.split())
"""Likewise the short nouns that problems count, and which `letters` would make products of."""
