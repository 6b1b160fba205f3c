"""Where the tests find a real vLLM."""

from __future__ import annotations

import os
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rlvr" / "vllm-0.32.0"
"""Where `.ci/vllm` installs it."""


def find_python() -> Path | None:
    """The interpreter of an environment with vLLM: RLVR_TEST_VLLM names its folder, else it is the cache's."""
    folder = Path(os.environ.get("RLVR_TEST_VLLM") or CACHE)
    python = folder / "bin" / "python"
    return python if python.is_file() else None
