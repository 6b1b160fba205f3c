"""Every failure as an RFC 9457 problem document (application/problem+json)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import grpc
import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from rlvr.core.errors import FieldViolation, Internal, InvalidRequest, RlvrError, TooLarge, Unauthenticated
from rlvr.core.telemetry import get_logger

log = get_logger("http")

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_S = 1.0
CALLER_LEFT = 499
"""Status, in the metrics alone, of a request whose caller did not stay for the answer."""


class Unreadable(InvalidRequest):
    """The body is not JSON."""

    http_status = 400
    slug = "unreadable"
    title = "The body is not JSON"


class Forbidden(RlvrError):
    """The caller may be a web page of another site."""

    status = grpc.StatusCode.PERMISSION_DENIED
    http_status = 403
    slug = "forbidden"
    title = "Not for callers from elsewhere"


def problem_response(failure: RlvrError, path: str) -> Response:
    """The problem document of a failure, with the headers that belong to it."""
    headers = {}
    retry_after = failure.retry_after_seconds
    if retry_after is None and failure.http_status in (429, 503):
        retry_after = _RETRY_AFTER_S
    if retry_after is not None:
        headers["Retry-After"] = str(math.ceil(retry_after))
    if isinstance(failure, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(failure, TooLarge):
        # The rest of the body is not wanted; a caller that is kept on would go on sending it.
        headers["Connection"] = "close"
    return _response(failure.problem(path), headers)


def install(app: FastAPI) -> None:
    """Make every failure of the app a problem document."""
    app.add_exception_handler(RlvrError, _on_rlvr_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(ClientDisconnect, _on_leaving)
    app.add_exception_handler(Exception, _on_bug)


async def _on_rlvr_error(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, RlvrError)
    return problem_response(failure, request.url.path)


async def _on_invalid(request: Request, failure: Exception) -> Response:
    """A parameter of the path or the query; bodies are read by our own code."""
    assert isinstance(failure, RequestValidationError)
    violations = [
        FieldViolation(".".join(str(part) for part in problem["loc"][1:]), problem["msg"])
        for problem in failure.errors()
    ]
    detail = "; ".join(f"{v.field}: {v.description}" for v in violations)
    return problem_response(InvalidRequest(detail, violations=violations), request.url.path)


async def _on_http(request: Request, failure: Exception) -> Response:
    """What the framework refuses by itself: no such route, no such method."""
    assert isinstance(failure, HTTPException)
    document = {
        "type": "about:blank",
        "title": HTTPStatus(failure.status_code).phrase,
        "status": failure.status_code,
        "detail": f"{request.method} {request.url.path}: {failure.detail}; /docs lists what there is",
        "instance": request.url.path,
    }
    return _response(document, failure.headers or {})


async def _on_leaving(request: Request, failure: Exception) -> Response:
    """The caller hung up while it was sending: nobody's failure, and nobody reads the answer."""
    return Response(status_code=CALLER_LEFT)


async def _on_bug(request: Request, failure: Exception) -> Response:
    log.error("request failed", path=request.url.path, exc_info=failure)
    detail = f"{type(failure).__name__}; the gateway's log has the details"
    return problem_response(Internal(detail), request.url.path)


def _response(document: dict[str, Any], headers: Mapping[str, str]) -> Response:
    return Response(orjson.dumps(document), document["status"], headers, MEDIA_TYPE)
