"""Each room installs with its own extra alone, stays light where it should, and starts there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rooms import free_port

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "transformers", "vllm", "sympy", "fastapi", "datasets", "reasoning-gym"}
NEEDS = {
    "gateway": {"fastapi"},
    "verifier": {"sympy"},
    # datasets and reasoning-gym bring these along; our code does not import them.
    "coordinator": {"datasets", "reasoning-gym", "sympy"},
    "sampler": {"torch", "transformers", "sympy"},
    "trainer": {"torch", "transformers", "sympy"},
}


def run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def install(room: str, folder: Path) -> Path:
    """A fresh environment with `rlvr[room]`; its Python."""
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "venv", folder)
    constraints = ROOT / "constraints.txt"
    if "torch" in NEEDS[room]:
        # By pip, which finds the CPU build; see the Makefile.
        run(python, "-m", "pip", "install", "-q", "-c", constraints, "torch")
    run(sys.executable, "-m", "uv", "pip", "install", "-q", "--python", python, "-c", constraints, f"{ROOT}[{room}]")
    return python


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("room", NEEDS)
def test_a_room_installs_and_starts_with_its_own_extra(room: str, tmp_path: Path, redis_url: str) -> None:
    python = install(room, tmp_path / "venv")
    listed = run(python, "-m", "pip", "list", "--format=freeze").splitlines()
    installed = {line.partition("==")[0].lower().replace("_", "-") for line in listed}
    assert installed & HEAVY == NEEDS[room]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RLVR_")}
    environment |= {
        "RLVR_REDIS__URL": redis_url,
        "RLVR_HOME": str(tmp_path),
        "RLVR_GATEWAY__LISTEN": f"127.0.0.1:{free_port()}",
    }
    process = subprocess.Popen(
        [python, "-m", f"rlvr.{room}"], env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "room is up" in line:
                break
        else:
            raise AssertionError("".join(lines))
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0, "".join(lines)
