"""Tiny policies, as folders."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

import tiny_policies
from engine_contract import HeldUp
from rlvr.sampler.engines.transformers.decoder import Decoder

WritePolicy = Callable[..., Path]


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    return tiny_policies.build_tokenizer()


@pytest.fixture(scope="session")
def write_policy(tmp_path_factory: pytest.TempPathFactory) -> WritePolicy:
    """Write a policy folder with weights drawn from a seed."""

    def write(seed: int = 0, **overrides: int | bool) -> Path:
        return tiny_policies.write_policy(tmp_path_factory.mktemp("policy"), seed, **overrides)

    return write


@pytest.fixture(scope="session")
def policy_v0(write_policy: WritePolicy) -> Path:
    return write_policy(seed=0)


@pytest.fixture(scope="session")
def policy_v1(write_policy: WritePolicy) -> Path:
    return write_policy(seed=1)


@pytest.fixture
def held_up(monkeypatch: pytest.MonkeyPatch) -> HeldUp:
    """Within, the transformers engine does all that it does between two steps, and takes no step more once it has begun
    with a group: however slow the rest of the test is, the group is not complete."""
    held, step = threading.Event(), Decoder._step

    def go_round(decoder: Decoder) -> None:
        if held.is_set() and decoder.running:
            time.sleep(0.001)
        else:
            step(decoder)

    monkeypatch.setattr(Decoder, "_step", go_round)

    @asynccontextmanager
    async def hold() -> AsyncIterator[None]:
        held.set()
        try:
            yield
        finally:
            held.clear()

    return hold


@pytest.fixture
def damaged_policy(policy_v1: Path, tmp_path: Path) -> Path:
    """A policy whose weights file is cut short."""
    return tiny_policies.cut_short(policy_v1, tmp_path / "damaged")
