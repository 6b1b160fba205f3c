"""The verdict contract: words, rewards and wire agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlvr.core.verdict import Grade, Outcome, Reason
from rlvr.v1 import verifier_pb2
from rlvr.verifier.wire import digest, outcome_word, reason_word, to_verdict


def test_every_outcome_and_reason_has_its_word_on_the_wire() -> None:
    assert {outcome_word(v) for v in verifier_pb2.Outcome.values()} == {"unspecified", *Outcome}
    assert {reason_word(v) for v in verifier_pb2.Reason.values()} == {"unspecified", *Reason}


@pytest.mark.parametrize("outcome", [Outcome.INVALID, Outcome.ERROR])
def test_what_was_not_scored_has_no_reward(outcome: Outcome) -> None:
    assert not to_verdict(Grade(outcome, Reason.BAD_SPEC)).HasField("reward")
    with pytest.raises(ValueError, match="reward"):
        Grade(outcome, Reason.BAD_SPEC, 0.0)


@given(reward=st.one_of(st.none(), st.floats()), outcome=st.sampled_from(Outcome))
def test_a_grade_cannot_hold_a_reward_of_another_outcome(reward: float | None, outcome: Outcome) -> None:
    try:
        grade = Grade(outcome, Reason.PASSED, reward)
    except ValueError:
        return
    match grade.outcome:
        case Outcome.CORRECT:
            assert grade.reward == 1.0
        case Outcome.INCORRECT:
            assert grade.reward == 0.0
        case Outcome.PARTIAL:
            assert grade.reward is not None and 0 < grade.reward < 1
        case _:
            assert grade.reward is None


@given(a=st.text(), b=st.text(), c=st.text(), d=st.text())
def test_a_digest_does_not_confuse_where_one_part_ends(a: str, b: str, c: str, d: str) -> None:
    assert digest(a, b, c, d).startswith("sha256:")
    if c:
        assert digest(a, b, c, d) != digest(a, b, c[:-1], c[-1] + d)
