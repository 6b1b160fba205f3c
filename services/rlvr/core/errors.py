"""The error vocabulary: one small tree, and its mapping to gRPC status and RFC 9457 problem documents.

Rooms raise these where the failure happens; `rpc_server` and the gateway classify once, at the boundary. A bad
completion is never one of them: a wrong answer is a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

DOMAIN = "rlvr"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of a request that is wrong, and how to mend it."""

    field: str
    """Path of the field, dots between the parts: `training.groups_per_step`."""
    description: str


class RlvrError(Exception):
    """Base of every failure that one room reports to another or to a user."""

    status: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL
    http_status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    """Names the kind of failure: the problem document's type and the gRPC ErrorInfo's reason."""
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        violations: list[FieldViolation] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.violations = violations or []
        self.retry_after_seconds = retry_after_seconds

    def problem(self, instance: str | None = None) -> dict[str, Any]:
        """The RFC 9457 problem document."""
        document: dict[str, Any] = {
            "type": f"urn:rlvr:problem:{self.slug}",
            "title": self.title,
            "status": self.http_status,
            "detail": self.detail,
        }
        if instance:
            document["instance"] = instance
        if self.violations:
            document["errors"] = [{"field": v.field, "detail": v.description} for v in self.violations]
        return document

    def rpc_status(self) -> grpc.Status:
        """The gRPC status with google.rpc details (ErrorInfo, and BadRequest or RetryInfo where they apply)."""
        details: list[Any] = [error_details_pb2.ErrorInfo(reason=self.slug, domain=DOMAIN)]
        if self.violations:
            fields = [
                error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
                for v in self.violations
            ]
            details.append(error_details_pb2.BadRequest(field_violations=fields))
        if self.retry_after_seconds is not None:
            delay = duration_pb2.Duration()
            delay.FromMilliseconds(round(self.retry_after_seconds * 1000))
            details.append(error_details_pb2.RetryInfo(retry_delay=delay))
        packed = []
        for message in details:
            packed.append(any_pb2.Any())
            packed[-1].Pack(message)
        code: int = self.status.value[0]
        return rpc_status.to_status(status_pb2.Status(code=code, message=self.detail, details=packed))


class InvalidRequest(RlvrError):
    """The request cannot be understood or is out of range. Names the fields."""

    status = grpc.StatusCode.INVALID_ARGUMENT
    http_status = 422
    slug = "invalid-request"
    title = "The request is not valid"


class NotFound(RlvrError):
    status = grpc.StatusCode.NOT_FOUND
    http_status = 404
    slug = "not-found"
    title = "Not found"


class Conflict(RlvrError):
    """The request is well formed, but the thing's state forbids it."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    http_status = 409
    slug = "conflict"
    title = "The state does not allow this"


class Unauthenticated(RlvrError):
    status = grpc.StatusCode.UNAUTHENTICATED
    http_status = 401
    slug = "unauthenticated"
    title = "No valid API key"


class TooLarge(RlvrError):
    status = grpc.StatusCode.OUT_OF_RANGE
    http_status = 413
    slug = "too-large"
    title = "The request is too large"


class Overloaded(RlvrError):
    """More work than there is room for. Retry later."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED
    http_status = 429
    slug = "overloaded"
    title = "Too much work"


class DeadlineExceeded(RlvrError):
    status = grpc.StatusCode.DEADLINE_EXCEEDED
    http_status = 504
    slug = "deadline-exceeded"
    title = "Not done in time"


class Unavailable(RlvrError):
    """A part of the platform cannot be reached. Retry later."""

    status = grpc.StatusCode.UNAVAILABLE
    http_status = 503
    slug = "unavailable"
    title = "A service is not available"


class Internal(RlvrError):
    """A bug, or a state that should not be."""


_OVERSIZED = "message larger than max"
"""What gRPC itself says of a message over the limit, under the status of a server without room."""
_BY_SLUG: dict[str, type[RlvrError]] = {c.slug: c for c in RlvrError.__subclasses__()}
_BY_STATUS: dict[grpc.StatusCode, type[RlvrError]] = {c.status: c for c in RlvrError.__subclasses__()}


def from_rpc_error(failure: grpc.aio.AioRpcError) -> RlvrError:
    """The error that the other side raised, or the nearest one to its status."""
    kind = _BY_STATUS.get(failure.code(), Internal)
    detail = failure.details() or failure.code().name
    if kind is Overloaded and _OVERSIZED in detail:
        kind, detail = TooLarge, f"{detail}; RLVR_GRPC__MAX_MESSAGE_MB of both rooms is the bound"
    violations: list[FieldViolation] = []
    retry_after: float | None = None
    status = rpc_status.from_call(failure)  # type: ignore[arg-type]
    for packed in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        bad = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        if packed.Unpack(info) and info.domain == DOMAIN:
            kind = _BY_SLUG.get(info.reason, kind)
        elif packed.Unpack(bad):
            violations = [FieldViolation(v.field, v.description) for v in bad.field_violations]
        elif packed.Unpack(retry):
            retry_after = retry.retry_delay.ToMilliseconds() / 1000
    return kind(detail, violations=violations, retry_after_seconds=retry_after)
