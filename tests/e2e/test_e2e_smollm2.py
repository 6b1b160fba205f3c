"""Ten steps of GRPO on SmolLM2-135M through a real vLLM: what examples/smollm2.toml says, with nobody's help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from launched import StartPlatform
from real_models import smollm2, vllm_python

EXAMPLE = Path(__file__).parents[2] / "examples" / "smollm2.toml"
STEPS, TRACES = 10, 64
TIMEOUT_S = 1500

pytestmark = [pytest.mark.slow, pytest.mark.timeout(TIMEOUT_S + 300)]


def test_ten_steps_on_a_real_model_run_through_vllm_verifier_and_trainer(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    (tmp_path / "SmolLM2-135M-Instruct").symlink_to(smollm2())
    written = EXAMPLE.read_text()
    assert "\nsteps = 60\n" in written
    run_file = tmp_path / "run.toml"
    run_file.write_text(written.replace("\nsteps = 60\n", f"\nsteps = {STEPS}\n"))
    platform = start_platform(RLVR_SAMPLER__ENGINE="vllm", RLVR_SAMPLER__VLLM__PYTHON=str(vllm_python()))

    command = [sys.executable, "-m", "rlvr.cli", "train", str(run_file), "--home", str(platform.home)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)

    assert done.returncode == 0, done.stdout + done.stderr
    runs = f"{platform.url}/v1/runs"
    [run] = httpx.get(runs, timeout=10).json()["runs"]
    records: list[dict[str, Any]] = httpx.get(f"{runs}/{run['run_id']}/steps", timeout=10).json()["steps"]
    assert [record["traces"] for record in records] == [TRACES] * STEPS
    assert all(record["traces_scored"] == TRACES for record in records)
    assert {int(lag) for record in records for lag in record["lags"]} <= {0, 1}
    groups = [group for record in records for group in record["group_ids"]]
    assert len(set(groups)) == len(groups)
    # The first step's traces were drawn from the weights that the trainer begins with, in float32 both.
    assert set(records[0]["lags"]) == {"0"}
    assert records[0]["logprob_diff_mean"] < 1e-3
    assert records[0]["truncated_fraction"] == 0
    assert all(record["prefill_tokens_saved"] > 0 and record["train_tokens_saved"] > 0 for record in records)
    assert any(record["mean_reward"] > 0 for record in records)
    assert all(platform.restarts(room) == 0 for room in platform.now.rooms)
