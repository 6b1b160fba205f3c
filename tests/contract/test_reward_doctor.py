"""`reward-doctor` (PyPI) audits the math verifier through the HTTP API: what does it really accept?

Permissive and strict graders fail it in opposite ways, by wrong answers accepted and by right ones refused.
"""

from __future__ import annotations

import httpx
import pytest
from reward_doctor import Audit, audit

MAX_FALSE_NEGATIVES = 0.02


@pytest.fixture(scope="module")
def report(client: httpx.Client) -> Audit:
    """The audit of the whole corpus, its contested cases included."""

    def reward(completion: str, reference: str) -> float:
        request = {"verifier": "math", "completion": completion, "spec": {"answer": reference}}
        response = client.post("/v1/verify", json=request)
        response.raise_for_status()
        verdict = response.json()
        assert verdict["outcome"] in ("correct", "incorrect"), verdict
        return float(verdict["reward"])

    return audit(reward, name="rlvr math", include_contested=True)


def test_no_exploit_and_no_wrong_answer_is_accepted(report: Audit) -> None:
    assert [outcome.case.id for outcome in report.false_positives] == []
    assert report.exploits_accepted == []


def test_right_answers_are_accepted_in_every_form(report: Audit) -> None:
    refused = [outcome.case.id for outcome in report.false_negatives]
    assert report.false_negative_rate <= MAX_FALSE_NEGATIVES, refused
    assert report.profile == "balanced"


def test_every_case_has_a_verdict(report: Audit) -> None:
    assert [(outcome.case.id, outcome.error) for outcome in report.outcomes + report.contested if outcome.error] == []
    assert len(report.outcomes) >= 80


def test_contested_cases_are_decided_as_the_corpus_has_them(report: Audit) -> None:
    assert [outcome.case.id for outcome in report.contested if not outcome.passed] == []
