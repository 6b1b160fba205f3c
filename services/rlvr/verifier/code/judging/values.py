"""Plain values from the wire (see `zygote.encoding`), and whether two of them are the same."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

REL_TOL = 1e-9
ABS_TOL = 1e-12
_MAX_SAME_HASH = 64
"""Members of one set or dict that may have the same hash: with more of them building it takes quadratic time."""


class NotValues(ValueError):
    """The bytes are not what our encoder writes, or would cost too much to hold."""


class NotANumber(NotValues):
    """There is a NaN among the values, where none is wanted."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a float may be from the expected one: as `math.isclose`."""

    rel: float = REL_TOL
    abs: float = ABS_TOL


def decode_line(line: bytes, nan: bool = True) -> dict[str, Any]:
    """The JSON object in one line; values in it are decoded, other members are as in the JSON.

    Raises:
        NotANumber: one is NaN, and `nan` says that none may be.
        NotValues: there is none.
    """
    try:
        document = json.loads(line, object_pairs_hook=_object, parse_constant=float if nan else _not_nan)
    except NotANumber:
        raise
    except (ValueError, TypeError, RecursionError, MemoryError) as failure:
        raise NotValues("not one object of plain values") from failure
    if type(document) is not _Message:
        raise NotValues("not one object of plain values")
    return dict(document)


def _not_nan(name: str) -> float:
    if name == "NaN":
        raise NotANumber
    return float(name)


class _Message(dict[str, Any]):
    """An object that is not a tagged value: an answer or a request itself. Never part of a value."""


def _object(pairs: list[tuple[str, Any]]) -> Any:
    if len(pairs) == 1 and pairs[0][0] in _TAGS:
        tag, content = pairs[0]
        _check_plain(content if type(content) is list else ())
        return _TAGS[tag](content)
    for _, content in pairs:
        _check_plain([content])
    if len({name for name, _ in pairs}) != len(pairs):
        raise NotValues("a member is named twice")
    return _Message(pairs)


def _check_plain(values: Iterable[Any]) -> None:
    """Arrays were made by the JSON parser unseen, so what is below them is looked at here."""
    pending = list(values)
    while pending:
        value = pending.pop()
        if type(value) is _Message:
            raise NotValues("an object without a tag")
        if type(value) is list:
            pending.extend(value)


def _tuple(content: Any) -> tuple[Any, ...]:
    return tuple(_list(content))


def _set(content: Any) -> set[Any]:
    return set(spread(_list(content)))


def _frozenset(content: Any) -> frozenset[Any]:
    return frozenset(spread(_list(content)))


def _dict(content: Any) -> dict[Any, Any]:
    parts = _list(content)
    if len(parts) % 2:
        raise NotValues("a dict with a key that has no value")
    return dict(zip(spread(parts[::2]), parts[1::2], strict=True))


def _complex(content: Any) -> complex:
    real, imaginary = _list(content)
    if type(real) is not float or type(imaginary) is not float:
        raise NotValues("not a complex number")
    return complex(real, imaginary)


def _bytes(content: Any) -> bytes:
    return bytes.fromhex(content)


def _big_int(content: Any) -> int:
    return int(content, 16)


def _list(content: Any) -> list[Any]:
    if type(content) is not list:
        raise NotValues("not an array")
    return content


_TAGS: dict[str, Callable[[Any], Any]] = {
    "t": _tuple,
    "s": _set,
    "z": _frozenset,
    "d": _dict,
    "c": _complex,
    "b": _bytes,
    "n": _big_int,
}


def spread(members: list[Any]) -> list[Any]:
    """`members`, fit to become a set or the keys of a dict.

    Raises:
        NotValues: too many of them have one hash; a candidate can choose integers so.
        TypeError: one has no hash.
    """
    if len(members) > _MAX_SAME_HASH:
        hashes = Counter(map(hash, members))
        if hashes.most_common(1)[0][1] > _MAX_SAME_HASH and _has_clash(members):
            raise NotValues("too many members of one hash")
    return members


def _has_clash(members: list[Any]) -> bool:
    """Whether many *different* members have one hash."""
    by_hash: dict[int, list[Any]] = {}
    for member in members:
        others = by_hash.setdefault(hash(member), [])
        if member not in others:
            others.append(member)
            if len(others) > _MAX_SAME_HASH:
                return True
    return False


def same_value(answer: Any, expected: Any, tolerance: Tolerance | None = None) -> bool:
    """Whether an answer is an expected JSON value, by exact types.

    - `true`, `false` and `null` equal only themselves: `True` is not 1.
    - An expected integer wants that number exactly (4 or 4.0); an expected float wants it within the tolerance.
    - Arrays compare in order, objects by their string keys. A tuple is an array.
    """
    tolerance = tolerance or Tolerance()
    pending = [(answer, expected)]
    while pending:
        left, right = pending.pop()
        if type(right) in (int, float):
            if type(left) not in (int, float) or not _same_number(left, right, tolerance):
                return False
        elif type(right) is list:
            if type(left) not in (list, tuple) or len(left) != len(right):
                return False
            pending.extend(zip(left, right, strict=True))
        elif type(left) is not type(right):
            return False
        elif type(right) is dict:
            if left.keys() != right.keys():
                return False
            pending.extend((left[key], right[key]) for key in right)
        elif left != right:
            return False
    return True


def _same_number(answer: float, expected: float, tolerance: Tolerance) -> bool:
    if type(expected) is int:
        return answer == expected
    try:
        return math.isclose(answer, expected, rel_tol=tolerance.rel, abs_tol=tolerance.abs)
    except OverflowError:  # an int too large to be a float is not close to one
        return False
