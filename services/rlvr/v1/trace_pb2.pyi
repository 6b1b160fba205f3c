from rlvr.v1 import common_pb2 as _common_pb2
from rlvr.v1 import verifier_pb2 as _verifier_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DropReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DROP_REASON_UNSPECIFIED: _ClassVar[DropReason]
    DROP_REASON_STALE: _ClassVar[DropReason]
    DROP_REASON_DEGENERATE: _ClassVar[DropReason]
    DROP_REASON_UNSCORED: _ClassVar[DropReason]
    DROP_REASON_FAILED: _ClassVar[DropReason]
    DROP_REASON_UNTRAINABLE: _ClassVar[DropReason]
DROP_REASON_UNSPECIFIED: DropReason
DROP_REASON_STALE: DropReason
DROP_REASON_DEGENERATE: DropReason
DROP_REASON_UNSCORED: DropReason
DROP_REASON_FAILED: DropReason
DROP_REASON_UNTRAINABLE: DropReason

class PromptEntry(_message.Message):
    __slots__ = ("run_id", "group_id", "policy", "min_version", "max_staleness", "problem", "group_size", "sampling")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    MIN_VERSION_FIELD_NUMBER: _ClassVar[int]
    MAX_STALENESS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    GROUP_SIZE_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    group_id: str
    policy: str
    min_version: int
    max_staleness: int
    problem: _common_pb2.Problem
    group_size: int
    sampling: _common_pb2.SamplingParams
    def __init__(self, run_id: _Optional[str] = ..., group_id: _Optional[str] = ..., policy: _Optional[str] = ..., min_version: _Optional[int] = ..., max_staleness: _Optional[int] = ..., problem: _Optional[_Union[_common_pb2.Problem, _Mapping]] = ..., group_size: _Optional[int] = ..., sampling: _Optional[_Union[_common_pb2.SamplingParams, _Mapping]] = ...) -> None: ...

class SampledTrace(_message.Message):
    __slots__ = ("trace_id", "completion", "completion_ids", "logprobs", "finish_reason", "span")
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_IDS_FIELD_NUMBER: _ClassVar[int]
    LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    SPAN_FIELD_NUMBER: _ClassVar[int]
    trace_id: str
    completion: str
    completion_ids: bytes
    logprobs: bytes
    finish_reason: str
    span: _common_pb2.PolicySpan
    def __init__(self, trace_id: _Optional[str] = ..., completion: _Optional[str] = ..., completion_ids: _Optional[bytes] = ..., logprobs: _Optional[bytes] = ..., finish_reason: _Optional[str] = ..., span: _Optional[_Union[_common_pb2.PolicySpan, _Mapping]] = ...) -> None: ...

class SampledGroup(_message.Message):
    __slots__ = ("group_id", "prompt_ids", "traces", "temperature", "sample_seconds", "untrainable")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    PROMPT_IDS_FIELD_NUMBER: _ClassVar[int]
    TRACES_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    UNTRAINABLE_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    prompt_ids: bytes
    traces: _containers.RepeatedCompositeFieldContainer[SampledTrace]
    temperature: float
    sample_seconds: float
    untrainable: str
    def __init__(self, group_id: _Optional[str] = ..., prompt_ids: _Optional[bytes] = ..., traces: _Optional[_Iterable[_Union[SampledTrace, _Mapping]]] = ..., temperature: _Optional[float] = ..., sample_seconds: _Optional[float] = ..., untrainable: _Optional[str] = ...) -> None: ...

class TraceEntry(_message.Message):
    __slots__ = ("run_id", "group_id", "trace_id", "policy", "span", "max_staleness", "verifier", "spec_json", "completion")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    SPAN_FIELD_NUMBER: _ClassVar[int]
    MAX_STALENESS_FIELD_NUMBER: _ClassVar[int]
    VERIFIER_FIELD_NUMBER: _ClassVar[int]
    SPEC_JSON_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    group_id: str
    trace_id: str
    policy: str
    span: _common_pb2.PolicySpan
    max_staleness: int
    verifier: str
    spec_json: str
    completion: str
    def __init__(self, run_id: _Optional[str] = ..., group_id: _Optional[str] = ..., trace_id: _Optional[str] = ..., policy: _Optional[str] = ..., span: _Optional[_Union[_common_pb2.PolicySpan, _Mapping]] = ..., max_staleness: _Optional[int] = ..., verifier: _Optional[str] = ..., spec_json: _Optional[str] = ..., completion: _Optional[str] = ...) -> None: ...

class VerdictEntry(_message.Message):
    __slots__ = ("run_id", "group_id", "scored", "drop")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    SCORED_FIELD_NUMBER: _ClassVar[int]
    DROP_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    group_id: str
    scored: ScoredTrace
    drop: GroupDrop
    def __init__(self, run_id: _Optional[str] = ..., group_id: _Optional[str] = ..., scored: _Optional[_Union[ScoredTrace, _Mapping]] = ..., drop: _Optional[_Union[GroupDrop, _Mapping]] = ...) -> None: ...

class ScoredTrace(_message.Message):
    __slots__ = ("span", "verdict")
    SPAN_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    span: _common_pb2.PolicySpan
    verdict: _verifier_pb2.Verdict
    def __init__(self, span: _Optional[_Union[_common_pb2.PolicySpan, _Mapping]] = ..., verdict: _Optional[_Union[_verifier_pb2.Verdict, _Mapping]] = ...) -> None: ...

class GroupDrop(_message.Message):
    __slots__ = ("reason", "detail")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    reason: DropReason
    detail: str
    def __init__(self, reason: _Optional[_Union[DropReason, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class GroupMember(_message.Message):
    __slots__ = ("trace_id", "span", "outcome", "reward", "verify_seconds")
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    VERIFY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    trace_id: str
    span: _common_pb2.PolicySpan
    outcome: _verifier_pb2.Outcome
    reward: float
    verify_seconds: float
    def __init__(self, trace_id: _Optional[str] = ..., span: _Optional[_Union[_common_pb2.PolicySpan, _Mapping]] = ..., outcome: _Optional[_Union[_verifier_pb2.Outcome, str]] = ..., reward: _Optional[float] = ..., verify_seconds: _Optional[float] = ...) -> None: ...

class GroupEntry(_message.Message):
    __slots__ = ("run_id", "group_id", "members", "degenerate")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    DEGENERATE_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    group_id: str
    members: _containers.RepeatedCompositeFieldContainer[GroupMember]
    degenerate: bool
    def __init__(self, run_id: _Optional[str] = ..., group_id: _Optional[str] = ..., members: _Optional[_Iterable[_Union[GroupMember, _Mapping]]] = ..., degenerate: _Optional[bool] = ...) -> None: ...

class DeadEntry(_message.Message):
    __slots__ = ("stream", "entry_id", "payload", "deliveries", "error")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    stream: str
    entry_id: str
    payload: bytes
    deliveries: int
    error: str
    def __init__(self, stream: _Optional[str] = ..., entry_id: _Optional[str] = ..., payload: _Optional[bytes] = ..., deliveries: _Optional[int] = ..., error: _Optional[str] = ...) -> None: ...
