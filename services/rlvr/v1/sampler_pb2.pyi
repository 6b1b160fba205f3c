from rlvr.v1 import common_pb2 as _common_pb2
from rlvr.v1 import trace_pb2 as _trace_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EngineState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENGINE_STATE_UNSPECIFIED: _ClassVar[EngineState]
    ENGINE_STATE_LOADING: _ClassVar[EngineState]
    ENGINE_STATE_READY: _ClassVar[EngineState]
    ENGINE_STATE_UPDATING: _ClassVar[EngineState]
    ENGINE_STATE_FAILED: _ClassVar[EngineState]
ENGINE_STATE_UNSPECIFIED: EngineState
ENGINE_STATE_LOADING: EngineState
ENGINE_STATE_READY: EngineState
ENGINE_STATE_UPDATING: EngineState
ENGINE_STATE_FAILED: EngineState

class GenerateRequest(_message.Message):
    __slots__ = ("prompts", "group_size", "sampling")
    PROMPTS_FIELD_NUMBER: _ClassVar[int]
    GROUP_SIZE_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    prompts: _containers.RepeatedCompositeFieldContainer[Prompt]
    group_size: int
    sampling: _common_pb2.SamplingParams
    def __init__(self, prompts: _Optional[_Iterable[_Union[Prompt, _Mapping]]] = ..., group_size: _Optional[int] = ..., sampling: _Optional[_Union[_common_pb2.SamplingParams, _Mapping]] = ...) -> None: ...

class Prompt(_message.Message):
    __slots__ = ("messages",)
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_common_pb2.ChatMessage]
    def __init__(self, messages: _Optional[_Iterable[_Union[_common_pb2.ChatMessage, _Mapping]]] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("groups",)
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[_trace_pb2.SampledGroup]
    def __init__(self, groups: _Optional[_Iterable[_Union[_trace_pb2.SampledGroup, _Mapping]]] = ...) -> None: ...

class LoadPolicyRequest(_message.Message):
    __slots__ = ("policy",)
    POLICY_FIELD_NUMBER: _ClassVar[int]
    policy: _common_pb2.PolicyVersion
    def __init__(self, policy: _Optional[_Union[_common_pb2.PolicyVersion, _Mapping]] = ...) -> None: ...

class LoadPolicyResponse(_message.Message):
    __slots__ = ("policy",)
    POLICY_FIELD_NUMBER: _ClassVar[int]
    policy: _common_pb2.PolicyVersion
    def __init__(self, policy: _Optional[_Union[_common_pb2.PolicyVersion, _Mapping]] = ...) -> None: ...

class SamplerServiceGetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SamplerServiceGetStatusResponse(_message.Message):
    __slots__ = ("state", "detail", "policy", "running", "waiting", "tokens_generated", "prompt_tokens_computed", "prompt_tokens_shared")
    STATE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    TOKENS_GENERATED_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_COMPUTED_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_SHARED_FIELD_NUMBER: _ClassVar[int]
    state: EngineState
    detail: str
    policy: _common_pb2.PolicyVersion
    running: int
    waiting: int
    tokens_generated: int
    prompt_tokens_computed: int
    prompt_tokens_shared: int
    def __init__(self, state: _Optional[_Union[EngineState, str]] = ..., detail: _Optional[str] = ..., policy: _Optional[_Union[_common_pb2.PolicyVersion, _Mapping]] = ..., running: _Optional[int] = ..., waiting: _Optional[int] = ..., tokens_generated: _Optional[int] = ..., prompt_tokens_computed: _Optional[int] = ..., prompt_tokens_shared: _Optional[int] = ...) -> None: ...
