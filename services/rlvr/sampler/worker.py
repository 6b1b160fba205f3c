"""The stream side of the sampler room: prompts of the followed policy in, traces out.

A group is born only from weights at least as new as the register said at its admission, and a sampler that has just
started takes no prompt before it holds what the register names. An engine that no run may be trained with samples no
prompt at all: the run is told, and fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import DecodeError
from redis.asyncio import Redis

from rlvr.core import metrics
from rlvr.core.errors import InvalidRequest
from rlvr.core.settings import StreamSettings
from rlvr.core.streams import Consumer, Entry, Finished, NotNow, Outgoing, StreamWorker, keys
from rlvr.core.telemetry import get_logger, log_context
from rlvr.sampler.engine import Engine, EngineFailed, PolicyDiverged
from rlvr.sampler.follower import PolicyFollower
from rlvr.sampler.shared_time import SharedTime
from rlvr.sampler.wire import from_sampled, to_request
from rlvr.v1 import trace_pb2

log = get_logger("prompts")

_RUN_CHECK_S = 0.5
"""How often a prompt that waits for its version looks whether its run still wants it."""
_FLUSH_S = 3.0
"""For what is sampled to be written and the last read to run out, once nothing is being sampled any more."""


class PromptWorker:
    """Samples `rlvr:prompts:<policy>` for whichever policy is followed."""

    def __init__(
        self,
        engine: Engine,
        follower: PolicyFollower,
        redis: Redis,
        name: str,
        *,
        streams: StreamSettings,
        capacity: int,
    ) -> None:
        self._engine = engine
        self._follower = follower
        self._redis = redis
        self._name = name
        self._streams = streams
        self._capacity = capacity
        self._sampling = 0
        self._time = SharedTime()
        self._idle = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        """Sample until `stopping`, then finish the groups that are being drawn."""
        stop = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                ready = asyncio.create_task(self._follower.until(self._may_begin))
                await asyncio.wait([stop, ready], return_when=asyncio.FIRST_COMPLETED)
                ready.cancel()
                target = self._follower.target
                if not stopping.is_set() and target is not None and self._may_read(target.run_id):
                    await self._sample_policy(target.version.policy, stop)
        finally:
            stop.cancel()

    def _may_begin(self) -> bool:
        return self._follower.up_to_date or (bool(self._engine.untrainable) and self._follower.target is not None)

    def _may_read(self, run_id: str) -> bool:
        return bool(self._engine.untrainable) or self._follower.serves(run_id)

    async def _sample_policy(self, policy: str, stop: asyncio.Task[Any]) -> None:
        """Serve a policy's prompts until it is time to stop or another policy is wanted."""
        leaving = asyncio.Event()
        worker = StreamWorker(
            Consumer(self._redis, keys.prompts(policy), self._name),
            self._streams,
            handler=self._handle,
            bury=_bury,
            capacity=self._capacity,
            name=self._name,
        )
        work = asyncio.create_task(worker.run(leaving))
        moved = asyncio.create_task(self._follower.until(lambda: not self._follows(policy)))
        try:
            await asyncio.wait([work, stop, moved], return_when=asyncio.FIRST_COMPLETED)
            leaving.set()
            idle = asyncio.create_task(self._until_idle())
            await asyncio.wait([work, idle], return_when=asyncio.FIRST_COMPLETED)
            idle.cancel()
            # What is left waits for a version. It stays pending for whoever serves the policy next.
            await asyncio.wait([work], timeout=_FLUSH_S)
            if work.done():
                work.result()
        finally:
            for task in (work, moved):
                task.cancel()
            await asyncio.gather(work, moved, return_exceptions=True)

    def _follows(self, policy: str) -> bool:
        target = self._follower.target
        return target is not None and target.version.policy == policy

    async def _until_idle(self) -> None:
        while self._sampling:
            self._idle.clear()
            await self._idle.wait()

    async def _handle(self, entry: Entry) -> Finished | None:
        prompt = trace_pb2.PromptEntry.FromString(entry.payload)
        with log_context(run=prompt.run_id, group=prompt.group_id):
            if self._engine.untrainable:
                return await self._refused(entry, prompt)
            if not await self._wanted_at_version(prompt):
                return None
            request = to_request(prompt.problem.prompt, prompt.group_size, prompt.sampling)
            self._sampling += 1
            started = self._time.start()
            try:
                group = await self._engine.generate(request)
            except (InvalidRequest, PolicyDiverged) as failure:
                # The same prompt fails the same way every time.
                log.warning("a prompt cannot be sampled", error=failure.detail)
                return _dropped(entry, prompt, trace_pb2.DROP_REASON_FAILED, failure.detail)
            except EngineFailed as failure:
                raise NotNow(failure.detail) from failure
            finally:
                seconds = self._time.stop(started)
                metrics.SAMPLE_SECONDS.inc(seconds)
                self._sampling -= 1
                self._idle.set()
            sampled = from_sampled(prompt.group_id, group, prompt.sampling.temperature)
            sampled.sample_seconds = seconds
            for trace in sampled.traces:
                metrics.TRACES_SAMPLED.labels(trace.finish_reason).inc()
            outgoing = [
                Outgoing.of(keys.traces(prompt.problem.verifier), _trace_entry(prompt, trace), entry.traceparent)
                for trace in sampled.traces
            ]
            return Finished(keys.sampled(prompt.group_id), sampled.SerializeToString(), outgoing)

    async def _refused(self, entry: Entry, prompt: trace_pb2.PromptEntry) -> Finished | None:
        """Nothing, if the group is not wanted any more; else the group's loss, at which its run fails."""
        if not await self._is_wanted(prompt):
            return None
        detail = f"sampler {self._name!r}: {self._engine.untrainable}"
        log.error("a run to be trained came to a sampler that it cannot be trained with", detail=detail)
        return _dropped(entry, prompt, trace_pb2.DROP_REASON_UNTRAINABLE, detail)

    async def _wanted_at_version(self, prompt: trace_pb2.PromptEntry) -> bool:
        """Wait for the version that the group was admitted at. False when its run does not want it any more.

        Raises:
            NotNow: another policy is followed by now.
        """
        while await self._is_wanted(prompt):
            if self._follower.serves(prompt.run_id, prompt.min_version):
                return True
            if not self._follows(prompt.policy):
                raise NotNow(f"this sampler does not follow policy {prompt.policy!r} any more")
            try:
                async with asyncio.timeout(_RUN_CHECK_S):
                    await self._follower.until(lambda: self._follower.serves(prompt.run_id, prompt.min_version))
            except TimeoutError:
                continue
        return False

    async def _is_wanted(self, prompt: trace_pb2.PromptEntry) -> bool:
        """Whether the run is running and the group is open: a halt drops its open groups, and after a resume others
        are admitted in their place."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hget(keys.run(prompt.run_id), "state")
        pipe.hget(keys.group(prompt.group_id), "state")
        return await pipe.execute() == [b"running", b"open"]


def _trace_entry(prompt: trace_pb2.PromptEntry, trace: trace_pb2.SampledTrace) -> trace_pb2.TraceEntry:
    return trace_pb2.TraceEntry(
        run_id=prompt.run_id,
        group_id=prompt.group_id,
        trace_id=trace.trace_id,
        policy=prompt.policy,
        span=trace.span,
        max_staleness=prompt.max_staleness,
        verifier=prompt.problem.verifier,
        spec_json=prompt.problem.spec_json,
        completion=trace.completion,
    )


def _dropped(entry: Entry, prompt: trace_pb2.PromptEntry, reason: trace_pb2.DropReason, detail: str) -> Finished:
    """The group is lost and says why; its claim check holds no traces."""
    nothing = trace_pb2.SampledGroup(group_id=prompt.group_id).SerializeToString()
    return Finished(keys.sampled(prompt.group_id), nothing, [_drop(entry, prompt, reason, detail)])


def _bury(entry: Entry, failure: str) -> Sequence[Outgoing]:
    """Nobody waits for an entry that cannot even be read."""
    try:
        prompt = trace_pb2.PromptEntry.FromString(entry.payload)
    except DecodeError:
        return []
    return [_drop(entry, prompt, trace_pb2.DROP_REASON_FAILED, failure)]


def _drop(entry: Entry, prompt: trace_pb2.PromptEntry, reason: trace_pb2.DropReason, detail: str) -> Outgoing:
    message = trace_pb2.VerdictEntry(
        run_id=prompt.run_id,
        group_id=prompt.group_id,
        drop=trace_pb2.GroupDrop(reason=reason, detail=detail),
    )
    return Outgoing.of(keys.VERDICTS, message, entry.traceparent)
