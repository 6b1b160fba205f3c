"""The fake and the transformers engine do what every engine must do. (tests/integration has the vLLM engine.)"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine_contract import ANY_ENGINE, ENGINE_WITH_A_MODEL, Check, HeldUp, Subject, closing_fails_what_is_being_sampled
from rlvr.sampler.engines.fake import FakeEngine
from rlvr.sampler.engines.transformers.engine import TransformersEngine


@pytest.fixture
async def fake(policy_v0: Path, policy_v1: Path, tmp_path: Path) -> AsyncIterator[Subject]:
    engine = FakeEngine()

    @asynccontextmanager
    async def held_up() -> AsyncIterator[None]:
        engine.may_finish.clear()
        try:
            yield
        finally:
            engine.may_finish.set()

    yield Subject(engine, FakeEngine, policy_v0, policy_v1, tmp_path, held_up)
    await engine.close()


@pytest.fixture
async def transformers(policy_v0: Path, policy_v1: Path, tmp_path: Path, held_up: HeldUp) -> AsyncIterator[Subject]:
    engine = TransformersEngine(max_rows=16, max_cells=2048)
    yield Subject(engine, TransformersEngine, policy_v0, policy_v1, tmp_path, held_up)
    await engine.close()


@pytest.mark.parametrize("check", [*ANY_ENGINE, closing_fails_what_is_being_sampled], ids=lambda check: check.__name__)
async def test_the_fake_engine(check: Check, fake: Subject) -> None:
    await check(fake)


@pytest.mark.parametrize(
    "check", [*ANY_ENGINE, *ENGINE_WITH_A_MODEL, closing_fails_what_is_being_sampled], ids=lambda check: check.__name__
)
async def test_the_transformers_engine(check: Check, transformers: Subject) -> None:
    await check(transformers)
