"""Completions in, verdicts out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from rlvr.core.errors import InvalidRequest, TooLarge, Unavailable
from rlvr.gateway import examples, schema, verdicts
from rlvr.gateway.batch import Batch
from rlvr.gateway.body import read_items, read_json
from rlvr.gateway.items import Malformed, Oversized, parse_item
from rlvr.gateway.ndjson import MEDIA_TYPE, VerdictStream
from rlvr.gateway.openapi import problems, request_body
from rlvr.gateway.peers import Peers
from rlvr.gateway.problems import CALLER_LEFT
from rlvr.gateway.settings import GatewaySettings
from rlvr.gateway.verifiers import VerifierRoom
from rlvr.v1 import verifier_pb2

_NDJSON_TYPES = (MEDIA_TYPE, "application/ndjson", "application/jsonl")


def verify_router(settings: GatewaySettings, peers: Peers) -> APIRouter:
    """The routes under /v1/verify and /v1/verifiers."""
    routes = APIRouter(tags=["verification"])

    @routes.post(
        "/v1/verify",
        operation_id="verify",
        summary="Score one completion",
        description=schema.VERIFY,
        responses={200: {"model": schema.Verdict}, **problems(400, 401, 413, 422, 429, 503)},
        openapi_extra=request_body(schema.Item, examples.VERIFY),
    )
    async def verify(request: Request) -> Response:
        document = await read_json(request, settings.max_body_bytes)
        item = parse_item(
            document, max_completion_bytes=settings.max_completion_bytes, max_spec_bytes=settings.max_spec_bytes
        )
        if isinstance(item, Malformed):
            raise InvalidRequest(item.detail, violations=item.violations)
        if isinstance(item, Oversized):
            return _json(verdicts.to_json(verdicts.of_refused(item)))
        room = peers.verifiers.room_for(item.verifier)
        if room is None:
            return _json(verdicts.to_json(verdicts.of_unknown(item)))
        return await _unless_the_caller_leaves(request, grade_one(room, item))

    async def grade_one(room: VerifierRoom, item: verifier_pb2.VerifyItem) -> Response:
        return _json(verdicts.to_json(await room.grade_one(item, settings.verify_deadline_s)))

    @routes.post(
        "/v1/verify/batch",
        operation_id="verifyBatch",
        summary="Score many completions",
        description=schema.BATCH,
        responses={
            200: {"model": schema.Verdicts, "content": {MEDIA_TYPE: {"schema": schema.ref(schema.IndexedVerdict)}}},
            **problems(400, 401, 413, 422, 429),
        },
        openapi_extra=request_body(schema.Items, examples.BATCH, ndjson=(schema.Item, examples.NDJSON)),
    )
    async def verify_batch(request: Request) -> Response:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type in _NDJSON_TYPES:
            return VerdictStream(peers.verifiers, settings)
        items = await read_items(request, settings.max_body_bytes)
        if len(items) > settings.max_items:
            raise TooLarge(
                f"the batch has {len(items)} items, more than {settings.max_items}: split it, or send it as NDJSON "
                f"(Content-Type: {MEDIA_TYPE}), which has no limit"
            )
        return await _unless_the_caller_leaves(request, grade_all(items))

    async def grade_all(items: list[Any]) -> Response:
        answers: list[dict[str, Any] | None] = [None] * len(items)

        def deliver(index: int, verdict: verifier_pb2.Verdict) -> None:
            answers[index] = verdicts.to_json(verdict)

        async with Batch(peers.verifiers, settings, deliver) as batch:
            for index, document in enumerate(items):
                await batch.put(index, document)
        return _json({"verdicts": answers})

    @routes.get(
        "/v1/verifiers",
        operation_id="listVerifiers",
        summary="What can be verified here",
        responses={200: {"model": schema.Verifiers}, **problems(401, 429, 503)},
    )
    async def list_verifiers() -> Response:
        """Name, version, the JSON schema of the spec, and what is available on the verifier's host."""
        return _json(await _described(peers))

    return routes


async def _unless_the_caller_leaves(request: Request, answering: Coroutine[Any, Any, Response]) -> Response:
    """The answer; when the connection is closed before it is there, work on it is cancelled."""
    answer = asyncio.create_task(answering)
    leaving = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((answer, leaving), return_when=asyncio.FIRST_COMPLETED)
        return await answer if answer.done() else Response(status_code=CALLER_LEFT)
    finally:
        answer.cancel()
        leaving.cancel()


async def _described(peers: Peers) -> dict[str, Any]:
    """All rooms' verifiers by name, each from the room that grades it."""
    rooms = list(peers.verifiers.rooms.values())
    answers = await asyncio.gather(*(room.describe() for room in rooms), return_exceptions=True)
    described: dict[str, Any] = {}
    for room, infos in zip(rooms, answers, strict=True):
        if isinstance(infos, Unavailable):
            continue
        if isinstance(infos, BaseException):
            raise infos
        for info in infos:
            if peers.verifiers.room_for(info.name) is room:
                described[info.name] = {
                    "name": info.name,
                    "version": info.version,
                    "spec_schema": json.loads(info.spec_schema_json),
                    "available": json.loads(info.available_json),
                }
    if not described:
        raise Unavailable("no verifier can be reached")
    return {"verifiers": [described[name] for name in sorted(described)]}


def _json(document: dict[str, Any]) -> Response:
    return Response(orjson.dumps(document), media_type="application/json")
