"""A few seconds of the fuzzer in every test run: it starts, covers the verifier, and finds nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

FUZZER = Path(__file__).resolve().parents[2] / "fuzz" / "fuzz_math.py"


def test_some_seconds_of_fuzzing_find_nothing(tmp_path: Path) -> None:
    if find_spec("atheris") is None:
        pytest.skip("atheris has no wheel for this machine")
    ended = subprocess.run([sys.executable, FUZZER, "5", tmp_path], capture_output=True, text=True, timeout=100)
    assert ended.returncode == 0, ended.stdout[-8_000:] + ended.stderr[-2_000:]
    assert "0 findings" in ended.stdout
