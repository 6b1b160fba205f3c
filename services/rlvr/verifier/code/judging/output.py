"""Comparing a program's standard output with the expected one."""

from __future__ import annotations

import math
import re
from typing import Literal

from rlvr.verifier.code.judging.values import Tolerance

CompareMode = Literal["exact", "lines", "tokens", "float", "unordered_lines"]
_NUMBER = re.compile(rb"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_MAX_NUMBER_CHARS = 1000


def same_output(answer: bytes, expected: str, mode: CompareMode = "lines", tolerance: Tolerance | None = None) -> bool:
    """Whether two outputs are the same.

    - `exact`: byte for byte.
    - `lines`: but for white space at line ends and blank last lines; CRLF is LF.
    - `tokens`: as words between white space.
    - `float`: as `tokens`, where words that are decimal numbers on both sides may differ by the tolerance, unless
      both are integers.
    - `unordered_lines`: as `lines`, in any order.
    """
    wanted = expected.encode("utf-8", "surrogatepass")
    if mode == "exact":
        return answer == wanted
    if mode == "tokens":
        return answer.split() == wanted.split()
    if mode == "float":
        return _same_numbers(answer.split(), wanted.split(), tolerance or Tolerance())
    left, right = _lines(answer), _lines(wanted)
    return sorted(left) == sorted(right) if mode == "unordered_lines" else left == right


def _lines(output: bytes) -> list[bytes]:
    return [line.rstrip(b" \t\r\f\v") for line in output.rstrip().split(b"\n")]


def _same_numbers(left: list[bytes], right: list[bytes], tolerance: Tolerance) -> bool:
    same_length = len(left) == len(right)
    return same_length and all(_same_word(*pair, tolerance) for pair in zip(left, right, strict=True))


def _same_word(answer: bytes, expected: bytes, tolerance: Tolerance) -> bool:
    """`nan`, `inf` and what overflows to it are words like any other: close to nothing."""
    if answer == expected:
        return True
    if not (_is_number(answer) and _is_number(expected)):
        return False
    if answer.lstrip(b"+-").isdigit() and expected.lstrip(b"+-").isdigit():
        return int(answer) == int(expected)
    number, wanted = float(answer), float(expected)
    return math.isfinite(number) and math.isclose(number, wanted, rel_tol=tolerance.rel, abs_tol=tolerance.abs)


def _is_number(word: bytes) -> bool:
    return len(word) <= _MAX_NUMBER_CHARS and _NUMBER.fullmatch(word) is not None
