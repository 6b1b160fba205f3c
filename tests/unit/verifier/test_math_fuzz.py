"""A short run of the fuzzer in every test run, the same each time; `make fuzz` explores."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

FUZZER = Path(__file__).resolve().parents[2] / "fuzz" / "fuzz_math.py"


@pytest.mark.timeout(300)
def test_a_short_run_of_the_fuzzer_finds_nothing(tmp_path: Path) -> None:
    if find_spec("atheris") is None:
        pytest.skip("atheris has no wheel for this machine")
    command = [sys.executable, FUZZER, "60", tmp_path, "2000"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert ended.returncode == 0, ended.stdout[-8_000:] + ended.stderr[-2_000:]
    assert "0 findings" in ended.stdout
