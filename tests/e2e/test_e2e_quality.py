"""`rlvr quality math`, as it is typed: in process, against a running gateway, stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from launched import RunningPlatform, wait_until

COMMAND = [sys.executable, "-m", "rlvr.cli", "quality", "math"]
RIGHT = {"form": "integer", "gold": "42", "answer": "42.0", "right": True}
NO_GOLD = {"form": "integer", "gold": "", "answer": "42", "right": True}


def run(*options: str, command: list[str] = COMMAND) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command, *options], capture_output=True, text=True, timeout=500)


def document(*options: str) -> dict[str, Any]:
    done = run("--format", "json", *options)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A row that is right, and one whose gold nobody can read."""
    file = tmp_path / "rows.jsonl"
    file.write_text(f"{json.dumps(RIGHT)}\n{json.dumps(NO_GOLD)}\n")
    return file


def counts(found: dict[str, Any], judge: str) -> list[tuple[str, str, int, int]]:
    return [
        (line["set"], line["labels"], line["false_positives"]["count"], line["false_negatives"]["count"])
        for line in found["sets"]
        if line["judge"] == judge
    ]


def test_the_built_in_sets_have_no_false_positive_and_math_verify_stands_beside() -> None:
    found = document("--max-fp", "0", "--limit", "62")
    assert [judge["name"] for judge in found["judges"]] == ["rlvr", "math-verify"]
    assert [line[:3] for line in counts(found, "rlvr")] == [
        (name, "all", 0) for name in ("forms", "policies", "answers")
    ]
    [forms] = [line for line in found["sets"] if line["set"] == "forms" and line["judge"] == "math-verify"]
    assert forms["false_positives"]["count"] > 0 and forms["p50_ms"] > 0


def test_a_gateway_is_audited_with_the_same_result(platform: RunningPlatform) -> None:
    here, there = document("--no-peer"), document("--no-peer", "--url", platform.url)
    assert there["judges"] == here["judges"]
    assert counts(there, "rlvr") == counts(here, "rlvr")


def test_a_limit_that_is_passed_fails_the_command_and_the_row_is_listed(rows: Path) -> None:
    options = ("--no-built-in", "--no-peer", "--set", f"mine={rows}", "--failures")
    assert run(*options).returncode == 0
    over = run(*options, "--max-fn", "0.1")
    assert over.returncode == 1
    assert "mine: false negatives 1/2 are 50.00%, over 10.00%" in over.stderr
    assert re.search(r"mine +2 +right.*invalid/gold_unparseable", over.stdout)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--set", "nothing"], "--set must be NAME=PATH"),
        (["--set", "x=missing.jsonl"], "missing.jsonl cannot be read"),
        (["--set", "forms=x.jsonl"], "there is a set 'forms' already"),
        (["--no-built-in"], "there are no rows to grade"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: list[str], problem: str) -> None:
    refused = run(*options)
    assert refused.returncode == 2
    assert problem in refused.stderr


def test_without_math_verify_there_is_a_line_that_says_how_to_get_it(rows: Path) -> None:
    missing = "import sys; sys.modules['math_verify'] = None; from rlvr.cli import main; main()"
    command = [sys.executable, "-c", missing, "quality", "math"]
    done = run("--no-built-in", "--set", f"mine={rows}", command=command)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1 and "pip install 'rlvr[quality]'" in done.stderr
    assert "math-verify" not in done.stdout


def test_ctrl_c_ends_it_at_once_and_leaves_no_process(tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    file.write_text("".join(f"{json.dumps({**RIGHT, 'gold': str(n)})}\n" for n in range(50_000)))
    process = subprocess.Popen(
        [*COMMAND, "--set", f"many={file}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    seen: dict[int, psutil.Process] = {}

    def is_grading() -> bool:
        children = psutil.Process(process.pid).children(recursive=True)
        seen.update((child.pid, child) for child in children)
        return len(children) >= 1 + (os.cpu_count() or 1)

    wait_until(is_grading, "the workers are up")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "rlvr: stopped; nothing is reported of a part of the rows\n"
    wait_until(lambda: not any(child.is_running() for child in seen.values()), "its processes are gone")
