"""A whole platform for end-to-end tests: `rlvr up` in a folder of its own, on free ports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from launched import RunningPlatform, StartPlatform, wait_until
from rlvr.embedded import child, platform_file
from rlvr.embedded.ports import free_ports


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starting a platform is a part of the first test that needs it, and takes its time where cores are shared."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="module")
def start_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartPlatform]:
    """Starts platforms; `env` adds settings. Those that still run at the end of the module are stopped."""
    with starting(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """A running platform for all tests that leave it as healthy as it was; those that do not start one of their own."""
    with starting(tmp_path_factory) as start:
        yield start()


@contextmanager
def starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartPlatform]:
    """Starts platforms, and in the end stops those that still run."""
    started: list[RunningPlatform] = []

    def start(**env: str) -> RunningPlatform:
        home = tmp_path_factory.mktemp("platform")
        [port] = free_ports(1)
        clean = {key: value for key, value in os.environ.items() if not key.startswith("RLVR_")}
        launcher = subprocess.Popen(
            # It dies with this process, which is not always let clean up.
            child.command(
                [sys.executable, "-m", "rlvr.cli", "up", "--quiet", "--home", str(home), "--port", str(port)]
            ),
            env={**clean, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        platform = RunningPlatform(home, launcher)
        started.append(platform)
        wait_until(
            lambda: platform_file.path_in(home).exists() or launcher.poll() is not None, "the platform is ready", 240
        )
        assert launcher.poll() is None, launcher.communicate()[0]
        return platform

    yield start
    for platform in started:
        if platform.launcher.poll() is None:
            platform.launcher.terminate()
    for platform in started:
        try:
            platform.launcher.wait(60)
        except subprocess.TimeoutExpired:
            platform.launcher.kill()
            platform.launcher.wait()


@pytest.fixture(scope="session")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real model folder with random weights: what matters here is the flow, not what it learns."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from rlvr.trainer.tokenizer import build_tokenizer

    folder = tmp_path_factory.mktemp("policy") / "random"
    tokenizer = build_tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=128,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def problems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Problems that even a random policy gets right now and then, so that groups differ within."""
    file = tmp_path_factory.mktemp("problems") / "problems.jsonl"
    with file.open("w") as lines:
        for n in range(40):
            # Any completion that mentions a digit: some do, some do not.
            problem = {"prompt": f"{n % 10} + {n % 7} =", "verifier": "format", "spec": {"pattern": ".*[0-4].*"}}
            lines.write(json.dumps(problem) + "\n")
    return file
