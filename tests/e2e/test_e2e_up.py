"""`rlvr up` with real processes: it comes up, keeps rooms running, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from launched import RunningPlatform, StartPlatform, wait_until

ROOMS = ("coordinator", "sampler", "verifier", "trainer", "gateway")


@pytest.fixture(scope="module")
def platform(start_platform: StartPlatform) -> RunningPlatform:
    """A platform whose rooms these tests kill, and which none but the last of them stops."""
    return start_platform()


def verify(url: str, completion: str = "so \\boxed{1/2}") -> dict[str, object]:
    item = {"verifier": "math", "completion": completion, "spec": {"answer": "0.5"}}
    return httpx.post(f"{url}/v1/verify", json=item, timeout=30).raise_for_status().json()


def graded(url: str) -> bool:
    try:
        return verify(url)["outcome"] == "correct"
    except httpx.HTTPError:
        return False


def test_every_room_runs_and_a_posted_trace_gets_its_verdict(platform: RunningPlatform) -> None:
    assert set(platform.now.rooms) == {*ROOMS, "redis"}
    # It asks the rooms with a deadline of a second, which a machine that stands still does not keep.
    wait_until(lambda: httpx.get(f"{platform.url}/readyz", timeout=30).status_code == 200, "the gateway is ready")
    verdict = verify(platform.url)
    assert (verdict["outcome"], verdict["reward"]) == ("correct", 1.0)


def test_every_room_publishes_its_metrics(platform: RunningPlatform) -> None:
    for room in ROOMS:
        text = httpx.get(platform.now.rooms[room].metrics, timeout=30).text
        assert "rlvr_build_info" in text, room


def test_a_second_launcher_in_the_same_home_is_refused_by_name(platform: RunningPlatform) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "rlvr.cli", "up", "--home", str(platform.home)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 1
    assert f"already runs in {platform.home} (launcher pid {platform.launcher.pid})" in second.stderr
    assert graded(platform.url)


def test_the_verify_command_finds_the_platform_and_prints_verdicts(platform: RunningPlatform, tmp_path: Path) -> None:
    traces = tmp_path / "traces.jsonl"
    traces.write_text(
        '{"verifier": "math", "completion": "\\\\boxed{4}", "spec": {"answer": "4"}}\n'
        '{"verifier": "chess", "completion": "", "spec": {}}\n'
    )
    command = [sys.executable, "-m", "rlvr.cli", "verify", str(traces), "--home", str(platform.home)]
    printed = subprocess.run([*command, "--output", "jsonl"], capture_output=True, text=True, timeout=60)
    assert printed.returncode == 0, printed.stderr
    assert ['"outcome": "correct"' in line for line in printed.stdout.splitlines()] == [True, False]
    table = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    assert "1 correct, 1 invalid" in table


@pytest.mark.parametrize("room", ["coordinator", "sampler", "verifier", "trainer", "gateway", "redis"])
def test_a_room_that_is_killed_is_started_again_and_said_so(platform: RunningPlatform, room: str) -> None:
    workers = psutil.Process(platform.pid(room)).children(recursive=True)
    platform.kill(room)
    assert f"{room} was killed by SIGKILL; restart" in platform.log()
    wait_until(lambda: not psutil.wait_procs(workers, timeout=0)[1], f"the workers of the dead {room} are gone")
    wait_until(lambda: graded(platform.url), f"traces are graded again after {room} died")


def test_a_room_with_a_wrong_setting_is_named_and_nothing_is_left_running(tmp_path: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "rlvr.cli", "up", "--quiet", "--home", str(tmp_path)],
        env={**os.environ, "RLVR_VERIFIER__KINDS": '["chess"]'},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert outcome.returncode == 1
    assert "verifier ended with exit code 2" in outcome.stderr
    assert "no such verifier: chess" in outcome.stderr


# The ends of platforms, each of one that is started for it but for the first, which has had its rooms killed.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_and_leaves_no_process(
    request: pytest.FixtureRequest, start_platform: StartPlatform, number: int
) -> None:
    platform = request.getfixturevalue("platform") if number == signal.SIGINT else start_platform()
    processes = platform.processes()
    assert len(processes) >= 1 + 1 + len(ROOMS)
    os.kill(platform.launcher.pid, number)
    assert platform.launcher.wait(60) == 0
    wait_until(lambda: not alive(processes), "all children are gone")
    assert not (platform.home / "platform.json").exists()
    assert not (platform.home / "redis" / "redis.sock").exists()


def test_killing_the_launcher_outright_leaves_no_process(start_platform: StartPlatform) -> None:
    platform = start_platform()
    processes = platform.processes()
    platform.launcher.kill()
    platform.launcher.wait(60)
    wait_until(lambda: not alive(processes), "all children are gone", 60)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
