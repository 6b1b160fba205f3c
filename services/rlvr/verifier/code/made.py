"""What a compilation answers (see `zygote.builder`), read as bytes of a process that dealt with a stranger's code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlvr.verifier.code.zygote.builder import DIAGNOSTICS_BYTES, MADE, MAX_FILES

HEAD_BYTES = 2**19
"""What the first line may take."""
_NAME = re.compile(r"[\w$][\w$.-]{0,199}(/[\w$][\w$.-]{0,199}){0,15}")


class NotMade(ValueError):
    """The bytes are not such an answer."""


@dataclass(frozen=True, slots=True)
class Made:
    """What compilers left."""

    status: int
    """Wait status of the last of them."""
    diagnostics: bytes
    files: Mapping[str, bytes]
    """Path in a run's working folder -> content."""


def read_made(answer: bytes) -> Made:
    """The answer. Raises NotMade."""
    head, newline, rest = answer.partition(b"\n")
    if not newline or len(head) > HEAD_BYTES:
        raise NotMade("it has no first line")
    try:
        fields = json.loads(head)
    except (ValueError, RecursionError) as failure:
        raise NotMade("its first line is not JSON") from failure
    if type(fields) is not dict or list(fields) != ["status", "diagnostics", "files"]:
        raise NotMade("its first line does not hold status, diagnostics and files")
    status, length, files = fields.values()
    if not (_is_count(status, 2**16) and _is_count(length, DIAGNOSTICS_BYTES) and type(files) is list):
        raise NotMade("its first line has members of other kinds")
    diagnostics, at = rest[:length], length
    contents = {}
    for name, size in _named(files):
        contents[f"{MADE}/{name}"] = rest[at : at + size]
        at += size
    if at != len(rest):
        raise NotMade("it is longer or shorter than its first line says")
    return Made(status, diagnostics, contents)


def _named(files: list[Any]) -> list[tuple[str, int]]:
    if len(files) > MAX_FILES:
        raise NotMade("there are too many files")
    named = []
    for entry in files:
        if type(entry) is not list or len(entry) != 2:
            raise NotMade("a file is not a name and a length")
        name, size = entry
        if type(name) is not str or not _NAME.fullmatch(name) or not _is_count(size, 2**40):
            raise NotMade("a file has no plain name or no length")
        named.append((name, size))
    if len({name for name, _ in named}) != len(named):
        raise NotMade("a file is named twice")
    return named


def _is_count(value: Any, most: int) -> bool:
    return type(value) is int and 0 <= value <= most
