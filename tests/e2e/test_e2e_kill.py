"""A run in which everything dies once: it completes by itself, nothing is lost, nothing is trained on twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis as sync_redis

from launched import RunningPlatform, StartPlatform, wait_until

GROUPS_PER_STEP = 4
GROUP_SIZE = 4


@pytest.fixture(scope="module")
def platform(start_platform: StartPlatform) -> Iterator[RunningPlatform]:
    yield start_platform(RLVR_STREAMS__MIN_IDLE_S="5", RLVR_STREAMS__HEARTBEAT_S="1")


def create(platform: RunningPlatform, name: str, policy: Path, problems: Path, **training: Any) -> str:
    body = {
        "name": name,
        "policy_path": str(policy),
        "problems": {"kind": "jsonl", "path": str(problems)},
        "group_size": GROUP_SIZE,
        "sampling": {"temperature": 1.0, "max_tokens": 3},
        "training": {"groups_per_step": GROUPS_PER_STEP, "learning_rate": 1e-4, "max_replacements": 2, **training},
    }
    reply = httpx.post(f"{platform.url}/v1/runs", json=body, timeout=30)
    assert reply.status_code == 201, reply.text
    run_id: str = reply.json()["run_id"]
    return run_id


def status(platform: RunningPlatform, run_id: str) -> dict[str, Any]:
    """The run, asked again while a room that the gateway needs is being started."""
    deadline = time.monotonic() + 60
    while True:
        try:
            reply = httpx.get(f"{platform.url}/v1/runs/{run_id}", timeout=10)
            if reply.status_code == 200:
                found: dict[str, Any] = reply.json()
                return found
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "the run cannot be asked about"
        time.sleep(0.1)


def steps(platform: RunningPlatform, run_id: str) -> list[dict[str, Any]]:
    reply = httpx.get(f"{platform.url}/v1/runs/{run_id}/steps", timeout=10)
    found: list[dict[str, Any]] = reply.json()["steps"]
    return found


def wait_for_end(platform: RunningPlatform, run_id: str, within_s: float = 240) -> dict[str, Any]:
    wait_until(lambda: status(platform, run_id)["state"] not in ("pending", "running"), "the run ends", within_s)
    return status(platform, run_id)


def lags_of(records: list[dict[str, Any]]) -> dict[int, int]:
    total: dict[int, int] = {}
    for record in records:
        for lag, count in record["lags"].items():
            total[int(lag)] = total.get(int(lag), 0) + count
    return total


@pytest.mark.timeout(600)
def test_a_run_in_which_every_room_and_redis_connection_dies_completes_by_itself(
    platform: RunningPlatform, policy: Path, problems: Path
) -> None:
    total = 60
    run_id = create(platform, "kill", policy, problems, steps=total, max_staleness=2, checkpoint_every=3)
    for nth, victim in enumerate(["sampler", "verifier", "coordinator", "trainer", "connections"], 1):
        mark = nth * total // 8
        wait_until(lambda mark=mark: status(platform, run_id)["step"] >= mark, f"step {mark}", 200)
        if victim == "connections":
            client = sync_redis.Redis.from_url(platform.redis_url)
            assert client.client_kill_filter(_type="normal", skipme=True) > 0
            client.close()
        else:
            platform.kill(victim)
    run = wait_for_end(platform, run_id)
    assert run["state"] == "succeeded", run
    records = steps(platform, run_id)
    assert [record["step"] for record in records] == list(range(total))
    trained = [group for record in records for group in record["group_ids"]]
    assert len(trained) == len(set(trained)) == total * GROUPS_PER_STEP, "a group was trained on twice, or is missing"
    assert max(lags_of(records)) <= 2
    # Nothing is lost: what was admitted was trained on or dropped with a reason, and nothing is left in flight.
    assert run["groups_admitted"] == run["groups_trained"] + sum(run["groups_dropped"].values())
    assert run["groups_in_flight"] == 0
    client = sync_redis.Redis.from_url(platform.redis_url)
    assert client.xlen("rlvr:dead") == 0
    client.close()


@pytest.mark.timeout(300)
def test_strictly_on_policy_never_lags(platform: RunningPlatform, policy: Path, problems: Path) -> None:
    run_id = create(platform, "on-policy", policy, problems, steps=15, max_staleness=0)
    assert wait_for_end(platform, run_id)["state"] == "succeeded"
    assert set(lags_of(steps(platform, run_id))) == {0}


@pytest.mark.timeout(300)
def test_sampling_runs_ahead_within_the_bound(platform: RunningPlatform, policy: Path, problems: Path) -> None:
    run_id = create(platform, "ahead", policy, problems, steps=30, max_staleness=4)
    assert wait_for_end(platform, run_id)["state"] == "succeeded"
    lags = lags_of(steps(platform, run_id))
    assert min(lags) >= 0 and 0 < max(lags) <= 4
    metrics = httpx.get(platform.now.rooms["trainer"].metrics, timeout=10).text
    assert 'rlvr_policy_lag_steps_bucket{le="4.0"}' in metrics


@pytest.mark.timeout(300)
def test_a_stopped_run_goes_on_where_it_was(platform: RunningPlatform, policy: Path, problems: Path) -> None:
    # So many steps that whoever looks at a run only now and then finds it before its end.
    run_id = create(platform, "stop", policy, problems, steps=40, max_staleness=1)
    wait_until(lambda: status(platform, run_id)["step"] >= 2, "step 2", 100)
    assert httpx.delete(f"{platform.url}/v1/runs/{run_id}", timeout=10).json()["state"] == "stopped"
    stopped_at = status(platform, run_id)["step"]
    assert httpx.post(f"{platform.url}/v1/runs/{run_id}/resume", timeout=10).status_code == 200
    run = wait_for_end(platform, run_id)
    assert (run["state"], run["step"]) == ("succeeded", 40)
    assert stopped_at < 40
    trained = [group for record in steps(platform, run_id) for group in record["group_ids"]]
    assert len(trained) == len(set(trained)) == 40 * GROUPS_PER_STEP


def test_a_policy_that_is_not_there_fails_the_run_with_the_reason(
    platform: RunningPlatform, problems: Path, tmp_path: Path
) -> None:
    run_id = create(platform, "missing", tmp_path / "nowhere", problems, steps=2)
    run = wait_for_end(platform, run_id, 100)
    assert run["state"] == "failed"
    assert "nowhere" in run["error"]
