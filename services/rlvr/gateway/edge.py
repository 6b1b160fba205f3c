"""What every request passes before a route sees it: API key or origin, limit on requests at the same time, metrics."""

from __future__ import annotations

import time
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rlvr.core import metrics
from rlvr.core.errors import Overloaded, RlvrError, Unauthenticated
from rlvr.gateway.auth import ApiKeys
from rlvr.gateway.origin import foreign
from rlvr.gateway.problems import Forbidden, problem_response

_API = "/v1/"
"""Health and documentation are open to all and always answered."""


class Edge:
    """ASGI middleware, plain because it is on the path of every single verification."""

    def __init__(self, app: ASGIApp, *, keys: ApiKeys, max_requests: int) -> None:
        self._app = app
        self._keys = keys
        self._max_requests = max_requests
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        code = 500

        async def send_and_note(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        self._requests += 1
        try:
            refusal = self._refusal(scope)
            app: Any = self._app if refusal is None else problem_response(refusal, scope["path"])
            await app(scope, receive, send_and_note)
        finally:
            self._requests -= 1
            route = getattr(scope.get("route"), "path", "")
            metrics.HTTP_SECONDS.labels(route, str(code)).observe(time.perf_counter() - begin)

    def _refusal(self, scope: Scope) -> RlvrError | None:
        if not scope["path"].startswith(_API):
            return None
        headers = Headers(scope=scope)
        if self._keys:
            if not self._keys.allow(headers.get("authorization", "")):
                return Unauthenticated("send one of the configured keys: `Authorization: Bearer <key>`")
        elif (why := foreign(headers)) is not None:
            return Forbidden(f"{why}; set RLVR_GATEWAY__API_KEYS to serve others")
        if self._requests > self._max_requests:
            return Overloaded(f"{self._max_requests} requests are being served; try again", retry_after_seconds=1.0)
        return None
