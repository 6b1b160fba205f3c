"""Without keys, being on this machine is all that a caller must show, and a web page in its browser can do that too."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from rlvr.gateway.settings import is_loopback


def foreign(headers: Headers) -> str | None:
    """Why a request may come from a page of another site; None if it does not.

    A page elsewhere is betrayed by its Origin. One whose own name was made to point here (DNS rebinding) has an Origin
    like ours, but no browser lets it choose the Host.
    """
    host = headers.get("host", "")
    name = _name(f"//{host}")
    if name is None or not is_loopback(name):
        return f"Host: {host[:200]!r} is not this machine: without API keys the gateway goes by localhost or 127.0.0.1"
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
        return f"Origin: {origin[:200]!r} is another site, and without API keys none but our own pages may call"
    return None


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
