"""A low-rank adapter beside frozen weights (LoRA, arXiv:2106.09685), made by peft and kept in peft's folder format."""

from __future__ import annotations

import json
from pathlib import Path

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from safetensors.torch import save_file
from torch import nn
from transformers import PreTrainedModel

from rlvr.core.run_spec import Lora

_NAME = "default"


class NoSuchLayers(ValueError):
    """What is to get an adapter are not linear layers of the model's body."""


class Adapter:
    """The adapter of a model: put into it in place, with the rest of the model frozen. It changes nothing until it is
    trained."""

    def __init__(self, model: PreTrainedModel, settings: Lora, *, base: str) -> None:
        """
        Args:
            base: where the frozen weights are; written down for whoever loads the adapter.

        Raises:
            NoSuchLayers: a name in `settings.target_modules` is that of no linear layer, or of the output head.
        """
        self._model = model
        self._config = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            target_modules=_layers(model, settings.target_modules),
            # Dropout would make the start-of-step policy differ from the one being moved.
            lora_dropout=0.0,
            task_type="CAUSAL_LM",
            base_model_name_or_path=base,
            inference_mode=True,
        )
        inject_adapter_in_model(self._config, model, adapter_name=_NAME)
        model.requires_grad_(False)
        for parameter in self._parameters().values():
            parameter.requires_grad_(True)

    def save(self, folder: Path) -> None:
        """Write `adapter_model.safetensors` and `adapter_config.json`, as peft and vLLM read them. Equal adapters give
        equal bytes."""
        tensors = {name: parameter.detach().contiguous() for name, parameter in self._parameters().items()}
        save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        fields = self._config.to_dict().items()
        document = {name: sorted(value) if isinstance(value, set) else value for name, value in fields}
        (folder / "adapter_config.json").write_text(json.dumps(document, indent=1, sort_keys=True))

    def _parameters(self) -> dict[str, nn.Parameter]:
        """By the name that peft gives them in a file."""
        found = {}
        for name, module in self._model.named_modules():
            if isinstance(module, LoraLayer):
                found[f"base_model.model.{name}.lora_A.weight"] = module.lora_A[_NAME].weight
                found[f"base_model.model.{name}.lora_B.weight"] = module.lora_B[_NAME].weight
        return found


def _layers(model: PreTrainedModel, wanted: list[str]) -> list[str]:
    """Ends of the names of the layers that get an adapter; all linear ones but the output head when none are named."""
    head = model.get_output_embeddings()
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear) and module is not head]
    if not linear:
        raise NoSuchLayers(f"training.lora: {type(model).__name__} has no linear layers")
    for end in wanted:
        if not any(f".{name}".endswith(f".{end}") for name in linear):
            known = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
            raise NoSuchLayers(f"training.lora.target_modules: no layer's name ends in {end!r}; there are {known}")
    return sorted(wanted) or sorted({name.rpartition(".")[2] for name in linear})
