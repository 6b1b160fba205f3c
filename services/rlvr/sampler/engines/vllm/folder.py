"""What must be known of a policy's folder before its weights are given to a server that cannot take them back.

A vLLM server that is told to read weights which are not there, not whole or of another shape loses those that it
has, and ends. So the folder is looked at first: its config, the headers of its safetensors files, its tokenizer.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rlvr.core.manifest import MANIFEST_NAME
from rlvr.sampler.engine import PolicyLoadFailed

_NOT_ARCHITECTURE = {"transformers_version", "_name_or_path", "dtype", "torch_dtype", "use_cache"}
_HEADER_LIMIT = 100 << 20
"""Longest header that the safetensors format allows, bytes."""

INDEX_NAME = "model.safetensors.index.json"

Shapes = Mapping[str, tuple[int, ...]]
"""Tensor name -> shape."""


@dataclass(frozen=True, slots=True)
class PolicyFolder:
    """A folder that can be served."""

    path: str
    base: str
    """Folder of the model: `path` itself, or the base model of a LoRA adapter."""
    lora_rank: int
    """0 for full weights."""
    config: Mapping[str, Any]
    """The model's config.json, without what does not change its architecture."""
    shapes: Shapes
    """Of the tensors in `path`."""
    stop_ids: list[int]
    """End-of-sequence tokens."""
    tokenizer: Any
    tokenizer_digest: str
    """Of the files that it was made of."""

    def is_served_like(self, other: PolicyFolder) -> bool:
        """True when a server that runs `other` can run this one without a new start."""
        same_base = self.base == other.base or not (self.lora_rank or other.lora_rank)
        fits = self.lora_rank <= other.lora_rank and bool(self.lora_rank) == bool(other.lora_rank)
        return self.config == other.config and same_base and fits

    def check_replaces(self, other: PolicyFolder) -> None:
        """Refuse full weights whose tensors are not those of the version before: the server would keep old values
        for what is missing.

        Raises:
            PolicyLoadFailed: naming a tensor.
        """
        if self.lora_rank:
            return
        tied = {"lm_head.weight"} if self.config.get("tie_word_embeddings") else set()
        for name in sorted((self.shapes.keys() | other.shapes.keys()) - tied):
            if self.shapes.get(name) != other.shapes.get(name):
                raise PolicyLoadFailed(
                    f"{self.path}: tensor {name} is {_shape(self.shapes, name)}, but {_shape(other.shapes, name)} in "
                    "the version before, whose config.json is the same"
                )


def read_folder(path: str, lora_base: str = "", before: PolicyFolder | None = None) -> PolicyFolder:
    """Look at a folder. Blocking; reads no weights.

    Args:
        lora_base: where an adapter's base model is, when it is not where the adapter says.
        before: the version before, whose tokenizer is taken if its files are the same: to build one takes longer
            than all the rest.

    Raises:
        PolicyLoadFailed: it is missing, damaged, or neither a causal language model nor an adapter of one.
    """
    folder = Path(path)
    try:
        if (folder / "adapter_config.json").is_file():
            return _read_adapter(folder, lora_base, before)
        return _read_model(folder, before)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as failure:
        # Whatever a damaged file makes json, safetensors' layout or transformers raise.
        raise PolicyLoadFailed(f"{path} cannot be served: {failure}") from failure


def _read_model(folder: Path, before: PolicyFolder | None) -> PolicyFolder:
    if not (folder / "config.json").is_file():
        raise PolicyLoadFailed(f"{folder} has no config.json: give a Hugging Face model folder")
    config = json.loads((folder / "config.json").read_bytes())
    tokenizer, digest = _read_tokenizer(folder, before)
    stop_ids = _stop_ids(folder, config, tokenizer)
    if not stop_ids:
        raise PolicyLoadFailed(f"{folder} names no end-of-sequence token: set eos_token_id in config.json")
    architecture = {key: value for key, value in config.items() if key not in _NOT_ARCHITECTURE}
    shapes = _read_shapes(*_weight_files(folder))
    return PolicyFolder(str(folder), str(folder), 0, architecture, shapes, stop_ids, tokenizer, digest)


def _read_adapter(folder: Path, lora_base: str, before: PolicyFolder | None) -> PolicyFolder:
    adapter = json.loads((folder / "adapter_config.json").read_bytes())
    base = lora_base or adapter.get("base_model_name_or_path") or ""
    if not Path(base).is_dir():
        raise PolicyLoadFailed(
            f"{folder} is an adapter of {base!r}, which is not a folder here: set RLVR_SAMPLER__VLLM__LORA__BASE"
        )
    shapes = _read_shapes(folder / "adapter_model.safetensors")
    model = _read_model(Path(base), before)
    tokenizer, digest = model.tokenizer, model.tokenizer_digest
    if (folder / "tokenizer_config.json").is_file():
        tokenizer, digest = _read_tokenizer(folder, before)
    return PolicyFolder(str(folder), base, int(adapter["r"]), model.config, shapes, model.stop_ids, tokenizer, digest)


def _read_tokenizer(folder: Path, before: PolicyFolder | None) -> tuple[Any, str]:
    """The tokenizer, and the digest of every file that it may be made of."""
    from transformers import AutoTokenizer

    files = {}
    for path in folder.iterdir():
        if path.is_file() and path.suffix != ".safetensors" and path.name != MANIFEST_NAME:
            with path.open("rb") as file:
                files[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    if before is not None and before.tokenizer_digest == digest:
        return before.tokenizer, digest
    return AutoTokenizer.from_pretrained(folder, local_files_only=True), digest


def _stop_ids(folder: Path, config: Mapping[str, Any], tokenizer: Any) -> list[int]:
    generation = folder / "generation_config.json"
    named = [config.get("eos_token_id"), tokenizer.eos_token_id]
    if generation.is_file():
        named.append(json.loads(generation.read_bytes()).get("eos_token_id"))
    found: set[int] = set()
    for ids in named:
        if ids is not None:
            found.update(ids if isinstance(ids, list) else [ids])
    return sorted(found)


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor is."""

    path: Path
    dtype: str
    """As safetensors names it."""
    begin: int
    """In the file, bytes."""
    num_bytes: int

    def copy_to(self, file: BinaryIO) -> None:
        """Append its bytes to a file whose buffer is empty, within the kernel. Blocking.

        Raises:
            PolicyLoadFailed: the file has been cut short since it was looked at.
        """
        with self.path.open("rb") as source:
            copied = 0
            while copied < self.num_bytes:
                sent = os.sendfile(file.fileno(), source.fileno(), self.begin + copied, self.num_bytes - copied)
                if not sent:
                    raise PolicyLoadFailed(f"{self.path} was cut short while it was read")
                copied += sent


def find_tensor(folder: Path, name: str) -> StoredTensor:
    """Where a tensor of a policy's is. Blocking.

    Raises:
        KeyError: there is none of this name.
    """
    for path in _weight_files(folder):
        header, begin = _read_header(path)
        if name in header:
            first, last = header[name]["data_offsets"]
            return StoredTensor(path, header[name]["dtype"], begin + first, last - first)
    raise KeyError(name)


def _read_shapes(*paths: Path) -> Shapes:
    return {name: tuple(tensor["shape"]) for path in paths for name, tensor in _read_header(path)[0].items()}


def _weight_files(folder: Path) -> list[Path]:
    index = folder / INDEX_NAME
    if not index.is_file():
        return [folder / "model.safetensors"]
    return [folder / name for name in sorted(set(json.loads(index.read_bytes())["weight_map"].values()))]


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """What a safetensors file (https://github.com/huggingface/safetensors#format) says it has, and where its data
    begin; the file is long enough to have it.

    Raises:
        PolicyLoadFailed: it is cut short.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _HEADER_LIMIT:
            raise PolicyLoadFailed(f"{path} is not a safetensors file")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    begin = 8 + length
    expected = begin + max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
    actual = path.stat().st_size
    if actual != expected:
        raise PolicyLoadFailed(f"{path} is damaged: {actual} bytes, but its header says {expected}")
    return header, begin


def _shape(shapes: Shapes, name: str) -> str:
    return str(list(shapes[name])) if name in shapes else "missing"
