"""Between the proto messages and the engine's own words."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from typing import Any

from rlvr.sampler.engine import ChatMessage, EngineState, EngineStatus, GroupRequest, SampledGroup
from rlvr.sampler.versions import PolicyVersion
from rlvr.v1 import common_pb2, sampler_pb2, trace_pb2

_STATES = {
    EngineState.LOADING: sampler_pb2.ENGINE_STATE_LOADING,
    EngineState.READY: sampler_pb2.ENGINE_STATE_READY,
    EngineState.UPDATING: sampler_pb2.ENGINE_STATE_UPDATING,
    EngineState.FAILED: sampler_pb2.ENGINE_STATE_FAILED,
}


def to_request(
    messages: Iterable[common_pb2.ChatMessage], group_size: int, sampling: common_pb2.SamplingParams
) -> GroupRequest:
    """An engine request; `GroupRequest.check` says whether it is in range."""
    return GroupRequest(
        tuple(ChatMessage(message.role, message.content) for message in messages),
        group_size=group_size,
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        seed=sampling.seed,
    )


def from_sampled(
    group_id: str, group: SampledGroup, temperature: float, untrainable: str = ""
) -> trace_pb2.SampledGroup:
    """The claim check of a group: trace i is `<group_id>/<i>`. `untrainable` is what the engine says of itself."""
    return trace_pb2.SampledGroup(
        group_id=group_id,
        prompt_ids=_packed(group.prompt_ids),
        traces=[
            trace_pb2.SampledTrace(
                trace_id=f"{group_id}/{index}",
                completion=sample.text,
                completion_ids=_packed(sample.completion_ids),
                logprobs=_packed(sample.logprobs),
                finish_reason=sample.finish_reason,
                span=None if sample.span is None else common_pb2.PolicySpan(min=sample.span.min, max=sample.span.max),
            )
            for index, sample in enumerate(group.samples)
        ],
        # Greedy log-probabilities are those at temperature 1.
        temperature=temperature or 1.0,
        untrainable=untrainable,
    )


def to_version(message: common_pb2.PolicyVersion) -> PolicyVersion:
    return PolicyVersion(message.policy, message.version, message.uri, message.manifest_sha256)


def from_status(status: EngineStatus, held: PolicyVersion | None) -> sampler_pb2.SamplerServiceGetStatusResponse:
    """`held` is the version in the engine, None when there is none."""
    return sampler_pb2.SamplerServiceGetStatusResponse(
        state=_STATES[status.state],
        detail=status.detail,
        policy=None if held is None else from_version(held),
        running=status.running,
        waiting=status.waiting,
        tokens_generated=status.tokens_generated,
        prompt_tokens_computed=status.prompt_tokens_computed,
        prompt_tokens_shared=status.prompt_tokens_shared,
    )


def from_version(version: PolicyVersion) -> common_pb2.PolicyVersion:
    return common_pb2.PolicyVersion(
        policy=version.policy,
        version=version.version,
        uri=version.uri,
        manifest_sha256=version.manifest_sha256,
    )


def _packed(values: array[Any]) -> bytes:
    """Little-endian, whatever this machine is."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()
