"""The stream side of the verifier room: traces of one kind in, verdicts out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from rlvr.core.policy import PolicySpan, is_stale
from rlvr.core.settings import StreamSettings
from rlvr.core.streams import Consumer, Entry, Finished, Outgoing, StreamWorker, keys
from rlvr.core.telemetry import log_context
from rlvr.core.verdict import Reason, error
from rlvr.v1 import trace_pb2, verifier_pb2
from rlvr.verifier.settings import VerifierSettings
from rlvr.verifier.verification import Verification
from rlvr.verifier.wire import to_verdict

_REGISTER_TTL_S = 0.2
"""How old the register's version may be when staleness is checked here; the trainer's check is the one that counts."""


class Register:
    """Versions of policies and states of runs, as Redis has them, a moment old at most."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._known: dict[tuple[str, str], tuple[float, bytes | None]] = {}

    async def version(self, policy: str) -> int:
        """The policy's newest published version; 0 when it is not known."""
        return int(await self._field(keys.policy(policy), "version") or 0)

    async def running(self, run_id: str) -> bool:
        """Whether the run wants verdicts."""
        return await self._field(keys.run(run_id), "state") == b"running"

    async def _field(self, key: str, field: str) -> bytes | None:
        now = time.monotonic()
        read_at, value = self._known.get((key, field), (0.0, None))
        if now - read_at > _REGISTER_TTL_S:
            reply: Any = await self._redis.hget(key, field)
            value = reply
            if len(self._known) > 1_000:
                self._known.clear()
            self._known[key, field] = (now, value)
        return value


class TraceWorker:
    """Grades `rlvr:traces:<kind>`. Dead work (a stopped run, a trace too stale to be trained on) is not graded."""

    def __init__(
        self,
        kind: str,
        verification: Verification,
        redis: Redis,
        name: str,
        *,
        settings: VerifierSettings,
        streams: StreamSettings,
    ) -> None:
        self._verification = verification
        self._register = Register(redis)
        # Nobody waits for it with a deadline, and slow programs ahead are not its fault: it waits while it is kept.
        self._timeout_s = streams.result_ttl_s
        self._worker = StreamWorker(
            Consumer(redis, keys.traces(kind), name),
            streams,
            handler=self._handle,
            bury=_bury,
            capacity=settings.stream_capacity,
            name=name,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Grade until `stopping`, then finish what is in hand."""
        await self._worker.run(stopping)

    async def _handle(self, entry: Entry) -> Finished | None:
        trace = trace_pb2.TraceEntry.FromString(entry.payload)
        if not await self._register.running(trace.run_id):
            return None
        span = PolicySpan(trace.span.min, trace.span.max)
        if is_stale(await self._register.version(trace.policy), span, trace.max_staleness):
            drop = trace_pb2.GroupDrop(reason=trace_pb2.DROP_REASON_STALE, detail="stale before it was graded")
            return _finished(entry, trace, trace_pb2.VerdictEntry(drop=drop))
        item = verifier_pb2.VerifyItem(
            trace_id=trace.trace_id,
            verifier=trace.verifier,
            completion=trace.completion,
            spec_json=trace.spec_json,
            policy_version=span.max,
        )
        with log_context(run=trace.run_id, group=trace.group_id, trace=trace.trace_id):
            verdict = await self._verification.verdict(item, self._timeout_s, patient=True)
        scored = trace_pb2.ScoredTrace(span=trace.span, verdict=verdict)
        return _finished(entry, trace, trace_pb2.VerdictEntry(scored=scored))


def _finished(entry: Entry, trace: trace_pb2.TraceEntry, message: trace_pb2.VerdictEntry) -> Finished:
    message.run_id, message.group_id = trace.run_id, trace.group_id
    return Finished(keys.verdict(trace.trace_id), b"", [Outgoing.of(keys.VERDICTS, message, entry.traceparent)])


def _bury(entry: Entry, failure: str) -> Sequence[Outgoing]:
    """A trace that was given up is masked, so that its group still completes."""
    trace = trace_pb2.TraceEntry.FromString(entry.payload)
    verdict = to_verdict(error(Reason.GRADER_CRASHED, failure))
    verdict.trace_id = trace.trace_id
    verdict.verifier = trace.verifier
    message = trace_pb2.VerdictEntry(
        run_id=trace.run_id,
        group_id=trace.group_id,
        scored=trace_pb2.ScoredTrace(span=trace.span, verdict=verdict),
    )
    return [Outgoing.of(keys.VERDICTS, message, entry.traceparent)]
