"""What an engine is: it holds one version of a policy and samples groups of completions from it.

    load(v0) ── READY ── load(v1) ── UPDATING ── READY ...          FAILED (for good: restart the process)
                  └── generate(...) any number at once, also while a newer version is loaded

Sampling has a temperature and nothing else. Top-p and top-k are not offered: cutting the distribution makes the
recorded log-probabilities disagree with those a trainer computes from the same weights, which biases every
importance ratio.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from rlvr.core.errors import Conflict, FieldViolation, Internal, InvalidRequest, Unavailable
from rlvr.core.policy import PolicySpan

FinishReason = Literal["stop", "length"]

_MAX_SEED = 2**63 - 1


class PolicyLoadFailed(Conflict):
    """A policy version could not be loaded; the one held before, if any, goes on."""

    title = "The policy version cannot be loaded"


class EngineFailed(Unavailable):
    """The engine broke and cannot sample any more. Its process must be restarted."""

    title = "The sampling engine failed"


class PolicyDiverged(Internal):
    """The weights give a prompt no finite probabilities."""

    title = "The policy gives no finite probabilities"


class EngineState(StrEnum):
    LOADING = "loading"
    """No weights yet."""
    READY = "ready"
    UPDATING = "updating"
    """Samples with the weights it has while newer ones are read."""
    FAILED = "failed"
    """Cannot sample; `detail` says why."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    role: str
    content: str


@dataclass(frozen=True, slots=True)
class GroupRequest:
    """k completions of one prompt, drawn from softmax(logits / temperature) until an end-of-sequence token."""

    messages: Sequence[ChatMessage]
    group_size: int
    max_tokens: int
    temperature: float = 1.0
    """0 is greedy; the log-probabilities are then those at temperature 1."""
    seed: int = 0
    """The same seed, request and weights give the same samples, whatever else is being sampled (up to draws
    that land within a rounding error of the boundary between two tokens)."""

    def check(self) -> None:
        """Refuse a request that no engine can serve.

        Raises:
            InvalidRequest: with one violation per wrong field.
        """
        wrong = []
        if not any(message.content for message in self.messages):
            wrong.append(FieldViolation("messages", "the prompt is empty: give at least one message with content"))
        if self.group_size < 1:
            wrong.append(FieldViolation("group_size", f"must be at least 1, not {self.group_size}"))
        if self.max_tokens < 1:
            wrong.append(FieldViolation("sampling.max_tokens", f"must be at least 1, not {self.max_tokens}"))
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            wrong.append(FieldViolation("sampling.temperature", f"must be a number >= 0, not {self.temperature}"))
        if not 0 <= self.seed <= _MAX_SEED:
            wrong.append(FieldViolation("sampling.seed", f"must be in [0, 2^63), not {self.seed}"))
        if wrong:
            raise invalid_request(*wrong)


@dataclass(frozen=True, slots=True)
class Sample:
    """One completion."""

    text: str
    completion_ids: array[int]
    """int32 [L]; ends with the end-of-sequence token when `finish_reason` is "stop". Empty of an untrainable engine."""
    logprobs: array[float]
    """float32 [L]: log softmax(logits / temperature) of each token, under the weights that drew it. Empty of an
    untrainable engine."""
    finish_reason: FinishReason
    span: PolicySpan | None
    """None of an untrainable engine: no version drew it."""


@dataclass(frozen=True, slots=True)
class SampledGroup:
    """The samples of one request."""

    prompt_ids: array[int]
    """int32 [P]. Empty of an untrainable engine."""
    samples: tuple[Sample, ...]
    """`group_size` of them."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What an engine is doing. Counters count since it was made."""

    state: EngineState
    detail: str = ""
    """Why the state is FAILED or LOADING, or why the last version was refused."""
    policy: str = ""
    version: int = -1
    """-1 while there are no weights."""
    running: int = 0
    """Completions being decoded now."""
    waiting: int = 0
    """Completions that wait for a place in the batch."""
    tokens_generated: int = 0
    prompt_tokens_computed: int = 0
    prompt_tokens_shared: int = 0
    """Prompt tokens not computed because a group shares one prefill."""


class Engine(Protocol):
    """Holds one policy version and samples from it. All methods belong to one asyncio loop."""

    untrainable: str
    """Why nothing that it samples may be trained on, and what to do about it: its weights are not those of a policy
    here, and it refuses to load any. Empty of engines that hold a policy's versions."""

    async def load(self, policy: str, version: int, folder: str) -> None:
        """Read the weights in a Hugging Face model folder and sample with them from the next token on.

        Completions that are being drawn go on under the new weights and their span says so. Another policy, or
        another architecture, is taken only when nothing is being sampled.

        Raises:
            PolicyLoadFailed: the folder is missing, damaged or not a causal language model.
            Conflict: it would replace another policy while completions are being drawn from that one.
            EngineFailed: see `EngineState.FAILED`.
        """
        ...

    async def generate(self, request: GroupRequest) -> SampledGroup:
        """Sample a group. Cancelling the task frees its place in the batch.

        Raises:
            InvalidRequest: the request is out of range, or does not fit the model's context or this engine.
            Conflict: no weights have been loaded.
            Unavailable: what draws the samples is out of reach, or gave none, again and again.
            PolicyDiverged: the weights give no finite probabilities.
            EngineFailed: see `EngineState.FAILED`.
        """
        ...

    def status(self) -> EngineStatus: ...

    async def close(self) -> None:
        """Stop; what is being sampled fails with EngineFailed. Closing twice does nothing."""
        ...


def invalid_request(*violations: FieldViolation) -> InvalidRequest:
    """The error for a request with these wrong fields."""
    return InvalidRequest("; ".join(f"{v.field}: {v.description}" for v in violations), violations=list(violations))
