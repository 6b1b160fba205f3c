"""Verdicts as JSON, and the verdicts that the gateway gives by itself."""

from __future__ import annotations

from typing import Any

from rlvr.core.verdict import Outcome, Reason
from rlvr.gateway.items import Malformed, Oversized
from rlvr.v1 import verifier_pb2

_OUTCOMES: dict[int, str] = {verifier_pb2.Outcome.Value(f"OUTCOME_{o.name}"): o.value for o in Outcome}
_REASONS: dict[int, str] = {verifier_pb2.Reason.Value(f"REASON_{r.name}"): r.value for r in Reason}
_SCORED = frozenset(
    (verifier_pb2.OUTCOME_CORRECT, verifier_pb2.OUTCOME_PARTIAL, verifier_pb2.OUTCOME_INCORRECT),
)


def to_json(verdict: verifier_pb2.Verdict) -> dict[str, Any]:
    """The verdict as the API shows it. `reward` is absent, not 0 and not null, when nothing was scored."""
    document: dict[str, Any] = {"trace_id": verdict.trace_id, "outcome": _OUTCOMES[verdict.outcome]}
    if verdict.HasField("reward"):
        document["reward"] = verdict.reward
    document["reason"] = _REASONS[verdict.reason]
    document["extracted"] = verdict.extracted
    document["breakdown"] = dict(verdict.breakdown)
    document["detail"] = verdict.detail
    document["verifier"] = {"name": verdict.verifier, "version": verdict.verifier_version}
    document["digest"] = verdict.digest
    document["duration_ms"] = verdict.duration_ms
    document["queue_ms"] = verdict.queue_ms
    document["cached"] = verdict.cached
    return document


def of_refused(item: Malformed | Oversized) -> verifier_pb2.Verdict:
    """The verdict on an item that is not sent to a verifier: the spec's side's fault, or the candidate's."""
    verdict = verifier_pb2.Verdict(trace_id=item.trace_id, verifier=item.verifier, detail=item.detail)
    if isinstance(item, Oversized):
        verdict.outcome = verifier_pb2.OUTCOME_INCORRECT
        verdict.reward = 0.0
        verdict.reason = verifier_pb2.REASON_TOO_LARGE
    else:
        verdict.outcome = verifier_pb2.OUTCOME_INVALID
        verdict.reason = verifier_pb2.REASON_BAD_SPEC
    return verdict


def of_failure(item: verifier_pb2.VerifyItem, reason: verifier_pb2.Reason, detail: str) -> verifier_pb2.Verdict:
    """The verdict on an item that we failed to have graded."""
    return verifier_pb2.Verdict(
        trace_id=item.trace_id,
        verifier=item.verifier,
        outcome=verifier_pb2.OUTCOME_ERROR,
        reason=reason,
        detail=detail,
    )


def of_unknown(item: verifier_pb2.VerifyItem) -> verifier_pb2.Verdict:
    """The verdict on an item whose verifier no room here serves."""
    return verifier_pb2.Verdict(
        trace_id=item.trace_id,
        verifier=item.verifier,
        outcome=verifier_pb2.OUTCOME_INVALID,
        reason=verifier_pb2.REASON_UNKNOWN_VERIFIER,
        detail=f"verifier: there is no {item.verifier[:64]!r} here; GET /v1/verifiers lists them",
    )


def checked(verdict: verifier_pb2.Verdict, item: verifier_pb2.VerifyItem) -> verifier_pb2.Verdict:
    """The verifier's verdict, or `error` when it breaks the contract: a reward that does not belong to its
    outcome must never reach a trainer."""
    if verdict.outcome in _OUTCOMES and verdict.reason in _REASONS:
        if verdict.HasField("reward") == (verdict.outcome in _SCORED):
            return verdict
        detail = "the verifier gave a reward that does not belong to its outcome"
    else:
        detail = "the verifier gave an outcome or a reason that this gateway does not know: upgrade the gateway"
    return of_failure(item, verifier_pb2.REASON_GRADER_CRASHED, detail)
