from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TrainerState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRAINER_STATE_UNSPECIFIED: _ClassVar[TrainerState]
    TRAINER_STATE_IDLE: _ClassVar[TrainerState]
    TRAINER_STATE_LOADING: _ClassVar[TrainerState]
    TRAINER_STATE_WAITING: _ClassVar[TrainerState]
    TRAINER_STATE_TRAINING: _ClassVar[TrainerState]
    TRAINER_STATE_PUBLISHING: _ClassVar[TrainerState]
TRAINER_STATE_UNSPECIFIED: TrainerState
TRAINER_STATE_IDLE: TrainerState
TRAINER_STATE_LOADING: TrainerState
TRAINER_STATE_WAITING: TrainerState
TRAINER_STATE_TRAINING: TrainerState
TRAINER_STATE_PUBLISHING: TrainerState

class OfferWeightsRequest(_message.Message):
    __slots__ = ("manifest_sha256", "receivers")
    MANIFEST_SHA256_FIELD_NUMBER: _ClassVar[int]
    RECEIVERS_FIELD_NUMBER: _ClassVar[int]
    manifest_sha256: str
    receivers: int
    def __init__(self, manifest_sha256: _Optional[str] = ..., receivers: _Optional[int] = ...) -> None: ...

class WeightTensor(_message.Message):
    __slots__ = ("name", "dtype", "shape")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    dtype: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., dtype: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ...) -> None: ...

class OfferWeightsResponse(_message.Message):
    __slots__ = ("unique_id", "tensors")
    UNIQUE_ID_FIELD_NUMBER: _ClassVar[int]
    TENSORS_FIELD_NUMBER: _ClassVar[int]
    unique_id: bytes
    tensors: _containers.RepeatedCompositeFieldContainer[WeightTensor]
    def __init__(self, unique_id: _Optional[bytes] = ..., tensors: _Optional[_Iterable[_Union[WeightTensor, _Mapping]]] = ...) -> None: ...

class SendWeightsRequest(_message.Message):
    __slots__ = ("unique_id",)
    UNIQUE_ID_FIELD_NUMBER: _ClassVar[int]
    unique_id: bytes
    def __init__(self, unique_id: _Optional[bytes] = ...) -> None: ...

class SendWeightsResponse(_message.Message):
    __slots__ = ("sent",)
    SENT_FIELD_NUMBER: _ClassVar[int]
    sent: bool
    def __init__(self, sent: _Optional[bool] = ...) -> None: ...

class TrainerServiceGetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TrainerServiceGetStatusResponse(_message.Message):
    __slots__ = ("state", "run_id", "step", "total_steps", "groups_ready", "groups_per_step")
    STATE_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_READY_FIELD_NUMBER: _ClassVar[int]
    GROUPS_PER_STEP_FIELD_NUMBER: _ClassVar[int]
    state: TrainerState
    run_id: str
    step: int
    total_steps: int
    groups_ready: int
    groups_per_step: int
    def __init__(self, state: _Optional[_Union[TrainerState, str]] = ..., run_id: _Optional[str] = ..., step: _Optional[int] = ..., total_steps: _Optional[int] = ..., groups_ready: _Optional[int] = ..., groups_per_step: _Optional[int] = ...) -> None: ...
