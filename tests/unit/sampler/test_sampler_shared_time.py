"""Shares of a sampler's time add up to it."""

import pytest

from rlvr.sampler.shared_time import SharedTime


def test_overlapping_groups_split_the_time_and_idle_time_is_nobody_s() -> None:
    now = 0.0
    meter = SharedTime(clock=lambda: now)
    first = meter.start()
    now = 2.0
    second = meter.start()
    now = 6.0
    assert meter.stop(first) == pytest.approx(2 + 4 / 2)
    now = 7.0
    assert meter.stop(second) == pytest.approx(4 / 2 + 1)
    now = 100.0
    third = meter.start()
    now = 101.5
    assert meter.stop(third) == pytest.approx(1.5)
