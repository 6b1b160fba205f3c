"""A tiny Llama with random weights and a tokenizer of its own, written as a Hugging Face folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CHARACTERS = "0123456789+-=? abcdefghijklmnop"

WritePolicy = Callable[..., Path]


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer()


def build_tokenizer() -> PreTrainedTokenizerFast:
    """One token per character, after <pad> (0), <eos> (1) and <unk> (2)."""
    vocabulary = {token: i for i, token in enumerate(["<pad>", "<eos>", "<unk>", *CHARACTERS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<pad>", unk_token="<unk>")


def build_model(seed: int, **overrides: int | bool) -> LlamaForCausalLM:
    shape = {
        "vocab_size": 3 + len(CHARACTERS),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": 1,
        "pad_token_id": 0,
        # Large enough that the distribution over tokens is far from flat.
        "initializer_range": 0.3,
    }
    torch.manual_seed(seed)
    return LlamaForCausalLM(LlamaConfig(**{**shape, **overrides})).eval()


@pytest.fixture(scope="session")
def write_policy(tmp_path_factory: pytest.TempPathFactory) -> WritePolicy:
    """Write a policy folder with weights drawn from a seed."""

    def write(seed: int = 0, **overrides: int | bool) -> Path:
        folder = tmp_path_factory.mktemp("policy")
        build_model(seed, **overrides).save_pretrained(folder)
        build_tokenizer().save_pretrained(folder)
        return folder

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
    folder = Path(shutil.copytree(policy_v1, tmp_path / "damaged"))
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    return folder
