from rlvr.v1 import common_pb2 as _common_pb2
from rlvr.v1 import trace_pb2 as _trace_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUN_STATE_UNSPECIFIED: _ClassVar[RunState]
    RUN_STATE_PENDING: _ClassVar[RunState]
    RUN_STATE_RUNNING: _ClassVar[RunState]
    RUN_STATE_STOPPED: _ClassVar[RunState]
    RUN_STATE_SUCCEEDED: _ClassVar[RunState]
    RUN_STATE_FAILED: _ClassVar[RunState]
RUN_STATE_UNSPECIFIED: RunState
RUN_STATE_PENDING: RunState
RUN_STATE_RUNNING: RunState
RUN_STATE_STOPPED: RunState
RUN_STATE_SUCCEEDED: RunState
RUN_STATE_FAILED: RunState

class ProblemSource(_message.Message):
    __slots__ = ("kind", "path", "name", "config_json", "seed", "size", "split", "prompt_column", "answer_column", "verifier")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    PROMPT_COLUMN_FIELD_NUMBER: _ClassVar[int]
    ANSWER_COLUMN_FIELD_NUMBER: _ClassVar[int]
    VERIFIER_FIELD_NUMBER: _ClassVar[int]
    kind: str
    path: str
    name: str
    config_json: str
    seed: int
    size: int
    split: str
    prompt_column: str
    answer_column: str
    verifier: str
    def __init__(self, kind: _Optional[str] = ..., path: _Optional[str] = ..., name: _Optional[str] = ..., config_json: _Optional[str] = ..., seed: _Optional[int] = ..., size: _Optional[int] = ..., split: _Optional[str] = ..., prompt_column: _Optional[str] = ..., answer_column: _Optional[str] = ..., verifier: _Optional[str] = ...) -> None: ...

class Recipe(_message.Message):
    __slots__ = ("steps", "groups_per_step", "max_staleness", "learning_rate", "warmup_steps", "weight_decay", "max_grad_norm", "loss", "clip_low", "clip_high", "kl_coefficient", "kl_target", "importance_cap", "inner_epochs", "micro_batch_tokens", "checkpoint_every", "seed", "max_replacements", "shared_prefixes", "lora")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_PER_STEP_FIELD_NUMBER: _ClassVar[int]
    MAX_STALENESS_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    WARMUP_STEPS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    MAX_GRAD_NORM_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    CLIP_LOW_FIELD_NUMBER: _ClassVar[int]
    CLIP_HIGH_FIELD_NUMBER: _ClassVar[int]
    KL_COEFFICIENT_FIELD_NUMBER: _ClassVar[int]
    KL_TARGET_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCE_CAP_FIELD_NUMBER: _ClassVar[int]
    INNER_EPOCHS_FIELD_NUMBER: _ClassVar[int]
    MICRO_BATCH_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_EVERY_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    MAX_REPLACEMENTS_FIELD_NUMBER: _ClassVar[int]
    SHARED_PREFIXES_FIELD_NUMBER: _ClassVar[int]
    LORA_FIELD_NUMBER: _ClassVar[int]
    steps: int
    groups_per_step: int
    max_staleness: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    max_grad_norm: float
    loss: str
    clip_low: float
    clip_high: float
    kl_coefficient: float
    kl_target: str
    importance_cap: float
    inner_epochs: int
    micro_batch_tokens: int
    checkpoint_every: int
    seed: int
    max_replacements: int
    shared_prefixes: bool
    lora: Lora
    def __init__(self, steps: _Optional[int] = ..., groups_per_step: _Optional[int] = ..., max_staleness: _Optional[int] = ..., learning_rate: _Optional[float] = ..., warmup_steps: _Optional[int] = ..., weight_decay: _Optional[float] = ..., max_grad_norm: _Optional[float] = ..., loss: _Optional[str] = ..., clip_low: _Optional[float] = ..., clip_high: _Optional[float] = ..., kl_coefficient: _Optional[float] = ..., kl_target: _Optional[str] = ..., importance_cap: _Optional[float] = ..., inner_epochs: _Optional[int] = ..., micro_batch_tokens: _Optional[int] = ..., checkpoint_every: _Optional[int] = ..., seed: _Optional[int] = ..., max_replacements: _Optional[int] = ..., shared_prefixes: _Optional[bool] = ..., lora: _Optional[_Union[Lora, _Mapping]] = ...) -> None: ...

class Lora(_message.Message):
    __slots__ = ("rank", "alpha", "target_modules")
    RANK_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    TARGET_MODULES_FIELD_NUMBER: _ClassVar[int]
    rank: int
    alpha: int
    target_modules: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, rank: _Optional[int] = ..., alpha: _Optional[int] = ..., target_modules: _Optional[_Iterable[str]] = ...) -> None: ...

class RunSpec(_message.Message):
    __slots__ = ("name", "policy", "policy_path", "problems", "group_size", "sampling", "training")
    NAME_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    POLICY_PATH_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    GROUP_SIZE_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    name: str
    policy: str
    policy_path: str
    problems: ProblemSource
    group_size: int
    sampling: _common_pb2.SamplingParams
    training: Recipe
    def __init__(self, name: _Optional[str] = ..., policy: _Optional[str] = ..., policy_path: _Optional[str] = ..., problems: _Optional[_Union[ProblemSource, _Mapping]] = ..., group_size: _Optional[int] = ..., sampling: _Optional[_Union[_common_pb2.SamplingParams, _Mapping]] = ..., training: _Optional[_Union[Recipe, _Mapping]] = ...) -> None: ...

class RunStatus(_message.Message):
    __slots__ = ("run_id", "spec", "state", "error", "step", "policy", "groups_in_flight", "groups_admitted", "groups_trained", "groups_dropped", "created_at", "started_at", "ended_at", "recent_rewards", "traces_scored", "traces_waiting", "trainer_id")
    class GroupsDroppedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    GROUPS_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    GROUPS_ADMITTED_FIELD_NUMBER: _ClassVar[int]
    GROUPS_TRAINED_FIELD_NUMBER: _ClassVar[int]
    GROUPS_DROPPED_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    RECENT_REWARDS_FIELD_NUMBER: _ClassVar[int]
    TRACES_SCORED_FIELD_NUMBER: _ClassVar[int]
    TRACES_WAITING_FIELD_NUMBER: _ClassVar[int]
    TRAINER_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    spec: RunSpec
    state: RunState
    error: str
    step: int
    policy: _common_pb2.PolicyVersion
    groups_in_flight: int
    groups_admitted: int
    groups_trained: int
    groups_dropped: _containers.ScalarMap[str, int]
    created_at: float
    started_at: float
    ended_at: float
    recent_rewards: _containers.RepeatedScalarFieldContainer[float]
    traces_scored: int
    traces_waiting: int
    trainer_id: str
    def __init__(self, run_id: _Optional[str] = ..., spec: _Optional[_Union[RunSpec, _Mapping]] = ..., state: _Optional[_Union[RunState, str]] = ..., error: _Optional[str] = ..., step: _Optional[int] = ..., policy: _Optional[_Union[_common_pb2.PolicyVersion, _Mapping]] = ..., groups_in_flight: _Optional[int] = ..., groups_admitted: _Optional[int] = ..., groups_trained: _Optional[int] = ..., groups_dropped: _Optional[_Mapping[str, int]] = ..., created_at: _Optional[float] = ..., started_at: _Optional[float] = ..., ended_at: _Optional[float] = ..., recent_rewards: _Optional[_Iterable[float]] = ..., traces_scored: _Optional[int] = ..., traces_waiting: _Optional[int] = ..., trainer_id: _Optional[str] = ...) -> None: ...

class StepRecord(_message.Message):
    __slots__ = ("step", "version", "group_ids", "traces", "traces_scored", "mean_reward", "lags", "loss", "grad_norm", "kl", "clip_fraction", "learning_rate", "logprob_diff_mean", "logprob_diff_max", "completion_tokens", "train_seconds", "wait_seconds", "completed_at", "mean_reward_all", "logprob_diff_k3", "truncated_fraction", "prompt_tokens", "sampled_tokens", "prefill_tokens_saved", "sample_seconds", "verify_seconds", "train_tokens", "train_tokens_saved", "sample_flops", "train_flops", "publish_seconds")
    class LagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    STEP_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    TRACES_FIELD_NUMBER: _ClassVar[int]
    TRACES_SCORED_FIELD_NUMBER: _ClassVar[int]
    MEAN_REWARD_FIELD_NUMBER: _ClassVar[int]
    LAGS_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    GRAD_NORM_FIELD_NUMBER: _ClassVar[int]
    KL_FIELD_NUMBER: _ClassVar[int]
    CLIP_FRACTION_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    LOGPROB_DIFF_MEAN_FIELD_NUMBER: _ClassVar[int]
    LOGPROB_DIFF_MAX_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TRAIN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    WAIT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    MEAN_REWARD_ALL_FIELD_NUMBER: _ClassVar[int]
    LOGPROB_DIFF_K3_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FRACTION_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PREFILL_TOKENS_SAVED_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    VERIFY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TRAIN_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TRAIN_TOKENS_SAVED_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FLOPS_FIELD_NUMBER: _ClassVar[int]
    TRAIN_FLOPS_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_SECONDS_FIELD_NUMBER: _ClassVar[int]
    step: int
    version: int
    group_ids: _containers.RepeatedScalarFieldContainer[str]
    traces: int
    traces_scored: int
    mean_reward: float
    lags: _containers.ScalarMap[int, int]
    loss: float
    grad_norm: float
    kl: float
    clip_fraction: float
    learning_rate: float
    logprob_diff_mean: float
    logprob_diff_max: float
    completion_tokens: int
    train_seconds: float
    wait_seconds: float
    completed_at: float
    mean_reward_all: float
    logprob_diff_k3: float
    truncated_fraction: float
    prompt_tokens: int
    sampled_tokens: int
    prefill_tokens_saved: int
    sample_seconds: float
    verify_seconds: float
    train_tokens: int
    train_tokens_saved: int
    sample_flops: float
    train_flops: float
    publish_seconds: float
    def __init__(self, step: _Optional[int] = ..., version: _Optional[int] = ..., group_ids: _Optional[_Iterable[str]] = ..., traces: _Optional[int] = ..., traces_scored: _Optional[int] = ..., mean_reward: _Optional[float] = ..., lags: _Optional[_Mapping[int, int]] = ..., loss: _Optional[float] = ..., grad_norm: _Optional[float] = ..., kl: _Optional[float] = ..., clip_fraction: _Optional[float] = ..., learning_rate: _Optional[float] = ..., logprob_diff_mean: _Optional[float] = ..., logprob_diff_max: _Optional[float] = ..., completion_tokens: _Optional[int] = ..., train_seconds: _Optional[float] = ..., wait_seconds: _Optional[float] = ..., completed_at: _Optional[float] = ..., mean_reward_all: _Optional[float] = ..., logprob_diff_k3: _Optional[float] = ..., truncated_fraction: _Optional[float] = ..., prompt_tokens: _Optional[int] = ..., sampled_tokens: _Optional[int] = ..., prefill_tokens_saved: _Optional[int] = ..., sample_seconds: _Optional[float] = ..., verify_seconds: _Optional[float] = ..., train_tokens: _Optional[int] = ..., train_tokens_saved: _Optional[int] = ..., sample_flops: _Optional[float] = ..., train_flops: _Optional[float] = ..., publish_seconds: _Optional[float] = ...) -> None: ...

class CreateRunRequest(_message.Message):
    __slots__ = ("spec", "request_id")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    spec: RunSpec
    request_id: str
    def __init__(self, spec: _Optional[_Union[RunSpec, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: RunStatus
    def __init__(self, run: _Optional[_Union[RunStatus, _Mapping]] = ...) -> None: ...

class GetRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class GetRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: RunStatus
    def __init__(self, run: _Optional[_Union[RunStatus, _Mapping]] = ...) -> None: ...

class ListRunsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRunsResponse(_message.Message):
    __slots__ = ("runs",)
    RUNS_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[RunStatus]
    def __init__(self, runs: _Optional[_Iterable[_Union[RunStatus, _Mapping]]] = ...) -> None: ...

class ListStepsRequest(_message.Message):
    __slots__ = ("run_id", "from_step", "limit")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_STEP_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    from_step: int
    limit: int
    def __init__(self, run_id: _Optional[str] = ..., from_step: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ListStepsResponse(_message.Message):
    __slots__ = ("steps",)
    STEPS_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[StepRecord]
    def __init__(self, steps: _Optional[_Iterable[_Union[StepRecord, _Mapping]]] = ...) -> None: ...

class StopRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class StopRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: RunStatus
    def __init__(self, run: _Optional[_Union[RunStatus, _Mapping]] = ...) -> None: ...

class ResumeRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class ResumeRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: RunStatus
    def __init__(self, run: _Optional[_Union[RunStatus, _Mapping]] = ...) -> None: ...

class AcquireRunRequest(_message.Message):
    __slots__ = ("trainer_id", "run_id")
    TRAINER_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    trainer_id: str
    run_id: str
    def __init__(self, trainer_id: _Optional[str] = ..., run_id: _Optional[str] = ...) -> None: ...

class AcquireRunResponse(_message.Message):
    __slots__ = ("run", "lease_seconds")
    RUN_FIELD_NUMBER: _ClassVar[int]
    LEASE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    run: RunStatus
    lease_seconds: float
    def __init__(self, run: _Optional[_Union[RunStatus, _Mapping]] = ..., lease_seconds: _Optional[float] = ...) -> None: ...

class DropGroupsRequest(_message.Message):
    __slots__ = ("run_id", "trainer_id", "group_ids", "reason")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TRAINER_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    trainer_id: str
    group_ids: _containers.RepeatedScalarFieldContainer[str]
    reason: _trace_pb2.DropReason
    def __init__(self, run_id: _Optional[str] = ..., trainer_id: _Optional[str] = ..., group_ids: _Optional[_Iterable[str]] = ..., reason: _Optional[_Union[_trace_pb2.DropReason, str]] = ...) -> None: ...

class DropGroupsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CompleteStepRequest(_message.Message):
    __slots__ = ("run_id", "trainer_id", "record", "policy")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TRAINER_ID_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    trainer_id: str
    record: StepRecord
    policy: _common_pb2.PolicyVersion
    def __init__(self, run_id: _Optional[str] = ..., trainer_id: _Optional[str] = ..., record: _Optional[_Union[StepRecord, _Mapping]] = ..., policy: _Optional[_Union[_common_pb2.PolicyVersion, _Mapping]] = ...) -> None: ...

class CompleteStepResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: RunStatus
    def __init__(self, run: _Optional[_Union[RunStatus, _Mapping]] = ...) -> None: ...

class FailRunRequest(_message.Message):
    __slots__ = ("run_id", "trainer_id", "error")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TRAINER_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    trainer_id: str
    error: str
    def __init__(self, run_id: _Optional[str] = ..., trainer_id: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class FailRunResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchPolicyRequest(_message.Message):
    __slots__ = ("policy",)
    POLICY_FIELD_NUMBER: _ClassVar[int]
    policy: str
    def __init__(self, policy: _Optional[str] = ...) -> None: ...

class WatchPolicyResponse(_message.Message):
    __slots__ = ("policy", "run_id")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    policy: _common_pb2.PolicyVersion
    run_id: str
    def __init__(self, policy: _Optional[_Union[_common_pb2.PolicyVersion, _Mapping]] = ..., run_id: _Optional[str] = ...) -> None: ...
