"""A policy version as a folder: read, checked, and put in the place of the version before.

A version of the model that is already held is read as bare tensors and copied into its parameters, some ten times
faster for a small model than building another; any other folder is built by transformers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from rlvr.sampler.engine import PolicyLoadFailed
from rlvr.sampler.engines.transformers.adapter import CONFIG_NAME, read_adapter
from rlvr.sampler.engines.transformers.kv import ROW_ATTENTION
from rlvr.sampler.engines.transformers.proof import prove_decoding

transformers_logging.disable_progress_bar()

_ATTENTION_KINDS = {"full_attention", "sliding_attention"}


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model that can be sampled from."""

    model: Any
    tokenizer: Any
    stop_ids: list[int]
    """End-of-sequence tokens."""
    context_length: int
    """Most tokens, prompt and completion together, that a row may have."""
    config: bytes
    """config.json as it was read: versions that share it share their architecture."""


@dataclass(frozen=True, slots=True, eq=False)
class NewWeights:
    """Tensors for the parameters of a model that is already held, by state-dict name."""

    tensors: dict[str, Tensor]

    def copy_into(self, model: Any) -> None:
        parameters = model.state_dict()
        for name, tensor in self.tensors.items():
            parameters[name].copy_(tensor)


def read_version(folder: str, held: LoadedModel | None, device: str, dtype: torch.dtype) -> LoadedModel | NewWeights:
    """Read and check a folder; `held` is the model whose parameters may be reused.

    Raises:
        PolicyLoadFailed: it is missing, damaged, or not a causal language model that this engine can run.
    """
    path = Path(folder)
    try:
        if (path / CONFIG_NAME).is_file():
            adapter = read_adapter(path)
            loaded = _read_weights(adapter.base, held, device, dtype)
            if isinstance(loaded, LoadedModel):
                tensors = adapter.merged_into(loaded.model.state_dict())
                _check_finite(folder, tensors)
                NewWeights(tensors).copy_into(loaded.model)
                return loaded
            tensors = adapter.merged_into(loaded.tensors)
        else:
            loaded = _read_weights(path, held, device, dtype)
            if isinstance(loaded, LoadedModel):
                return loaded
            tensors = loaded.tensors
    except PolicyLoadFailed:
        raise
    except Exception as failure:
        # Whatever a damaged file or an unusual architecture makes transformers raise.
        raise PolicyLoadFailed(f"{folder} cannot be loaded: {failure}") from failure
    _check_finite(folder, tensors)
    return NewWeights(tensors)


def _read_weights(path: Path, held: LoadedModel | None, device: str, dtype: torch.dtype) -> LoadedModel | NewWeights:
    """A folder of full weights."""
    if not (path / "config.json").is_file():
        raise PolicyLoadFailed(f"{path} has no config.json: give a Hugging Face model folder")
    config = (path / "config.json").read_bytes()
    if held is None or held.config != config:
        return _build(path, config, device, dtype)
    tensors = _read_tensors(path)
    if not _fits(tensors, held.model):
        # The architecture's files name their tensors otherwise than its modules do; transformers translates.
        tensors = _build(path, config, device, dtype).model.state_dict()
    return NewWeights(tensors)


def _read_tensors(path: Path) -> dict[str, Tensor]:
    index = path / "model.safetensors.index.json"
    names = ["model.safetensors"]
    if index.is_file():
        names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    tensors: dict[str, Tensor] = {}
    for name in names:
        tensors.update(load_file(path / name))
    return tensors


def _fits(tensors: dict[str, Tensor], model: Any) -> bool:
    """True when the tensors are exactly the model's parameters; tied ones may be left out."""
    expected = model.state_dict()
    missing = expected.keys() - tensors.keys()
    return missing <= set(model.all_tied_weights_keys) and all(
        name in expected and expected[name].shape == tensor.shape for name, tensor in tensors.items()
    )


def _build(path: Path, config: bytes, device: str, dtype: torch.dtype) -> LoadedModel:
    model, info = AutoModelForCausalLM.from_pretrained(
        path, dtype=dtype, local_files_only=True, output_loading_info=True
    )
    if info["missing_keys"]:
        # transformers would sample from freshly drawn random values in their place.
        raise PolicyLoadFailed(f"{path} lacks weights: {', '.join(sorted(info['missing_keys'])[:5])}")
    _check_finite(str(path), dict(model.named_parameters()))
    model = model.to(device).eval()
    kinds = set(getattr(model.config, "layer_types", None) or ()) - _ATTENTION_KINDS
    if kinds:
        raise PolicyLoadFailed(f"{path} has layers of kind {', '.join(sorted(kinds))}: only attention is supported")
    if model.device.type == "cpu" and dtype == torch.float32 and model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(ROW_ATTENTION)
    prove_decoding(model, str(path))
    tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
    stop_ids = _stop_ids(model, tokenizer)
    if not stop_ids:
        raise PolicyLoadFailed(f"{path} names no end-of-sequence token: set eos_token_id in config.json")
    return LoadedModel(model, tokenizer, stop_ids, _context_length(model.config), config)


def _stop_ids(model: Any, tokenizer: Any) -> list[int]:
    found: set[int] = set()
    for ids in (model.generation_config.eos_token_id, model.config.eos_token_id, tokenizer.eos_token_id):
        if ids is not None:
            found.update(ids if isinstance(ids, list) else [ids])
    return sorted(found)


def _context_length(config: Any) -> int:
    """Positions that the model knows; within a sliding window, where that is full attention."""
    window = getattr(config, "sliding_window", None)
    slides = "sliding_attention" in (getattr(config, "layer_types", None) or ["sliding_attention"])
    return min(config.max_position_embeddings, window) if window and slides else config.max_position_embeddings


def _check_finite(folder: str, tensors: dict[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise PolicyLoadFailed(f"{folder} holds NaN or infinity in {name}: the policy has diverged")
