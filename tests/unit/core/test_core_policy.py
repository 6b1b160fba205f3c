"""The staleness rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlvr.core.policy import PolicySpan, group_is_stale, is_stale, lag, max_groups_in_flight


@pytest.mark.parametrize(("low", "high"), [(-1, 0), (2, 1)])
def test_a_span_that_cannot_be_is_refused(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="policy span"):
        PolicySpan(low, high)


def test_a_span_grows_with_each_version_that_draws_a_token() -> None:
    assert PolicySpan(3, 3).with_version(4).with_version(4) == PolicySpan(3, 4)


def test_lag_counts_from_the_oldest_token() -> None:
    assert lag(7, PolicySpan(4, 6)) == 3


@given(version=st.integers(0, 100), low=st.integers(0, 100), bound=st.integers(0, 10))
def test_a_trace_is_stale_exactly_past_the_bound(version: int, low: int, bound: int) -> None:
    assert is_stale(version, PolicySpan(low, low), bound) == (version - low > bound)


def test_one_stale_trace_makes_the_group_stale() -> None:
    assert group_is_stale(5, [PolicySpan(5, 5), PolicySpan(3, 5)], 1)
    assert not group_is_stale(5, [PolicySpan(5, 5), PolicySpan(4, 5)], 1)


@given(bound=st.integers(0, 8), per_step=st.integers(1, 64), steps=st.integers(1, 30))
def test_first_in_first_out_under_the_admission_bound_is_never_stale(bound: int, per_step: int, steps: int) -> None:
    in_flight: list[int] = []
    for version in range(steps):
        while len(in_flight) < max_groups_in_flight(bound, per_step, steps - version):
            in_flight.append(version)
        batch, in_flight = in_flight[:per_step], in_flight[per_step:]
        assert len(batch) == per_step
        assert not group_is_stale(version, [PolicySpan(admitted, admitted) for admitted in batch], bound)
    assert in_flight == []
