"""Canonical spelling of units: two quantities have the same unit when these strings are equal.

No conversion is made. A word that is not in the table is a unit too (`apples`), in the singular.
"""

from __future__ import annotations

import re

_SPELLINGS = {
    "mm": "mm millimeter millimetre",
    "cm": "cm centimeter centimetre",
    "m": "m meter metre",
    "km": "km kilometer kilometre",
    "in": "in inch inches",
    "ft": "ft foot feet",
    "yd": "yd yard",
    "mi": "mi mile",
    "mg": "mg milligram",
    "g": "g gram",
    "kg": "kg kilogram",
    "lb": "lb lbs pound",
    "oz": "oz ounce",
    "ms": "ms millisecond",
    "s": "s sec second",
    "min": "min mins minute",
    "h": "h hr hrs hour",
    "day": "day",
    "week": "week",
    "month": "month",
    "year": "yr yrs year",
    "mL": "ml milliliter millilitre",
    "L": "l liter litre",
    "mph": "mph",
    "dollar": "dollar usd",
    "cent": "cent",
    "euro": "euro eur",
    "pound sterling": "gbp",
    "degree": "degree deg",
    "rad": "rad radian",
    "N": "newton",
    "J": "joule",
    "W": "watt",
    "unit": "unit",
}
_CANONICAL = {word: unit for unit, words in _SPELLINGS.items() for word in words.split()}

AMBIGUOUS = frozenset({"m", "g", "s", "h", "l", "L"})
"""One-letter units that may as well be variables: `5 m` in plain text."""
SHORT_UNITS = frozenset(word for word in _CANONICAL if 1 < len(word) <= 3) - {"in", "min"} | {"mL"}
"""Short words that are read as a unit rather than as a product of variables."""
_FILLER = re.compile(r"\b(?:of|the|a|an)\b")
_TRAILING_POWER = re.compile(r"\s*\^\s*([23])$")
_NAMED_POWER = re.compile(r"^(square|sq|cubic|cu)\.? (.+)$")


def canonical_unit(text: str) -> str:
    """The unit in its one spelling: `meters` -> `m`, `cm^2` and `square centimeters` -> `cm^2`."""
    text = " ".join(_FILLER.sub(" ", text.replace(".", " ")).split())
    text = text.replace(" per ", "/").replace(" / ", "/")
    if text.startswith("per "):
        text = "/" + text[4:]
    return "/".join(_canonical_factor(part.strip()) for part in text.split("/"))


def _canonical_factor(text: str) -> str:
    power = ""
    if match := _TRAILING_POWER.search(text):
        power, text = f"^{match[1]}", text[: match.start()]
    elif match := _NAMED_POWER.match(text):
        power, text = "^2" if match[1].startswith("s") else "^3", match[2]
    return " ".join(_canonical_word(word) for word in text.split()) + power


def _canonical_word(word: str) -> str:
    if word in _SPELLINGS:
        return word
    lower = word.casefold()
    if lower in _CANONICAL:
        return _CANONICAL[lower]
    singular = lower[:-1] if len(lower) > 3 and lower.endswith("s") and not lower.endswith("ss") else lower
    return _CANONICAL.get(singular, singular)
