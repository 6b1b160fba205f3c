"""Tiny policies, as folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

import tiny_policies

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
def damaged_policy(policy_v1: Path, tmp_path: Path) -> Path:
    """A policy whose weights file is cut short."""
    return tiny_policies.cut_short(policy_v1, tmp_path / "damaged")
