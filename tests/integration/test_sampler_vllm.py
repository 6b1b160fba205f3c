"""The vLLM engine on a real CPU vLLM server, one for the whole module: it takes a minute to start.

The tests run in order and in one event loop; the last ones kill the server.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

import tiny_policies
from engine_contract import (
    ANY_ENGINE,
    ENGINE_WITH_A_MODEL,
    Check,
    Subject,
    a_long_request,
    request,
    until,
)
from rlvr.core.policy import PolicySpan
from rlvr.sampler.engine import EngineState
from rlvr.sampler.engines.vllm.engine import VllmEngine
from rlvr.sampler.engines.vllm.server import OwnServer
from rlvr.sampler.engines.vllm.settings import VllmSettings
from vllm_venv import find_python

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

# The smallest heads that the CPU kernels know.
SHAPE = {"hidden_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1}


@pytest.fixture(scope="module")
def settings() -> VllmSettings:
    python = find_python()
    if python is None:
        pytest.skip("there is no vLLM here: install it with `.ci/vllm`, or name its environment in RLVR_TEST_VLLM")
    return VllmSettings(
        python=str(python),
        max_num_seqs=16,
        max_running_tokens=2048,
        block_size=32,
        kv_cache_gb=0.1,
        enforce_eager=True,
        stop_grace_s=5,
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    yield [tiny_policies.write_policy(tmp_path_factory.mktemp(f"v{seed}"), seed, **SHAPE) for seed in (0, 1)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(settings: VllmSettings) -> OwnServer:
    return OwnServer(settings, device="cpu")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(settings: VllmSettings, server: OwnServer) -> AsyncIterator[VllmEngine]:
    engine = VllmEngine(settings, server)
    yield engine
    await engine.close()


@pytest.fixture
def subject(engine: VllmEngine, settings: VllmSettings, folders: list[Path], tmp_path: Path) -> Subject:
    def fresh() -> VllmEngine:
        return VllmEngine(settings, OwnServer(settings, device="cpu"))

    return Subject(engine, fresh, folders[0], folders[1], tmp_path)


@pytest.mark.parametrize("check", [*ANY_ENGINE, *ENGINE_WITH_A_MODEL], ids=lambda check: check.__name__)
async def test_the_vllm_engine(check: Check, subject: Subject) -> None:
    await check(subject)
