"""Values on their way out of a jailed process: JSON, with a tag where JSON has no such type.

    null true false 1 1.5 NaN "a" [..]   themselves; a list is an array
    {"t": [..]} {"s": [..]} {"z": [..]}   tuple, set, frozenset
    {"d": [key, value, key, value, ..]}   dict, also a Counter, defaultdict or OrderedDict: they equal a dict
    {"c": [real, imaginary]}              complex
    {"b": "00ff"}                         bytes
    {"n": "0x1f.."}                       int beyond 64 bits

Exact types only: of an object of any other type, or of a subclass of these, nothing is sent. Named tuples are tuples.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from json import dumps as _quote
from typing import Any

_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_DICTS = (dict, Counter, defaultdict, OrderedDict)
_ARRAYS: dict[type, str] = {tuple: "t", set: "s", frozenset: "z"}
_ITERABLES: tuple[type, ...] = (range, deque, type({}.keys()), type({}.values()), type({}.items()))


class NotPlain(TypeError):
    """A value of a type that is not sent, by its name."""


def encode(value: Any) -> str:
    """`value` as JSON text without line breaks. Raises NotPlain."""
    kind = type(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return repr(value) if -(2**63) <= value < 2**63 else f'{{"n":"{value:#x}"}}'
    if kind is float:
        text = repr(value)
        return _NOT_FINITE.get(text, text)
    if kind is str:
        return _quote(value)
    if kind is list:
        return _array(value)
    if kind in _ARRAYS:
        return f'{{"{_ARRAYS[kind]}":{_array(value)}}}'
    if kind in _DICTS:
        return f'{{"d":{_array([part for item in dict.items(value) for part in item])}}}'
    if kind is complex:
        return f'{{"c":{_array([value.real, value.imag])}}}'
    if kind is bytes:
        return f'{{"b":"{value.hex()}"}}'
    if kind.__bases__ == (tuple,) and hasattr(kind, "_fields"):
        return f'{{"t":{_array(tuple.__iter__(value))}}}'
    raise NotPlain(kind.__name__)


def items_of(value: Any) -> list[Any] | None:
    """What iterating over a value gives, where its type is made for that alone; None where it is not."""
    if type(value) in _ITERABLES or isinstance(value, Iterator):
        return list(value)
    return None


def _array(items: Any) -> str:
    return f"[{','.join([encode(item) for item in items])}]"
