"""Where the tests find a real vLLM and a real model; `.ci/vllm` installs both."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rlvr"


def vllm_python() -> Path:
    """The interpreter of an environment with vLLM: RLVR_TEST_VLLM names its folder, else it is the cache's. Skips."""
    python = Path(os.environ.get("RLVR_TEST_VLLM") or _CACHE / "vllm-0.32.0") / "bin" / "python"
    if not python.is_file():
        pytest.skip("there is no vLLM here: install it with `.ci/vllm`, or name its environment in RLVR_TEST_VLLM")
    return python


def smollm2() -> Path:
    """The folder of SmolLM2-135M-Instruct: RLVR_TEST_SMOLLM2, else the cache's. Skips."""
    folder = Path(os.environ.get("RLVR_TEST_SMOLLM2") or _CACHE / "SmolLM2-135M-Instruct")
    if not (folder / "model.safetensors").is_file():
        pytest.skip("SmolLM2 is not here: get it with `.ci/vllm`, or name its folder in RLVR_TEST_SMOLLM2")
    return folder
