"""The command line explains itself, at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = [
    [],
    ["up"],
    ["serve"],
    ["verify"],
    ["train"],
    ["demo"],
    ["policy"],
    ["policy", "init"],
    ["quality"],
    ["quality", "math"],
    ["runs"],
    ["runs", "list"],
    ["runs", "watch"],
    ["runs", "stop"],
    ["runs", "resume"],
]
HEAVY = ("torch", "transformers", "numpy", "grpc", "redis", "httpx", "fastapi", "sympy", "reasoning_gym", "matplotlib")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "rlvr.cli", *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command) or "rlvr")
def test_every_command_has_help(command: list[str]) -> None:
    shown = run(*command, "--help")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("Usage: rlvr")


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; sys.argv = ['rlvr', '--help']; import atexit; from rlvr.cli import main\n"
    code += f"atexit.register(lambda: print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])); main()"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "HEAVY []" in shown.stdout


def test_an_unknown_command_is_refused() -> None:
    assert run("trian").returncode == 2


def test_a_client_command_without_a_platform_says_how_to_start_one(tmp_path: Path) -> None:
    refused = run("runs", "list", "--home", str(tmp_path))
    assert refused.returncode == 1
    assert "start one with `rlvr up`" in refused.stderr


def test_a_gateway_that_does_not_answer_is_named(tmp_path: Path) -> None:
    refused = run("runs", "list", "--url", "http://127.0.0.1:9")
    assert refused.returncode == 1
    assert "http://127.0.0.1:9 cannot be reached" in refused.stderr


def test_a_wrong_run_file_names_the_field(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('name = "x"\npolicy_path = "p"\ngroup_size = 1\n[problems]\nkind = "jsonl"\npath = "p"\n')
    refused = run("train", str(file), "--url", "http://127.0.0.1:9")
    assert refused.returncode == 2
    assert "group_size" in refused.stderr
