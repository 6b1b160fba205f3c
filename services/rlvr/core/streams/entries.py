"""Stream entries: what is read, and what is passed on."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import Message

from rlvr.core.telemetry import child_traceparent, new_traceparent

PAYLOAD = b"p"
TRACEPARENT = b"t"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that this worker holds until it finishes or buries it."""

    stream: str
    id: str
    payload: bytes
    traceparent: str
    deliveries: int = 1
    """How often it was handed out, this time included."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An entry to add to a stream."""

    stream: str
    payload: bytes
    traceparent: str

    @classmethod
    def of(cls, stream: str, message: Message, parent: str = "") -> Outgoing:
        """Wrap a message. `parent` is the traceparent of what caused it; without one a trace begins."""
        traceparent = child_traceparent(parent) if parent else new_traceparent()
        return cls(stream, message.SerializeToString(), traceparent)


def parse(stream: str, raw: tuple[bytes, dict[bytes, bytes]], deliveries: int = 1) -> Entry:
    """An entry as redis-py returns it."""
    entry_id, fields = raw
    return Entry(
        stream,
        entry_id.decode(),
        fields.get(PAYLOAD, b""),
        fields.get(TRACEPARENT, b"").decode("ascii", "replace"),
        deliveries,
    )
