"""A run's progress, from what the gateway reports."""

from __future__ import annotations

from typing import Any

import pytest

from rlvr.cli.progress import Progress, amount, bucket_means, duration, sparkline


def status(step: int, scored: int, waiting: int, **more: Any) -> dict[str, Any]:
    return {
        "run_id": "r",
        "state": "running",
        "spec": {"name": "demo", "training": {"steps": 10}},
        "step": step,
        "traces_scored": scored,
        "traces_waiting": waiting,
        **more,
    }


def record(reward: float, traces: int = 8, lags: dict[str, int] | None = None) -> dict[str, Any]:
    return {"mean_reward_all": reward, "traces": traces, "lags": lags or {"0": traces}}


def test_rates_are_counts_over_the_time_between_two_looks() -> None:
    progress = Progress("r")
    progress.see(status(0, 0, 0), [], now=100.0)
    progress.see(status(2, 40, 10), [record(0.5), record(0.5)], now=105.0)
    assert progress.traces_per_second == (10.0, 8.0, 3.2)
    assert progress.seconds_left == pytest.approx(8 / 0.4)


def test_there_is_no_time_left_before_a_step_is_done() -> None:
    progress = Progress("r")
    progress.see(status(0, 0, 0), [], now=0.0)
    progress.see(status(0, 10, 0), [], now=1.0)
    assert progress.seconds_left is None


def test_lag_is_the_mean_of_the_last_step_and_the_maximum_of_all() -> None:
    progress = Progress("r")
    progress.see(status(2, 16, 0), [record(0.1, lags={"3": 8}), record(0.2, lags={"0": 6, "1": 2})], now=0.0)
    assert (progress.mean_lag, progress.max_lag) == (0.25, 3)


def test_rates_forget_the_distant_past() -> None:
    progress = Progress("r")
    for second in range(100):
        progress.see(status(0, 0 if second < 50 else (second - 50) * 10, 0), [], now=float(second))
    assert progress.traces_per_second[1] == pytest.approx(10.0)


def test_the_reward_is_the_mean_of_the_last_steps() -> None:
    progress = Progress("r")
    assert progress.recent_reward() is None
    progress.see(status(3, 0, 0), [record(0.0), record(0.5), record(1.0)], now=0.0)
    assert progress.recent_reward(2) == 0.75


@pytest.mark.parametrize("state", ["succeeded", "failed", "stopped"])
def test_a_run_in_a_final_state_has_ended(state: str) -> None:
    progress = Progress("r")
    progress.see({**status(1, 0, 0), "state": state}, [], now=0.0)
    assert progress.ended


def test_a_sparkline_spans_empty_to_full() -> None:
    assert sparkline([0.0, 0.5, 1.0], 10) == "▁▅█"
    assert sparkline([], 10) == ""


def test_buckets_cover_every_value_once() -> None:
    assert bucket_means([1.0, 2.0, 3.0, 4.0], 2) == [1.5, 3.5]
    assert bucket_means([1.0], 5) == [1.0]
    values = [float(i) for i in range(100)]
    assert sum(bucket_means(values, 7)) / 7 == pytest.approx(49.5, abs=0.5)


def test_what_the_steps_took_is_summed_and_the_gap_is_the_last_step_s() -> None:
    progress = Progress("r")
    first = record(0.5) | {"sampled_tokens": 100, "train_flops": 1e12, "sample_seconds": 0.5, "logprob_diff_k3": 0.1}
    second = record(0.5) | {
        "sampled_tokens": 50,
        "train_flops": 2e12,
        "sample_seconds": 0.25,
        "logprob_diff_mean": 0.01,
        "logprob_diff_max": 0.5,
        "logprob_diff_k3": 0.002,
        "truncated_fraction": 0.25,
    }
    assert progress.gap is None
    progress.see(status(2, 16, 0), [first, second], now=0.0)
    account = progress.account
    assert (account.sampled_tokens, account.train_flops, account.sample_seconds) == (150, 3e12, 0.75)
    assert (progress.gap, progress.truncated) == ((0.01, 0.5, 0.002), 0.25)


def test_amounts_have_three_figures_and_a_unit() -> None:
    assert [amount(0), amount(950), amount(12_345), amount(4.56e12)] == ["0", "950", "12.3k", "4.56T"]


def test_durations_read_like_a_clock() -> None:
    assert [duration(5), duration(65), duration(7265)] == ["0:05", "1:05", "2:01:05"]
