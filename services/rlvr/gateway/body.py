"""JSON bodies, read within a size limit."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import Request

from rlvr.core.errors import TooLarge
from rlvr.gateway.problems import Unreadable
from rlvr.gateway.strict_json import NotJson, decode, decode_items

_IN_A_THREAD = 1 << 18
"""Bodies of this many bytes are decoded beside the event loop, so that others are not kept waiting."""


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body.

    Raises:
        TooLarge: it has more than `limit` bytes, whatever it announced.
    """
    refusal = TooLarge(f"the body is larger than {limit} bytes: send less at a time, or a batch as NDJSON")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise refusal
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise refusal
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def read_json(request: Request, limit: int) -> Any:
    """The decoded body.

    Raises:
        TooLarge: it has more than `limit` bytes.
        Unreadable: it is not JSON.
    """
    body = await read_body(request, limit)
    try:
        return await asyncio.to_thread(decode, body) if len(body) >= _IN_A_THREAD else decode(body)
    except NotJson as failure:
        raise Unreadable(f"the body is not JSON: {failure}") from None


async def read_items(request: Request, limit: int) -> list[Any]:
    """The items of a batch `{"items": [...]}`. One that cannot be decoded is a NotJson in its place.

    Raises:
        TooLarge: the body has more than `limit` bytes.
        Unreadable: it is not JSON, and not even its items can be told apart.
        InvalidRequest: it has another shape.
    """
    body = await read_body(request, limit)
    try:
        if len(body) >= _IN_A_THREAD:
            return await asyncio.to_thread(decode_items, body)
        return decode_items(body)
    except NotJson as failure:
        raise Unreadable(f"the body is not JSON: {failure}") from None
