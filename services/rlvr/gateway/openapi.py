"""The parts of the OpenAPI document that FastAPI cannot see, because our own code reads bodies and makes responses."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from rlvr.core.run_spec import RunSpec
from rlvr.gateway import problems as problem_documents
from rlvr.gateway import schema
from rlvr.gateway.examples import Example

_BODIES: tuple[type[BaseModel], ...] = (schema.Item, schema.Items, schema.IndexedVerdict, schema.Problem, RunSpec)


def problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can fail in these ways."""
    content = {problem_documents.MEDIA_TYPE: {"schema": schema.ref(schema.Problem)}}
    return {code: {"description": HTTPStatus(code).phrase, "content": content} for code in codes}


def request_body(
    model: type[BaseModel],
    examples: list[Example],
    *,
    ndjson: tuple[type[BaseModel], list[Example]] | None = None,
) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads its body itself."""
    content = {"application/json": _media_type(model, examples)}
    if ndjson is not None:
        content["application/x-ndjson"] = _media_type(*ndjson)
    return {"requestBody": {"required": True, "content": content}}


def install(app: FastAPI) -> None:
    """Complete the app's document with the models that only we know of."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            _refs, extra = models_json_schema(
                [(model, "validation") for model in _BODIES], ref_template="#/components/schemas/{model}"
            )
            made.setdefault("components", {}).setdefault("schemas", {}).update(extra["$defs"])
            made["components"]["securitySchemes"] = {"apiKey": {"type": "http", "scheme": "bearer"}}
            made["security"] = [{"apiKey": []}, {}]
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _media_type(model: type[BaseModel], examples: list[Example]) -> dict[str, Any]:
    shown = {example.name: {"summary": example.summary, "value": example.request} for example in examples}
    return {"schema": schema.ref(model), "examples": shown}
