"""`make demo`, whole: every verdict as expected, and a policy that learns through all of the services."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_demo_succeeds_and_leaves_what_it_says(tmp_path: Path) -> None:
    planned = subprocess.run(["make", "-n", "demo", "SEED=0"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert planned.stdout.splitlines()[-1] == ".venv/bin/rlvr demo --seed 0"
    done = subprocess.run(
        [sys.executable, "-m", "rlvr.cli", "demo", "--seed", "0", "--home", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    # The last time each is said: the summary. The demo itself fails unless before <= 50 % and after >= 80 %.
    before, after = (float(re.findall(rf"Accuracy {when} training\s*: ([\d.]+)%", done.stdout)[-1]) for when in _WHEN)
    assert before <= 50
    assert after >= 80
    traces = [json.loads(line) for line in (tmp_path / "traces.jsonl").read_text().splitlines()]
    assert {trace["verdict"]["outcome"] for trace in traces} <= {"correct", "incorrect"}
    assert (tmp_path / "reward-curve.png").read_bytes().startswith(b"\x89PNG")


_WHEN = ("before", "after")
