"""What a run is to do: the validated form of `RUN.toml`, of `POST /v1/runs` and of the proto `RunSpec`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from google.protobuf import json_format
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from rlvr.core.errors import FieldViolation, InvalidRequest
from rlvr.v1 import coordinator_pb2


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class JsonlSource(_Part):
    kind: Literal["jsonl"] = "jsonl"
    path: str = Field(min_length=1)
    """A file on the coordinator's machine; a line is {"prompt": text or messages, "verifier": ..., "spec": {...}}."""
    verifier: str = ""
    """The verifier of lines that do not name one."""


class ReasoningGymSource(_Part):
    kind: Literal["reasoning_gym"] = "reasoning_gym"
    name: str = Field(min_length=1)
    """The data set's name, for example `chain_sum`."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Its configuration, for example `{min_terms = 3, max_terms = 3}`."""
    seed: int = Field(0, ge=0)
    size: int = Field(1000, ge=1, le=10_000_000)
    """How many problems; they are repeated in the same order when all have been used."""
    verifier: str = "math"


class HuggingFaceSource(_Part):
    kind: Literal["huggingface"] = "huggingface"
    path: str = Field(min_length=1)
    """A hub name or a local folder."""
    split: str = "train"
    prompt_column: str = "question"
    answer_column: str = "answer"
    verifier: str = "math"


ProblemSource = Annotated[JsonlSource | ReasoningGymSource | HuggingFaceSource, Field(discriminator="kind")]


class Sampling(_Part):
    temperature: float = Field(1.0, gt=0, le=10)
    max_tokens: int = Field(1024, ge=1, le=131_072)
    seed: int = Field(0, ge=0)


class Lora(_Part):
    """A low-rank adapter (arXiv:2106.09685), the only thing that is trained."""

    rank: int = Field(16, ge=1, le=1024)
    alpha: int = Field(32, ge=1, le=65_536)
    """The adapter's product is scaled by alpha / rank."""
    target_modules: list[str] = Field(default_factory=list)
    """Ends of the names of the linear layers that get one, for example `q_proj`; empty: every linear layer but the
    output head."""


class Recipe(_Part):
    """GRPO's settings."""

    steps: int = Field(100, ge=1)
    groups_per_step: int = Field(32, ge=1, le=65_536)
    """P: prompts per optimisation step."""
    max_staleness: int = Field(1, ge=0, le=64)
    """S: how many versions a trace may lag behind the trainer; 0 is strictly on-policy."""
    learning_rate: float = Field(1e-6, gt=0, le=1)
    warmup_steps: int = Field(0, ge=0)
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    loss: Literal["grpo", "dapo", "dr_grpo"] = "dapo"
    clip_low: float = Field(0.2, gt=0, lt=1)
    clip_high: float = Field(0.2, gt=0)
    kl_coefficient: float = Field(0.0, ge=0)
    kl_target: Literal["step_start", "reference"] = "step_start"
    importance_cap: float = Field(2.0, ge=0)
    """Cap of the truncated importance weights against the sampler; 0 switches the correction off."""
    inner_epochs: int = Field(1, ge=1)
    micro_batch_tokens: int = Field(16_384, ge=1)
    """Tokens, padding included, in one forward pass."""
    checkpoint_every: int = Field(1, ge=1)
    """Steps between checkpoints. Groups are given back to a restarted trainer until a checkpoint covers them."""
    seed: int = Field(0, ge=0)
    max_replacements: int = Field(4, ge=0)
    """Degenerate groups are replaced at most this many times P per step, then trained on with no advantage."""
    shared_prefixes: bool = True
    """Compute what a group's traces have in common (the prompt) once in the training step. Exact; models for which
    it would not be are found out and trained without, which the trainer's log says."""
    lora: Lora | None = None
    """Train an adapter and publish it; without, all weights."""


class RunSpec(_Part):
    """A training job. Raises InvalidRequest through `parse`, never a bare pydantic error."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,47}$")
    """Lower-case letters, digits and dashes."""
    policy: str = Field("", pattern=r"^([a-z0-9][a-z0-9-]{0,63})?$")
    """Name of the policy in the register; the run's id when empty."""
    policy_path: str = Field(min_length=1)
    """Initial weights: a Hugging Face model folder."""
    problems: ProblemSource
    group_size: int = Field(8, ge=2, le=1024)
    """k: samples per prompt. At least two, or there is nothing to compare with."""
    sampling: Sampling = Sampling()
    training: Recipe = Recipe()

    @model_validator(mode="after")
    def _warm_up_ends(self) -> RunSpec:
        if self.training.warmup_steps > self.training.steps:
            raise ValueError("training.warmup_steps is more than training.steps: lower it")
        return self

    @model_validator(mode="after")
    def _kl_restrains(self) -> RunSpec:
        training = self.training
        if training.kl_coefficient > 0 and training.kl_target == "step_start" and training.inner_epochs == 1:
            raise ValueError(
                "training.kl_coefficient has no effect with kl_target = step_start and inner_epochs = 1, where the "
                "policy is the one it is compared with: set kl_target = reference, or inner_epochs above 1"
            )
        return self

    @model_validator(mode="after")
    def _adapter_finds_its_base(self) -> RunSpec:
        if self.training.lora is not None and "://" in self.policy_path:
            raise ValueError(
                "training.lora needs a policy_path that is a folder of trainer and sampler both, since an adapter's "
                "base is loaded from there: copy the weights to a shared folder, or train without lora"
            )
        return self

    def to_proto(self) -> coordinator_pb2.RunSpec:
        """The wire form; every field of the models has the same name there (a contract test checks it)."""
        document = self.model_dump(mode="json")
        problems = document["problems"]
        if "config" in problems:
            problems["config_json"] = json.dumps(problems.pop("config"))
        return json_format.ParseDict(document, coordinator_pb2.RunSpec())


def parse(document: Any) -> RunSpec:
    """Validate a decoded JSON or TOML document.

    Raises:
        InvalidRequest: with one violation per wrong field.
    """
    try:
        return TypeAdapter(RunSpec).validate_python(document)
    except ValidationError as failure:
        violations = [
            FieldViolation(".".join(str(part) for part in problem["loc"]) or "(run)", problem["msg"])
            for problem in failure.errors()
        ]
        summary = "; ".join(f"{v.field}: {v.description}" for v in violations)
        raise InvalidRequest(f"the run is not valid: {summary}", violations=violations) from None


def from_proto(message: coordinator_pb2.RunSpec) -> RunSpec:
    """The validated form of a wire message; fields that are unset there take the defaults.

    Raises:
        InvalidRequest: with one violation per wrong field.
    """
    document = json_format.MessageToDict(message, preserving_proto_field_name=True)
    problems = document.get("problems", {})
    if "config_json" in problems:
        try:
            problems["config"] = json.loads(problems.pop("config_json"))
        except json.JSONDecodeError as failure:
            why = FieldViolation("problems.config_json", f"is not JSON: {failure}")
            raise InvalidRequest(f"the run is not valid: {why.field} {why.description}", violations=[why]) from None
    return parse(document)


def load_toml(path: Path) -> RunSpec:
    """Read RUN.toml. Relative `policy_path` and jsonl paths are taken relative to the file.

    Raises:
        InvalidRequest: not TOML, or not a run.
        OSError: the file cannot be read.
    """
    try:
        document = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as failure:
        raise InvalidRequest(f"{path} is not TOML: {failure}") from None
    spec = parse(document)
    base = path.resolve().parent
    update: dict[str, Any] = {"policy_path": _beside(base, spec.policy_path)}
    if isinstance(spec.problems, JsonlSource):
        update["problems"] = spec.problems.model_copy(update={"path": _beside(base, spec.problems.path)})
    return spec.model_copy(update=update)


def _beside(base: Path, path: str) -> str:
    return path if "://" in path else str(base / path)
