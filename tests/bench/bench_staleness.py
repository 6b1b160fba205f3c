"""Sampling ahead of training: traces trained on per second at S = 0 and at S = 4, in the same run of a platform.

    python tests/bench/bench_staleness.py [--steps N]

The policy has the tiny preset's shape and random weights; a format check that is right now and then rewards it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from rlvr.embedded import platform_file
from rlvr.embedded.ports import free_ports

GROUPS_PER_STEP, GROUP_SIZE = 16, 8


def make_policy(folder: Path) -> None:
    """Random weights in the tiny preset's shape, with its tokenizer."""
    import torch

    from rlvr.trainer.presets import PRESETS
    from rlvr.trainer.tokenizer import build_tokenizer
    from rlvr.trainer.warmstart import build_model

    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    build_model(PRESETS["tiny"], tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def wait_until_up(home: Path, launcher: subprocess.Popen[bytes]) -> str:
    """The gateway's URL once the platform is ready."""
    deadline = time.monotonic() + 120
    while not platform_file.path_in(home).exists():
        assert launcher.poll() is None and time.monotonic() < deadline, "the platform did not come up"
        time.sleep(0.1)
    found = platform_file.read(home)
    assert found is not None
    return found.gateway


def train(url: str, policy: Path, problems: Path, staleness: int, steps: int) -> tuple[float, dict[int, int]]:
    """Traces trained on per second, from the end of the first step to that of the last; lag -> traces."""
    body = {
        "name": f"s{staleness}",
        "policy_path": str(policy),
        "problems": {"kind": "jsonl", "path": str(problems)},
        "group_size": GROUP_SIZE,
        "sampling": {"max_tokens": 24},
        "training": {
            "steps": steps,
            "groups_per_step": GROUPS_PER_STEP,
            "max_staleness": staleness,
            "learning_rate": 1e-6,
            "max_replacements": 1,
        },
    }
    run_id = httpx.post(f"{url}/v1/runs", json=body, timeout=30).raise_for_status().json()["run_id"]
    while (run := httpx.get(f"{url}/v1/runs/{run_id}", timeout=30).json())["state"] in ("pending", "running"):
        time.sleep(0.2)
    assert run["state"] == "succeeded", run
    records: list[dict[str, Any]] = httpx.get(f"{url}/v1/runs/{run_id}/steps", timeout=30).json()["steps"]
    seconds = records[-1]["completed_at"] - records[0]["completed_at"]
    lags: dict[int, int] = {}
    for record in records:
        for lag, count in record["lags"].items():
            lags[int(lag)] = lags.get(int(lag), 0) + count
    return (len(records) - 1) * GROUPS_PER_STEP * GROUP_SIZE / seconds, dict(sorted(lags.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home, policy, problems = Path(folder) / "home", Path(folder) / "policy", Path(folder) / "problems.jsonl"
        make_policy(policy)
        row = {"verifier": "format", "spec": {"pattern": "(?s).*[0-4].*[0-4].*[0-4].*"}}
        problems.write_text("".join(json.dumps({"prompt": f"{n} + {n} =", **row}) + "\n" for n in range(100)))
        clean = {key: value for key, value in os.environ.items() if not key.startswith("RLVR_")}
        command = [sys.executable, "-m", "rlvr.cli", "up", "--quiet", "--home", str(home)]
        launcher = subprocess.Popen([*command, "--port", str(free_ports(1)[0])], env=clean, stdout=subprocess.DEVNULL)
        try:
            url = wait_until_up(home, launcher)
            print("| S | traces/s | x S = 0 | lags |\n|---|---|---|---|")
            base = 0.0
            for staleness in (0, 4):
                rate, lags = train(url, policy, problems, staleness, options.steps)
                base = base or rate
                print(f"| {staleness} | {rate:,.0f} | {rate / base:.2f} | {lags} |", flush=True)
        finally:
            launcher.send_signal(signal.SIGTERM)
            launcher.wait(30)


if __name__ == "__main__":
    main()
