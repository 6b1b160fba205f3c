"""JSON decoded strictly, and the body of a batch cut into its items."""

from __future__ import annotations

import json
import re
from typing import Any

from rlvr.core.errors import FieldViolation, InvalidRequest

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},]', re.DOTALL)
_SPACE = b" \t\n\r"


class NotJson(ValueError):
    """The text is not JSON, or not JSON that means the same to every reader."""


def decode(data: bytes) -> Any:
    """Decode JSON, refusing what readers disagree on: NaN and Infinity, a key that appears twice.

    Unlike faster decoders it keeps integers of any size exact: a gold answer may have 30 digits.

    Raises:
        NotJson: says what is wrong and where.
    """
    try:
        return json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError:
        raise NotJson("it is nested too deeply") from None
    except UnicodeDecodeError as failure:
        raise NotJson(f"it is not UTF-8 (byte {failure.start})") from None
    except NotJson:
        raise
    except ValueError as failure:
        raise NotJson(str(failure)) from None


def decode_items(body: bytes) -> list[Any]:
    """The items of `{"items": [...]}`.

    When the body as a whole cannot be decoded it is cut where the brackets say that items end, so that an
    item which is not JSON costs only its own verdict.

    Raises:
        NotJson, InvalidRequest: see `rlvr.gateway.body.read_items`.
    """
    try:
        document = decode(body)
    except NotJson as failure:
        texts = split_items(body)
        if texts is None:
            raise failure from None
        return [_decoded_or_failure(text) for text in texts]
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise InvalidRequest(
            'the body must be {"items": [...]}',
            violations=[FieldViolation("items", "must be an array of objects like the body of /v1/verify")],
        )
    if extra := sorted(set(document) - {"items"}):
        raise InvalidRequest(
            f"unknown field {extra[0]!r}", violations=[FieldViolation(extra[0], "unknown field; there is only items")]
        )
    return document["items"]


def split_items(body: bytes) -> list[bytes] | None:
    """The texts of the items of `{"items": [...]}`, found by brackets and quotes alone; None when those do not
    fit together. Takes time linear in the body whatever is in it."""
    head = re.match(rb'\s*\{\s*"items"\s*:\s*\[', body)
    if head is None:
        return None
    texts: list[bytes] = []
    open_brackets: list[bytes] = []
    begin = head.end()
    for token in _TOKEN.finditer(body, begin):
        mark = token[0][:1]
        if mark == b'"':
            if len(token[0]) < 2 or token[0][-1:] != b'"':
                return None
        elif mark in b"[{":
            open_brackets.append(b"]" if mark == b"[" else b"}")
        elif mark == b"," or (mark == b"]" and not open_brackets):
            if open_brackets:
                continue
            texts.append(body[begin : token.start()].strip(_SPACE))
            begin = token.end()
            if mark == b"]":
                whole = body[begin:].strip(_SPACE) == b"}"
                return ([] if texts == [b""] else texts) if whole else None
        elif not open_brackets or open_brackets.pop() != mark:
            return None
    return None


def _decoded_or_failure(text: bytes) -> Any:
    try:
        return decode(text)
    except NotJson as failure:
        return failure


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _value in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise NotJson(f"the key {twice[:64]!r} appears twice in an object")
    return document


def _refuse_constant(name: str) -> Any:
    raise NotJson(f"{name} is not a JSON number")
