"""Grades and verdicts as protobuf messages, and the digest."""

from __future__ import annotations

import hashlib
from typing import Any

from rlvr.core.verdict import Grade, Outcome, Reason
from rlvr.v1 import verifier_pb2

_OUTCOMES: dict[Outcome, Any] = {o: verifier_pb2.Outcome.Value(f"OUTCOME_{o.name}") for o in Outcome}
_REASONS: dict[Reason, Any] = {r: verifier_pb2.Reason.Value(f"REASON_{r.name}") for r in Reason}

MAX_EXTRACTED = 1_000
MAX_DETAIL = 2_000
"""Characters of candidate text that a verdict carries at most."""


def to_verdict(grade: Grade) -> verifier_pb2.Verdict:
    """The grade's part of a verdict; who graded, digest and times are for the caller to add."""
    return verifier_pb2.Verdict(
        outcome=_OUTCOMES[grade.outcome],
        reward=grade.reward,
        reason=_REASONS[grade.reason],
        extracted=_storable(grade.extracted[:MAX_EXTRACTED]),
        breakdown=grade.breakdown,
        detail=_storable(grade.detail[:MAX_DETAIL]),
    )


def outcome_word(value: verifier_pb2.Outcome) -> str:
    """`OUTCOME_CORRECT` -> `correct`."""
    return verifier_pb2.Outcome.Name(value).removeprefix("OUTCOME_").lower()


def reason_word(value: verifier_pb2.Reason) -> str:
    """`REASON_EQUIVALENT` -> `equivalent`."""
    return verifier_pb2.Reason.Name(value).removeprefix("REASON_").lower()


def digest(verifier: str, version: str, spec_json: str, completion: str) -> str:
    """sha256 over verifier name and version, spec and completion, each preceded by its length in bytes so that
    no two different inputs give the same text to hash."""
    hasher = hashlib.sha256()
    for part in (verifier, version, spec_json, completion):
        data = part.encode("utf-8", "surrogatepass")
        hasher.update(len(data).to_bytes(8, "big"))
        hasher.update(data)
    return f"sha256:{hasher.hexdigest()}"


def _storable(text: str) -> str:
    """Lone surrogates, which a completion may hold, are no valid protobuf text."""
    return text.encode("utf-8", "replace").decode("utf-8")
