"""The interval that rates are given with."""

from __future__ import annotations

import pytest

from rlvr.quality.interval import wilson

Z2 = 3.841458820694124


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        # scipy.stats.binomtest(count, total).proportion_ci(method="wilson")
        (5, 10, 0.236593090512564, 0.7634069094874361),
        (1, 125, 0.0014135951039980256, 0.04392475230499521),
        (38, 40, 0.8349612263085903, 0.9861793326138516),
    ],
)
def test_it_is_scipys(count: int, total: int, low: float, high: float) -> None:
    assert wilson(count, total) == pytest.approx((low, high), rel=1e-12)


@pytest.mark.parametrize("total", [1, 21, 1654])
def test_nothing_found_is_bounded_by_the_closed_form(total: int) -> None:
    assert wilson(0, total) == pytest.approx((0.0, Z2 / (total + Z2)))
    assert wilson(total, total) == pytest.approx((total / (total + Z2), 1.0))


@pytest.mark.parametrize(("count", "total"), [(1, 2), (3, 7), (999, 1000)])
def test_its_ends_are_where_the_score_test_turns(count: int, total: int) -> None:
    for end in wilson(count, total):
        assert (count / total - end) ** 2 == pytest.approx(Z2 * end * (1 - end) / total)


def test_of_no_rows_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
