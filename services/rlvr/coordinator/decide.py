"""The coordinator's decisions, as pure functions on plain data: what to admit, and what becomes of a group."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from google.protobuf.message import DecodeError

from rlvr.core.policy import PolicySpan, group_is_stale, max_groups_in_flight
from rlvr.v1 import common_pb2, coordinator_pb2, trace_pb2, verifier_pb2

Fate = Literal["ready", "degenerate", "stale", "unscored", "failed", "untrainable"]
"""What is to become of a group: to be trained on, or why not. `degenerate` is dropped while replacements last."""

SCORED = frozenset((verifier_pb2.OUTCOME_CORRECT, verifier_pb2.OUTCOME_PARTIAL, verifier_pb2.OUTCOME_INCORRECT))
_UNSCORED = frozenset((verifier_pb2.OUTCOME_INVALID, verifier_pb2.OUTCOME_ERROR))
_FATE_OF_DROP: dict[int, Fate] = {
    trace_pb2.DROP_REASON_STALE: "stale",
    trace_pb2.DROP_REASON_UNSCORED: "unscored",
    trace_pb2.DROP_REASON_FAILED: "failed",
    trace_pb2.DROP_REASON_UNTRAINABLE: "untrainable",
}
_INDEX = re.compile(r"0|[1-9][0-9]{0,5}")
_LOST_PER_P = 4
"""A run fails when more than this many times P groups in a row could not be scored."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """A group's fate, and what it adds to the run's counters."""

    fate: Fate
    detail: str = ""
    """For a person: why it was dropped."""
    reward_sum: float = 0.0
    num_scored: int = 0
    members: tuple[trace_pb2.GroupMember, ...] = ()
    """In the order of the samples; empty when the group was given up."""


class Malformed(ValueError):
    """A verdict entry breaks the contract. `run_id` and `group_id` are what could be read of them."""

    def __init__(self, detail: str, entry: trace_pb2.VerdictEntry | None = None) -> None:
        super().__init__(detail)
        self.run_id = entry.run_id if entry is not None else ""
        self.group_id = entry.group_id if entry is not None else ""


def groups_to_admit(spec: coordinator_pb2.RunSpec, step: int, in_flight: int) -> int:
    """How many groups there is room for, by the (S+1)*P rule."""
    return max(0, bound(spec, step) - in_flight)


def bound(spec: coordinator_pb2.RunSpec, step: int) -> int:
    """How many groups may be in flight at a step."""
    recipe = spec.training
    return max_groups_in_flight(recipe.max_staleness, recipe.groups_per_step, max(0, recipe.steps - step))


def prompt_entry(
    run_id: str, spec: coordinator_pb2.RunSpec, policy: str, step: int, seq: int, problem: common_pb2.Problem
) -> trace_pb2.PromptEntry:
    """The prompt of a run's group number `seq`, to be sampled by version `step` or newer: nothing is born stale."""
    entry = trace_pb2.PromptEntry(
        run_id=run_id,
        group_id=f"{run_id}-{seq}",
        policy=policy,
        min_version=step,
        max_staleness=spec.training.max_staleness,
        problem=problem,
        group_size=spec.group_size,
        sampling=spec.sampling,
    )
    entry.sampling.seed += seq
    return entry


def read_verdict(payload: bytes) -> trace_pb2.VerdictEntry:
    """A verdict entry, checked so far that what follows can rely on it.

    Raises:
        Malformed: it is not one, or a reward is where none belongs, or is missing or out of range.
    """
    try:
        entry = trace_pb2.VerdictEntry.FromString(payload)
    except DecodeError:
        raise Malformed("the payload is not a VerdictEntry") from None
    if not entry.run_id or not entry.group_id.startswith(f"{entry.run_id}-"):
        raise Malformed(f"group {entry.group_id!r} does not belong to run {entry.run_id!r}")
    kind = entry.WhichOneof("result")
    if kind == "drop":
        if entry.drop.reason not in _FATE_OF_DROP:
            raise Malformed("a drop that is neither stale, unscored, failed nor untrainable", entry)
    elif kind == "scored":
        _check_scored(entry)
    else:
        raise Malformed("neither a verdict nor a drop", entry)
    return entry


def _check_scored(entry: trace_pb2.VerdictEntry) -> None:
    verdict, span = entry.scored.verdict, entry.scored.span
    if sample_index(entry) < 0:
        raise Malformed(f"trace {verdict.trace_id!r} does not belong to group {entry.group_id!r}", entry)
    if not 0 <= span.min <= span.max:
        raise Malformed(f"trace {verdict.trace_id!r} has the policy span ({span.min}, {span.max})", entry)
    if verdict.outcome in SCORED:
        # The comparison is also false for NaN.
        if not (verdict.HasField("reward") and 0.0 <= verdict.reward <= 1.0):
            raise Malformed(f"trace {verdict.trace_id!r} is scored and has no reward in [0, 1]", entry)
    elif verdict.outcome not in _UNSCORED or verdict.HasField("reward"):
        raise Malformed(f"trace {verdict.trace_id!r} is not scored and has a reward or no outcome", entry)


def sample_index(entry: trace_pb2.VerdictEntry) -> int:
    """Which of the k samples a verdict is of; -1 when its trace is not one of the group's."""
    group_id, _, index = entry.scored.verdict.trace_id.rpartition("/")
    return int(index) if group_id == entry.group_id and _INDEX.fullmatch(index) else -1


def lost(detail: str) -> Settlement:
    """The fate of a group that can never be complete."""
    return Settlement("failed", detail)


def settle_drop(drop: trace_pb2.GroupDrop) -> Settlement:
    """The fate of a group that a sampler or verifier gave up."""
    return Settlement(_FATE_OF_DROP[drop.reason], drop.detail)


def settle_complete(
    verdicts: Sequence[trace_pb2.VerdictEntry], group_size: int, version: int, max_staleness: int
) -> Settlement:
    """The fate of a group with all its verdicts, when the policy is at `version`.

    A group is dropped whole, never broken: one stale trace makes it stale. A masked trace fills its place and
    takes no part in reward figures.
    """
    ordered = sorted(verdicts, key=sample_index)
    if [sample_index(entry) for entry in ordered] != list(range(group_size)):
        return lost(f"its verdicts are not those of traces 0 to {group_size - 1}")
    members = tuple(_member(entry) for entry in ordered)
    rewards = [member.reward for member in members if member.HasField("reward")]
    spans = [PolicySpan(member.span.min, member.span.max) for member in members]
    fate: Fate = "ready"
    detail = ""
    if group_is_stale(version, spans, max_staleness):
        fate = "stale"
        detail = f"oldest token of version {min(span.min for span in spans)}, policy at {version}"
    elif len(rewards) < 2:
        fate = "unscored"
        detail = f"{len(rewards)} of {group_size} traces could be scored; {_why_masked(ordered)}"
    elif max(rewards) == min(rewards):
        fate = "degenerate"
    return Settlement(fate, detail, math.fsum(rewards), len(rewards), members)


def _member(entry: trace_pb2.VerdictEntry) -> trace_pb2.GroupMember:
    verdict = entry.scored.verdict
    member = trace_pb2.GroupMember(
        trace_id=verdict.trace_id,
        span=entry.scored.span,
        outcome=verdict.outcome,
        verify_seconds=verdict.duration_ms / 1000,
    )
    if verdict.HasField("reward"):
        member.reward = verdict.reward
    return member


def _why_masked(verdicts: Sequence[trace_pb2.VerdictEntry]) -> str:
    verdict = next(e.scored.verdict for e in reversed(verdicts) if e.scored.verdict.outcome not in SCORED)
    outcome = verifier_pb2.Outcome.Name(verdict.outcome).removeprefix("OUTCOME_").lower()
    reason = verifier_pb2.Reason.Name(verdict.reason).removeprefix("REASON_").lower()
    return f"verifier {verdict.verifier!r} said {outcome} ({reason}): {verdict.detail}"


def group_entry(run_id: str, group_id: str, settlement: Settlement) -> trace_pb2.GroupEntry:
    """What the trainer is told of a complete group."""
    return trace_pb2.GroupEntry(
        run_id=run_id,
        group_id=group_id,
        members=settlement.members,
        degenerate=settlement.fate == "degenerate",
    )


def max_degenerate(spec: coordinator_pb2.RunSpec) -> int:
    """How many degenerate groups may be replaced per step; further ones are trained on, with no advantage."""
    return spec.training.max_replacements * spec.training.groups_per_step


def why_run_fails(spec: coordinator_pb2.RunSpec, settlement: Settlement, lost_in_a_row: int) -> str:
    """Why a run cannot go on after a group was dropped, the last of so many lost in a row; empty when it can."""
    if settlement.fate == "untrainable":
        return settlement.detail
    if lost_in_a_row <= _LOST_PER_P * spec.training.groups_per_step:
        return ""
    return f"{lost_in_a_row} groups in a row could not be scored; the last one: {settlement.detail}"


def why_training_fails(spec: coordinator_pb2.RunSpec, unusable: int) -> str:
    """Why a run cannot go on after its trainer could not use so many groups within a step; empty when it can."""
    if unusable <= _LOST_PER_P * spec.training.groups_per_step:
        return ""
    return (
        f"{unusable} complete groups could not be trained on since the last step: the trainer's log says why for each"
    )
