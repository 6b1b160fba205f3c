"""The coordinator's decisions, without a network."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rlvr.coordinator import decide
from rlvr.v1 import common_pb2, coordinator_pb2, trace_pb2, verifier_pb2

Verdict = Callable[..., trace_pb2.VerdictEntry]


def spec(steps: int = 10, p: int = 4, s: int = 1) -> coordinator_pb2.RunSpec:
    message = coordinator_pb2.RunSpec(group_size=2)
    message.training.steps, message.training.groups_per_step, message.training.max_staleness = steps, p, s
    message.training.max_replacements = 4
    message.sampling.seed = 100
    return message


@pytest.mark.parametrize(
    ("step", "s", "in_flight", "expected"),
    [
        (0, 1, 0, 8),
        (0, 1, 7, 1),
        (0, 1, 8, 0),
        (0, 0, 0, 4),
        (0, 0, 4, 0),
        (9, 1, 0, 4),
        (9, 1, 6, 0),
        (10, 1, 0, 0),
    ],
)
def test_admission_follows_the_staleness_bound_and_the_steps_left(
    step: int, s: int, in_flight: int, expected: int
) -> None:
    assert decide.groups_to_admit(spec(s=s), step, in_flight) == expected


def test_a_prompt_asks_for_the_version_of_its_admission_and_has_its_own_seed() -> None:
    problem = common_pb2.Problem(problem_id="p", verifier="math")
    entry = decide.prompt_entry("run-1", spec(), "pol", 3, 7, problem)
    assert (entry.group_id, entry.min_version, entry.max_staleness) == ("run-1-7", 3, 1)
    assert (entry.sampling.seed, entry.group_size, entry.policy) == (107, 2, "pol")


@pytest.mark.parametrize(
    ("rewards", "version", "fate"),
    [
        ((1.0, 0.0), 0, "ready"),
        ((0.0, 0.5, 1.0), 0, "ready"),
        ((1.0, 0.0), 1, "ready"),
        ((1.0, 0.0), 2, "stale"),
        ((1.0, 1.0), 0, "degenerate"),
        ((0.0, 0.0), 0, "degenerate"),
        ((1.0, 1.0), 2, "stale"),
        ((1.0, None), 0, "unscored"),
        ((None, None), 0, "unscored"),
        ((1.0, None, 0.0), 0, "ready"),
        ((1.0, None, 1.0), 0, "degenerate"),
    ],
)
def test_the_fate_of_a_complete_group(
    verdict: Verdict, rewards: tuple[float | None, ...], version: int, fate: str
) -> None:
    entries = [verdict("r-0", i, reward) for i, reward in enumerate(rewards)]
    settlement = decide.settle_complete(entries, len(rewards), version, max_staleness=1)
    assert settlement.fate == fate


def test_one_stale_trace_makes_the_whole_group_stale(verdict: Verdict) -> None:
    entries = [verdict("r-0", 0, 1.0, version=5), verdict("r-0", 1, 0.0, version=2)]
    assert decide.settle_complete(entries, 2, 4, max_staleness=1).fate == "stale"


def test_a_masked_trace_fills_its_place_and_has_no_part_in_the_figures(verdict: Verdict) -> None:
    entries = [verdict("r-0", 2, None), verdict("r-0", 1, 0.5), verdict("r-0", 0, 1.0)]
    settlement = decide.settle_complete(entries, 3, 0, 1)
    assert [m.trace_id for m in settlement.members] == ["r-0/0", "r-0/1", "r-0/2"]
    assert [m.HasField("reward") for m in settlement.members] == [True, True, False]
    assert (settlement.reward_sum, settlement.num_scored) == (1.5, 2)


def test_an_unscored_group_says_what_the_verifier_said(verdict: Verdict) -> None:
    settlement = decide.settle_complete([verdict("r-0", 0, None), verdict("r-0", 1, None)], 2, 0, 1)
    assert "0 of 2" in settlement.detail
    assert "grader_crashed" in settlement.detail
    assert "the grader died" in settlement.detail


def test_verdicts_of_traces_that_the_group_has_not_lose_it(verdict: Verdict) -> None:
    settlement = decide.settle_complete([verdict("r-0", 0, 1.0), verdict("r-0", 5, 0.0)], 2, 0, 1)
    assert settlement.fate == "failed"


def change(verdict: Verdict, **to: object) -> trace_pb2.VerdictEntry:
    entry = verdict("r-0", 0, 1.0)
    for name, value in to.items():
        setattr(entry.scored.verdict, name, value)
    return entry


def test_a_verdict_whose_reward_does_not_belong_to_its_outcome_is_refused(verdict: Verdict) -> None:
    no_reward = verdict("r-0", 0, 1.0)
    no_reward.scored.verdict.ClearField("reward")
    bad = [
        no_reward,
        change(verdict, reward=float("nan")),
        change(verdict, reward=float("inf")),
        change(verdict, reward=1.5),
        change(verdict, reward=-0.1),
        change(verdict, outcome=verifier_pb2.OUTCOME_ERROR),
        change(verdict, outcome=verifier_pb2.OUTCOME_UNSPECIFIED),
        change(verdict, outcome=77),
        change(verdict, trace_id="r-1/0"),
        change(verdict, trace_id="r-0/01"),
        change(verdict, trace_id="r-0/" + "1" * 5000),
        change(verdict, trace_id=""),
    ]
    for entry in bad:
        with pytest.raises(decide.Malformed) as failure:
            decide.read_verdict(entry.SerializeToString())
        assert (failure.value.run_id, failure.value.group_id) == ("r", "r-0")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xff\xff",
        trace_pb2.VerdictEntry(run_id="r", group_id="other-1").SerializeToString(),
        trace_pb2.VerdictEntry(run_id="r", group_id="r-1").SerializeToString(),
        trace_pb2.VerdictEntry(
            run_id="r", group_id="r-1", drop=trace_pb2.GroupDrop(reason="DROP_REASON_DEGENERATE")
        ).SerializeToString(),
    ],
)
def test_what_is_no_verdict_entry_is_refused(payload: bytes) -> None:
    with pytest.raises(decide.Malformed):
        decide.read_verdict(payload)


def test_a_run_fails_when_more_than_four_batches_in_a_row_are_lost() -> None:
    unscored = decide.Settlement("unscored", "bad gold")
    assert decide.why_run_fails(spec(p=2), unscored, 8) == ""
    assert "9 groups in a row" in decide.why_run_fails(spec(p=2), unscored, 9)
    assert "bad gold" in decide.why_run_fails(spec(p=2), unscored, 9)


def test_a_run_fails_at_the_first_group_whose_sampler_it_cannot_be_trained_with() -> None:
    drop = trace_pb2.GroupDrop(reason="DROP_REASON_UNTRAINABLE", detail="no weights")
    assert decide.why_run_fails(spec(p=2), decide.settle_drop(drop), 0) == "no weights"
