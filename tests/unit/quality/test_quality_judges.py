"""The judges are real: our pool, and Math-Verify in a process that cannot hang us."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from rlvr.quality import peer as peer_module
from rlvr.quality.peer import PeerJudge
from rlvr.quality.pool import PoolJudge
from rlvr.quality.rows import Row, boxed


def row(gold: str | list[str], answer: str, **options: object) -> Row:
    return Row("s", "1", "f", {"answer": gold, **options}, boxed(answer), True)


@pytest.fixture(scope="module")
def peer() -> Iterator[PeerJudge]:
    with PeerJudge() as judge:
        yield judge


def test_our_judge_grades_through_the_pool() -> None:
    with PoolJudge() as judge:
        judgements = list(judge.judge([row("1/2", "0.5"), row("1/2", "0.6"), row("", "1"), row("5", "5", typo=1)]))
        assert judge.version
    assert [one.outcome for one in judgements] == ["correct", "incorrect", "invalid", "invalid"]
    assert "spec.typo" in judgements[3].detail
    assert all(one.ms > 0 for one in judgements[:2])


def test_math_verify_judges_gold_first_with_its_defaults(peer: PeerJudge) -> None:
    rows = [row("1/2", "0.5"), row("1/2", "0.6"), row(["1", "2"], "2"), row("", "1"), row("5", "")]
    judgements = list(peer.judge(rows))
    assert [one.outcome for one in judgements] == ["correct", "incorrect", "correct", "invalid", "incorrect"]
    assert peer.version and judgements[0].ms > 0


def test_math_verify_is_not_asked_about_options_of_ours(peer: PeerJudge) -> None:
    assert peer.takes(row("1", "1"))
    assert not peer.takes(row("1", "1", units="ignore"))


def test_a_peer_that_hangs_is_killed_and_the_next_row_is_graded(
    peer: PeerJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_module, "_DEADLINE_S", 5.0)  # the next row has no more
    os.kill(peer._child.pid, signal.SIGSTOP)
    hung, after = peer.judge([row("1", "1"), row("2", "2")])
    assert (hung.outcome, hung.reason) == ("error", "killed")
    assert after.outcome == "correct"


def test_a_peer_that_dies_is_replaced(peer: PeerJudge) -> None:
    os.kill(peer._child.pid, signal.SIGKILL)
    died, after = peer.judge([row("1", "1"), row("2", "2")])
    assert (died.outcome, died.reason) == ("error", "died")
    assert after.outcome == "correct"


def test_no_peer_process_is_left() -> None:
    with PeerJudge() as judge:
        pid = judge._child.pid
    deadline = time.monotonic() + 60
    while os.path.exists(f"/proc/{pid}"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
