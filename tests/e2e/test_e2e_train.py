"""`rlvr train` and `rlvr runs` against a running platform."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from launched import RunningPlatform, wait_until

RLVR = [sys.executable, "-m", "rlvr.cli"]


def write_run(folder: Path, name: str, policy: Path, problems: Path, steps: int) -> Path:
    file = folder / "run.toml"
    file.write_text(
        f"""
        name = "{name}"
        policy_path = {json.dumps(str(policy))}
        group_size = 4
        problems = {{ kind = "jsonl", path = {json.dumps(str(problems))} }}
        sampling = {{ max_tokens = 3 }}
        training = {{ steps = {steps}, groups_per_step = 2, max_replacements = 1 }}
        """
    )
    return file


def newest(platform: RunningPlatform) -> dict[str, Any]:
    runs: list[dict[str, Any]] = httpx.get(f"{platform.url}/v1/runs", timeout=10).json()["runs"]
    return runs[0] if runs else {}


def rlvr(platform: RunningPlatform, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*RLVR, *arguments, "--home", str(platform.home)]
    return subprocess.run(command, capture_output=True, text=True, timeout=280)


def test_train_follows_a_run_to_its_end(
    platform: RunningPlatform, policy: Path, problems: Path, tmp_path: Path
) -> None:
    done = rlvr(platform, "train", str(write_run(tmp_path, "short", policy, problems, 3)))
    assert done.returncode == 0, done.stderr
    assert "step 3/3" in done.stdout
    assert "has done its 3 steps" in done.stdout
    listed = rlvr(platform, "runs", "list").stdout
    assert newest(platform)["run_id"] in listed
    assert "succeeded" in listed


def test_an_adapter_goes_round_the_whole_loop_and_what_it_took_is_told(
    platform: RunningPlatform, policy: Path, problems: Path, tmp_path: Path
) -> None:
    file = write_run(tmp_path, "adapter", policy, problems, 3)
    extra = "lora = { rank = 4 }, max_staleness = 0, learning_rate = 1e-2, "
    file.write_text(file.read_text().replace("training = { ", f"training = {{ {extra}"))
    done = rlvr(platform, "train", str(file))
    assert done.returncode == 0, done.stderr
    assert re.search(r"sampled +[\d.]+k? tokens from \d+ of prompts", done.stdout)
    assert re.search(r"verified +in [\d.]+ s, [\d.]+[kMG]? FLOP", done.stdout)
    assert re.search(r"trained +.* FLOP", done.stdout)
    exported = httpx.get(platform.now.rooms["trainer"].metrics, timeout=10).text
    for stage in ("sample", "verify", "train"):
        assert float(re.search(rf'rlvr_flops_total{{stage="{stage}"}} (\S+)', exported)[1]) > 0
    run = newest(platform)
    assert sorted(path.name for path in Path(run["policy"]["uri"]).iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "manifest.json",
    ]
    steps = httpx.get(f"{platform.url}/v1/runs/{run['run_id']}/steps", timeout=10).json()["steps"]
    assert len(steps) == 3
    for step in steps:
        # The sampler drew from the adapter merged into its base, the trainer computes it beside: one policy.
        assert step["lags"] == {"0": 8} and step["logprob_diff_max"] < 1e-4
        assert step["prefill_tokens_saved"] == 3 * step["prompt_tokens"] > 0
        assert step["train_tokens_saved"] >= step["prefill_tokens_saved"] and step["truncated_fraction"] == 0
        seconds = ("sample_seconds", "verify_seconds", "train_seconds", "publish_seconds")
        for figure in ("sampled_tokens", "sample_flops", "train_flops", *seconds):
            assert step[figure] > 0, figure


def test_train_fails_with_the_runs_reason(platform: RunningPlatform, problems: Path, tmp_path: Path) -> None:
    done = rlvr(platform, "train", str(write_run(tmp_path, "lost", tmp_path / "nowhere", problems, 3)))
    assert done.returncode == 1
    assert "nowhere" in done.stdout + done.stderr


def test_ctrl_c_stops_the_run_which_can_be_resumed(
    platform: RunningPlatform, policy: Path, problems: Path, tmp_path: Path
) -> None:
    file = write_run(tmp_path, "interrupted", policy, problems, 60)
    train = subprocess.Popen(
        [*RLVR, "train", str(file), "--home", str(platform.home)], stdout=subprocess.PIPE, text=True
    )
    wait_until(lambda: newest(platform).get("spec", {}).get("name") == "interrupted", "the run exists")
    wait_until(lambda: newest(platform)["step"] >= 1, "a step is done", 100)
    os.kill(train.pid, signal.SIGINT)
    printed, _ = train.communicate(timeout=60)
    run = newest(platform)
    assert train.returncode == 130, printed
    assert run["state"] == "stopped"
    assert f"rlvr runs resume {run['run_id']}" in printed
    assert rlvr(platform, "runs", "resume", run["run_id"]).returncode == 0
    assert newest(platform)["state"] in ("pending", "running")
    assert rlvr(platform, "runs", "stop", run["run_id"]).returncode == 0


def test_a_detached_run_goes_on_by_itself(
    platform: RunningPlatform, policy: Path, problems: Path, tmp_path: Path
) -> None:
    run_id = rlvr(platform, "train", "--detach", str(write_run(tmp_path, "left", policy, problems, 3))).stdout.strip()
    assert newest(platform)["run_id"] == run_id
    assert rlvr(platform, "runs", "watch", run_id).returncode == 0
    assert newest(platform)["state"] == "succeeded"
