"""Tiny Llamas with random weights and a tokenizer of their own, written as Hugging Face folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CHARACTERS = "0123456789+-=? abcdefghijklmnop"


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


def write_policy(folder: Path, seed: int = 0, **overrides: int | bool) -> Path:
    """A policy folder with weights drawn from a seed."""
    build_model(seed, **overrides).save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    return folder


def with_tensor(policy: Path, folder: Path, name: str, value: float | None) -> Path:
    """A copy with a tensor set to a value, or left out."""
    shutil.copytree(policy, folder)
    tensors = load_file(folder / "model.safetensors")
    if value is None:
        del tensors[name]
    else:
        tensors[name][:] = value
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def that_never_stops(policy: Path, folder: Path) -> Path:
    """A copy that does not end a completion when it is decoded greedily: the end's logit is always 0."""
    shutil.copytree(policy, folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.embed_tokens.weight"][1] = 0
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def cut_short(policy: Path, folder: Path) -> Path:
    """A copy whose weights file ends in its middle."""
    shutil.copytree(policy, folder)
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    return folder


@torch.inference_mode()
def logprobs(policy: Path, prompt_ids: list[int], completion_ids: list[int], temperature: float = 1.0) -> list[float]:
    """What a plain forward of the policy gives for a completion's tokens, as a trainer computes it."""
    model = LlamaForCausalLM.from_pretrained(policy, dtype=torch.float32)
    ids = torch.tensor([[*prompt_ids, *completion_ids]])
    logits = model(input_ids=ids, use_cache=False).logits[0, len(prompt_ids) - 1 : -1].float() / temperature
    drawn = torch.tensor(completion_ids)[:, None]
    return torch.log_softmax(logits, dim=-1).gather(1, drawn)[:, 0].tolist()


def write_adapter(base: Path, folder: Path, seed: int, rank: int = 4) -> tuple[Path, Path]:
    """A LoRA adapter of a policy as peft writes it, and the same policy as full weights: W + alpha/r * B A."""
    torch.manual_seed(seed)
    adapter, merged = folder / f"adapter-{seed}", folder / f"merged-{seed}"
    shutil.copytree(base, merged)
    weights = load_file(base / "model.safetensors")
    tensors = {}
    for name in [name for name in weights if name.endswith(("q_proj.weight", "v_proj.weight"))]:
        rows, columns = weights[name].shape
        down, up = torch.randn(rank, columns) * 0.3, torch.randn(rows, rank) * 0.3
        module = "base_model.model." + name.removesuffix(".weight")
        tensors |= {f"{module}.lora_A.weight": down, f"{module}.lora_B.weight": up}
        weights[name] = weights[name] + 2 * up @ down
    adapter.mkdir()
    save_file(tensors, adapter / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": str(base),
        "r": rank,
        "lora_alpha": 2 * rank,
        "target_modules": ["q_proj", "v_proj"],
    }
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    save_file(weights, merged / "model.safetensors", metadata={"format": "pt"})
    return adapter, merged
