"""Each room installs with its own extra alone, stays light where it should, and starts there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rooms import free_port

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
UV = (sys.executable, "-m", "uv")
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


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with our wheel, and with that of torch, found by pip, which knows of the CPU build; see the Makefile."""
    folder = tmp_path_factory.mktemp("wheels")
    run(*UV, "build", "-q", "--wheel", "-o", folder, ROOT)
    run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-c", CONSTRAINTS, "-d", folder, "torch")
    return folder


def install(room: str, folder: Path, wheels: Path) -> set[str]:
    """Make a fresh environment with `rlvr[room]`; the names of what is in it."""
    run(*UV, "venv", "-q", "--python", sys.executable, folder)
    into = ["-q", "--python", folder / "bin" / "python"]
    [ours] = wheels.glob("rlvr-*.whl")
    run(*UV, "pip", "install", *into, "-c", CONSTRAINTS, "--find-links", wheels, f"{ours}[{room}]")
    listed = run(*UV, "pip", "freeze", *into).splitlines()
    return {re.split("==| @ ", line)[0].lower().replace("_", "-") for line in listed}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("room", NEEDS)
def test_a_room_installs_and_starts_with_its_own_extra(room: str, tmp_path: Path, wheels: Path, redis_url: str) -> None:
    assert install(room, tmp_path / "venv", wheels) & HEAVY == NEEDS[room]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RLVR_")}
    environment |= {
        "RLVR_REDIS__URL": redis_url,
        "RLVR_HOME": str(tmp_path),
        "RLVR_GATEWAY__LISTEN": f"127.0.0.1:{free_port()}",
    }
    process = subprocess.Popen(
        [tmp_path / "venv" / "bin" / "python", "-m", f"rlvr.{room}"],
        env=environment,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
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
        process.communicate(timeout=60)
    assert process.returncode == 0, "".join(lines)
