"""API keys."""

from __future__ import annotations

import hashlib
import hmac
import re

_HASHED = re.compile(r"sha256:([0-9a-fA-F]{64})")
_MIN_LENGTH = 16


class ApiKeys:
    """The keys that callers may use, kept as sha256 so that the process holds no usable one.

    Args:
        keys: each the key itself, or `sha256:<hex>` of it.

    Raises:
        ValueError: one is too short to be a secret, or not a hash. The message gives its place, never the key.
    """

    def __init__(self, keys: list[str]) -> None:
        self._hashes = [_hash(key, place) for place, key in enumerate(keys)]

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def allow(self, authorization: str) -> bool:
        """Whether an Authorization header has one of the keys. Takes as long for every wrong key."""
        scheme, _, token = authorization.partition(" ")
        given = hashlib.sha256(token.strip().encode()).digest()
        matches = [hmac.compare_digest(given, known) for known in self._hashes]
        return scheme.lower() == "bearer" and any(matches)


def _hash(key: str, place: int) -> bytes:
    if key.startswith("sha256:"):
        match = _HASHED.fullmatch(key)
        if match is None:
            raise ValueError(f"key {place} starts with sha256: but 64 hexadecimal digits do not follow")
        return bytes.fromhex(match[1])
    if len(key) < _MIN_LENGTH:
        raise ValueError(f"key {place} is shorter than {_MIN_LENGTH} characters; try `openssl rand -hex 32`")
    return hashlib.sha256(key.encode()).digest()
