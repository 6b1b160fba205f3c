"""The shapes of the HTTP API, for its OpenAPI document and its tests."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rlvr.core.run_spec import RunSpec
from rlvr.core.verdict import Outcome, Reason

VERIFY = """\
A wrong answer is a verdict, never an HTTP error. `outcome` says which of three things happened:

- scored: `correct` (reward 1), `partial` (between 0 and 1), `incorrect` (0);
- `invalid`: the spec cannot be graded, for example because no verifier has that name. **No reward: the key is absent.**
- `error`: grading failed through our fault. **No reward.** Retry, then mask the trace.

422 names the fields of a request that has not the documented shape. 503 means that no verifier could be reached at
all, so that nothing was graded."""

BATCH = """\
One verdict per item, in the order of the items. An item that has not the documented shape, or is not even JSON, has a
verdict `invalid`/`bad_spec` whose `detail` names the field; the others are graded. Items whose verifier cannot be
reached are sent once more and then have a verdict `error`/`unavailable`.

With `Content-Type: application/x-ndjson` each line is an item and each line of the response is a verdict, written as
soon as it is there, with the `index` of its item (the first line is 0; empty lines do not count). There is no limit on
the number of lines; items are read as earlier ones are graded, and closing the connection cancels the rest."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Item(_Shape):
    """One completion to score."""

    verifier: str = Field(min_length=1, max_length=256, examples=["math"])
    """Its name, as in `GET /v1/verifiers`."""
    completion: str
    """What the policy wrote."""
    spec: dict[str, Any]
    """How to check it; its JSON schema is in `GET /v1/verifiers`."""
    trace_id: str | None = Field(None, max_length=256)
    """Comes back in the verdict; made up when left out."""
    policy_version: int | None = None
    """The version that produced the completion, for the logs; no meaning to the verdict."""


class Items(_Shape):
    """A batch."""

    items: list[Item]


class Grader(_Shape):
    """Who graded."""

    name: str
    version: str
    """Empty when no verifier saw the item."""


class Verdict(_Shape):
    """What a verifier says of a trace."""

    trace_id: str
    outcome: Outcome
    reward: float = Field(default=None, ge=0, le=1)  # type: ignore[assignment]
    """Absent, not 0 and not null, when `outcome` is `invalid` or `error`."""
    reason: Reason
    extracted: str
    """The answer that was found in the completion."""
    breakdown: dict[str, float]
    """Name of a test, rule or term -> score in [0, 1]."""
    detail: str
    """For a person."""
    verifier: Grader
    digest: str
    """sha256 over verifier name and version, spec and completion: equal digests mean equal verdicts. Empty when no
    verifier saw the item."""
    duration_ms: float
    """Time spent grading."""
    queue_ms: float
    """Time spent waiting for a grader."""
    cached: bool
    """An equal item was graded before and its verdict was kept."""


class IndexedVerdict(Verdict):
    """A line of an NDJSON response."""

    index: int = Field(ge=0)
    """The item's place in the request."""


class Verdicts(_Shape):
    """A batch's verdicts, in the order of its items."""

    verdicts: list[Verdict]


class VerifierInfo(_Shape):
    """A verifier that can be used here."""

    name: str
    version: str
    spec_schema: dict[str, Any]
    """JSON schema of its spec."""
    available: dict[str, Any]
    """What its host has: languages, sandbox, workers."""


class Verifiers(_Shape):
    verifiers: list[VerifierInfo]


class PolicyVersion(_Shape):
    """A policy as the register knows it."""

    policy: str
    version: int
    uri: str
    manifest_sha256: str


class Run(_Shape):
    """How a run goes. Times are Unix seconds, null until they have come."""

    run_id: str
    spec: RunSpec
    state: Literal["pending", "running", "stopped", "succeeded", "failed"]
    error: str
    """Why it failed."""
    step: int
    """Steps done, which is also the version of the policy."""
    policy: PolicyVersion | None
    groups_in_flight: int
    groups_admitted: int
    groups_trained: int
    groups_dropped: dict[str, int]
    """Reason -> count."""
    created_at: float | None
    started_at: float | None
    ended_at: float | None
    recent_rewards: list[float]
    """Mean reward of the last steps, newest last."""
    traces_scored: int
    traces_waiting: int
    trainer_id: str


class Runs(_Shape):
    """All runs, newest first."""

    runs: list[Run]


class Step(_Shape):
    """The record of one optimisation step."""

    step: int
    version: int
    """Published after it."""
    group_ids: list[str]
    traces: int
    traces_scored: int
    mean_reward: float
    """Over the scored traces of the groups trained on."""
    lags: dict[int, int]
    """Lag -> number of traces."""
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
    """Over all groups completed since the last step, dropped ones included: what the policy earns."""
    logprob_diff_k3: float
    """Estimate of KL(sampler || trainer), nats."""
    truncated_fraction: float
    """Share of tokens whose importance weight was cut to its cap."""
    prompt_tokens: int
    """Each prompt once."""
    sampled_tokens: int
    """Those of masked traces included."""
    prefill_tokens_saved: int
    """Not computed again by the sampler, since a group shares one prefill."""
    sample_seconds: float
    verify_seconds: float
    train_tokens: int
    """Run through the model in one pass over the batch."""
    train_tokens_saved: int
    """Not computed in such a pass, since traces share them."""
    sample_flops: float
    """Estimated, like `train_flops`."""
    train_flops: float
    publish_seconds: float


class Steps(_Shape):
    steps: list[Step]


class Health(_Shape):
    status: Literal["ok"]


class FieldProblem(_Shape):
    field: str
    detail: str


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[FieldProblem] | None = None


def ref(model: type[BaseModel]) -> dict[str, str]:
    """A reference to the model's schema in the OpenAPI document."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}
