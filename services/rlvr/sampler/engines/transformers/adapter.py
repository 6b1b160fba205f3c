"""A policy version that is an adapter: merged into its base's weights, W + B·A·alpha/r, before it is sampled from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from rlvr.sampler.engine import PolicyLoadFailed

CONFIG_NAME = "adapter_config.json"
_PREFIX = "base_model.model."
_PLAIN = {
    "peft_type": "LORA",
    "bias": "none",
    "fan_in_fan_out": False,
    "use_dora": False,
    "use_rslora": False,
    "rank_pattern": {},
    "alpha_pattern": {},
    "modules_to_save": None,
}
"""What an adapter's configuration must say, where it says anything, for the formula to be all there is to it."""


@dataclass(frozen=True, slots=True, eq=False)
class LoraWeights:
    """A low-rank adapter in peft's folder format."""

    folder: Path
    base: Path
    """The folder of the weights that it was trained beside."""
    scale: float
    pairs: dict[str, tuple[Tensor, Tensor]]
    """Name of the weight that it changes -> A [r, in] and B [out, r]."""

    def merged_into(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The base's weights with the adapter in them.

        Raises:
            PolicyLoadFailed: the adapter belongs to another model.
        """
        merged = dict(weights)
        for name, (a, b) in self.pairs.items():
            weight = weights.get(name)
            if weight is None or weight.shape != (b.shape[0], a.shape[1]):
                raise PolicyLoadFailed(f"{self.folder}: the adapter's {name} does not fit its base {self.base}")
            merged[name] = (weight.float() + self.scale * (b.float() @ a.float())).to(weight.dtype)
        return merged


def read_adapter(folder: Path) -> LoraWeights:
    """Read a folder with `adapter_config.json`.

    Raises:
        PolicyLoadFailed: it is of a kind that this engine cannot merge.
    """
    config = json.loads((folder / CONFIG_NAME).read_bytes())
    odd = [name for name, plain in _PLAIN.items() if config.get(name, plain) != plain]
    if odd:
        raise PolicyLoadFailed(f"{folder}: {CONFIG_NAME} has {odd[0]} {config[odd[0]]!r}: only plain LoRA is supported")
    tensors = load_file(folder / "adapter_model.safetensors")
    ends = (".lora_A.weight", ".lora_B.weight")
    strange = sorted(name for name in tensors if not (name.startswith(_PREFIX) and name.endswith(ends)))
    if strange:
        raise PolicyLoadFailed(f"{folder}: the adapter holds {strange[0]}: only plain LoRA is supported")
    layers = {name.removeprefix(_PREFIX).rpartition(".lora_")[0] for name in tensors}
    pairs = {f"{layer}.weight": tuple(tensors[_PREFIX + layer + end] for end in ends) for layer in layers}
    return LoraWeights(
        folder,
        Path(config["base_model_name_or_path"]),
        config["lora_alpha"] / config["r"],
        {name: (a, b) for name, (a, b) in pairs.items()},
    )
