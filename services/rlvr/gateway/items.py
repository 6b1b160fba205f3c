"""From decoded JSON to an item that a verifier can be asked about, or to why not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from rlvr.core.errors import FieldViolation
from rlvr.gateway.strict_json import NotJson
from rlvr.v1 import verifier_pb2

FIELDS = ("verifier", "completion", "spec", "trace_id", "policy_version")
_MAX_NAME = 256
_INT64 = 1 << 63
_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Malformed:
    """The item has not the documented shape, so nothing can be graded."""

    trace_id: str
    verifier: str
    violations: list[FieldViolation]

    @property
    def detail(self) -> str:
        return "; ".join(f"{v.field}: {v.description}" if v.field else v.description for v in self.violations)


@dataclass(frozen=True, slots=True)
class Oversized:
    """The item is well formed; its completion is longer than any that is graded."""

    trace_id: str
    verifier: str
    detail: str


def parse_item(
    document: Any, *, max_completion_bytes: int, max_spec_bytes: int
) -> verifier_pb2.VerifyItem | Malformed | Oversized:
    """Check an item's shape by plain code: a batch has thousands, and a model per item would cost more than grading.

    `document` is decoded JSON, or the NotJson that came of decoding it.
    """
    if not isinstance(document, dict):
        reason = f"the item is not JSON: {document}" if isinstance(document, NotJson) else "the item must be an object"
        return Malformed(_made_up_id(), "", [FieldViolation("", reason)])
    wrong: list[FieldViolation] = []
    for field in document.keys() - _FIELD_SET:
        wrong.append(FieldViolation(_shown(field), f"unknown field; the fields are {', '.join(FIELDS)}"))
    trace_id = _name(document, "trace_id", wrong, required=False) or _made_up_id()
    verifier = _name(document, "verifier", wrong, required=True)
    completion = document.get("completion")
    size = 0
    if not isinstance(completion, str):
        wrong.append(FieldViolation("completion", _must_be("text", document, "completion")))
    elif not completion.isascii():
        size = _size(completion, "completion", wrong)
    else:
        size = len(completion)
    spec_json = _spec(document, max_spec_bytes, wrong)
    version = document.get("policy_version")
    if version is not None and (type(version) is not int or not -_INT64 <= version < _INT64):
        wrong.append(FieldViolation("policy_version", "must be an integer of at most 64 bits"))
    if wrong:
        return Malformed(trace_id, verifier, wrong)
    if size > max_completion_bytes:
        return Oversized(trace_id, verifier, f"completion: {size} bytes, over the limit of {max_completion_bytes}")
    return verifier_pb2.VerifyItem(
        trace_id=trace_id, verifier=verifier, completion=completion, spec_json=spec_json, policy_version=version
    )


_FIELD_SET = frozenset(FIELDS)


def _name(document: dict[str, Any], field: str, wrong: list[FieldViolation], *, required: bool) -> str:
    value = document.get(field)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or not value:
        wrong.append(FieldViolation(field, _must_be("text that is not empty", document, field)))
    elif len(value) > _MAX_NAME:
        wrong.append(FieldViolation(field, f"longer than {_MAX_NAME} characters"))
    elif value.isascii() or _size(value, field, wrong):
        return value
    return ""


def _spec(document: dict[str, Any], limit: int, wrong: list[FieldViolation]) -> str:
    spec = document.get("spec")
    if not isinstance(spec, dict):
        wrong.append(FieldViolation("spec", _must_be("an object", document, "spec")))
        return ""
    try:
        text = _compact(spec)
    except (ValueError, RecursionError):
        wrong.append(FieldViolation("spec", "has a number that is out of range, or is nested too deeply"))
        return ""
    if (len(text) if text.isascii() else _size(text, "spec", wrong)) > limit:
        wrong.append(FieldViolation("spec", f"longer than {limit} bytes (RLVR_GATEWAY__MAX_SPEC_BYTES)"))
    return text


def _size(text: str, field: str, wrong: list[FieldViolation]) -> int:
    """Bytes of the text in UTF-8; 0, and a violation, when it has half a character (JSON lets one be written)."""
    try:
        return len(text.encode())
    except UnicodeEncodeError as failure:
        half = text[failure.start]
        wrong.append(FieldViolation(field, f"has the lone surrogate U+{ord(half):04X}, which is no character"))
        return 0


def _must_be(shape: str, document: dict[str, Any], field: str) -> str:
    return f"must be {shape}" if field in document else f"is missing; it must be {shape}"


def _shown(field: str) -> str:
    """A field's name as given, cut and made printable."""
    return field[:64].encode("utf-8", "replace").decode()


def _made_up_id() -> str:
    return uuid4().hex
