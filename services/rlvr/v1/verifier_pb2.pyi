from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_CORRECT: _ClassVar[Outcome]
    OUTCOME_PARTIAL: _ClassVar[Outcome]
    OUTCOME_INCORRECT: _ClassVar[Outcome]
    OUTCOME_INVALID: _ClassVar[Outcome]
    OUTCOME_ERROR: _ClassVar[Outcome]

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_UNSPECIFIED: _ClassVar[Reason]
    REASON_EQUIVALENT: _ClassVar[Reason]
    REASON_PASSED: _ClassVar[Reason]
    REASON_PARTIALLY_PASSED: _ClassVar[Reason]
    REASON_NOT_EQUIVALENT: _ClassVar[Reason]
    REASON_NO_ANSWER: _ClassVar[Reason]
    REASON_UNPARSEABLE: _ClassVar[Reason]
    REASON_CONFLICTING_ANSWERS: _ClassVar[Reason]
    REASON_TESTS_FAILED: _ClassVar[Reason]
    REASON_RULE_VIOLATED: _ClassVar[Reason]
    REASON_FORMAT_MISMATCH: _ClassVar[Reason]
    REASON_COMPILE_ERROR: _ClassVar[Reason]
    REASON_RUNTIME_ERROR: _ClassVar[Reason]
    REASON_TIME_LIMIT: _ClassVar[Reason]
    REASON_MEMORY_LIMIT: _ClassVar[Reason]
    REASON_OUTPUT_LIMIT: _ClassVar[Reason]
    REASON_TOO_LARGE: _ClassVar[Reason]
    REASON_BAD_SPEC: _ClassVar[Reason]
    REASON_GOLD_UNPARSEABLE: _ClassVar[Reason]
    REASON_NO_TESTS: _ClassVar[Reason]
    REASON_UNKNOWN_VERIFIER: _ClassVar[Reason]
    REASON_GRADER_CRASHED: _ClassVar[Reason]
    REASON_GRADER_TIMEOUT: _ClassVar[Reason]
    REASON_SANDBOX_UNAVAILABLE: _ClassVar[Reason]
    REASON_QUEUE_TIMEOUT: _ClassVar[Reason]
    REASON_UNAVAILABLE: _ClassVar[Reason]
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_CORRECT: Outcome
OUTCOME_PARTIAL: Outcome
OUTCOME_INCORRECT: Outcome
OUTCOME_INVALID: Outcome
OUTCOME_ERROR: Outcome
REASON_UNSPECIFIED: Reason
REASON_EQUIVALENT: Reason
REASON_PASSED: Reason
REASON_PARTIALLY_PASSED: Reason
REASON_NOT_EQUIVALENT: Reason
REASON_NO_ANSWER: Reason
REASON_UNPARSEABLE: Reason
REASON_CONFLICTING_ANSWERS: Reason
REASON_TESTS_FAILED: Reason
REASON_RULE_VIOLATED: Reason
REASON_FORMAT_MISMATCH: Reason
REASON_COMPILE_ERROR: Reason
REASON_RUNTIME_ERROR: Reason
REASON_TIME_LIMIT: Reason
REASON_MEMORY_LIMIT: Reason
REASON_OUTPUT_LIMIT: Reason
REASON_TOO_LARGE: Reason
REASON_BAD_SPEC: Reason
REASON_GOLD_UNPARSEABLE: Reason
REASON_NO_TESTS: Reason
REASON_UNKNOWN_VERIFIER: Reason
REASON_GRADER_CRASHED: Reason
REASON_GRADER_TIMEOUT: Reason
REASON_SANDBOX_UNAVAILABLE: Reason
REASON_QUEUE_TIMEOUT: Reason
REASON_UNAVAILABLE: Reason

class Verdict(_message.Message):
    __slots__ = ("trace_id", "outcome", "reward", "reason", "extracted", "breakdown", "detail", "verifier", "verifier_version", "digest", "duration_ms", "queue_ms", "cached")
    class BreakdownEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EXTRACTED_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWN_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    VERIFIER_FIELD_NUMBER: _ClassVar[int]
    VERIFIER_VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_MS_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    trace_id: str
    outcome: Outcome
    reward: float
    reason: Reason
    extracted: str
    breakdown: _containers.ScalarMap[str, float]
    detail: str
    verifier: str
    verifier_version: str
    digest: str
    duration_ms: float
    queue_ms: float
    cached: bool
    def __init__(self, trace_id: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., reward: _Optional[float] = ..., reason: _Optional[_Union[Reason, str]] = ..., extracted: _Optional[str] = ..., breakdown: _Optional[_Mapping[str, float]] = ..., detail: _Optional[str] = ..., verifier: _Optional[str] = ..., verifier_version: _Optional[str] = ..., digest: _Optional[str] = ..., duration_ms: _Optional[float] = ..., queue_ms: _Optional[float] = ..., cached: _Optional[bool] = ...) -> None: ...

class VerifyItem(_message.Message):
    __slots__ = ("trace_id", "verifier", "completion", "spec_json", "policy_version")
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    VERIFIER_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_FIELD_NUMBER: _ClassVar[int]
    SPEC_JSON_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    trace_id: str
    verifier: str
    completion: str
    spec_json: str
    policy_version: int
    def __init__(self, trace_id: _Optional[str] = ..., verifier: _Optional[str] = ..., completion: _Optional[str] = ..., spec_json: _Optional[str] = ..., policy_version: _Optional[int] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ("item",)
    ITEM_FIELD_NUMBER: _ClassVar[int]
    item: VerifyItem
    def __init__(self, item: _Optional[_Union[VerifyItem, _Mapping]] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("verdict",)
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    def __init__(self, verdict: _Optional[_Union[Verdict, _Mapping]] = ...) -> None: ...

class IndexedItem(_message.Message):
    __slots__ = ("index", "item")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    index: int
    item: VerifyItem
    def __init__(self, index: _Optional[int] = ..., item: _Optional[_Union[VerifyItem, _Mapping]] = ...) -> None: ...

class IndexedVerdict(_message.Message):
    __slots__ = ("index", "verdict")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    index: int
    verdict: Verdict
    def __init__(self, index: _Optional[int] = ..., verdict: _Optional[_Union[Verdict, _Mapping]] = ...) -> None: ...

class VerifyBatchRequest(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[IndexedItem]
    def __init__(self, items: _Optional[_Iterable[_Union[IndexedItem, _Mapping]]] = ...) -> None: ...

class VerifyBatchResponse(_message.Message):
    __slots__ = ("verdicts",)
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    verdicts: _containers.RepeatedCompositeFieldContainer[IndexedVerdict]
    def __init__(self, verdicts: _Optional[_Iterable[_Union[IndexedVerdict, _Mapping]]] = ...) -> None: ...

class ListVerifiersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class VerifierInfo(_message.Message):
    __slots__ = ("name", "version", "spec_schema_json", "available_json")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SPEC_SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    spec_schema_json: str
    available_json: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., spec_schema_json: _Optional[str] = ..., available_json: _Optional[str] = ...) -> None: ...

class ListVerifiersResponse(_message.Message):
    __slots__ = ("verifiers",)
    VERIFIERS_FIELD_NUMBER: _ClassVar[int]
    verifiers: _containers.RepeatedCompositeFieldContainer[VerifierInfo]
    def __init__(self, verifiers: _Optional[_Iterable[_Union[VerifierInfo, _Mapping]]] = ...) -> None: ...
