"""From a run's spec to a learner: initial weights, reference, device, seeds."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from rlvr.core.manifest import fetch_folder
from rlvr.core.run_spec import RunSpec
from rlvr.trainer.step import Learner
from rlvr.trainer.wire import to_recipe


class PolicyUnusable(RuntimeError):
    """The run's initial weights are not a causal language model with a tokenizer, or not one that takes the adapter."""


def make_learner(spec: RunSpec, *, device: str, cache: Path) -> tuple[Learner, PreTrainedTokenizerBase]:
    """Load the run's initial policy and seed the random number generators. Blocking.

    Args:
        device: `auto`, `cpu` or `cuda`.
        cache: where weights from a remote URL are put.

    Raises:
        PolicyUnusable: names the folder and why it cannot be used.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    random.seed(spec.training.seed)
    torch.manual_seed(spec.training.seed)
    try:
        folder = fetch_folder(spec.policy_path, cache)
        # No network: a name that is not a folder is a mistake, not something to download.
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = _load(folder, device)
        needs_reference = spec.training.kl_coefficient > 0 and spec.training.kl_target == "reference"
        reference = _load(folder, device) if needs_reference else None
    except (OSError, ValueError, ImportError) as failure:
        raise PolicyUnusable(f"policy_path {spec.policy_path}: {failure}") from failure
    adapter = None
    if spec.training.lora is not None:
        from rlvr.trainer.adapter import Adapter, NoSuchLayers  # peft takes a while to import

        try:
            adapter = Adapter(model, spec.training.lora, base=str(folder.absolute()))
        except NoSuchLayers as failure:
            raise PolicyUnusable(str(failure)) from None
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    learner = Learner(model, to_recipe(spec), pad_token_id=pad or 0, reference=reference, adapter=adapter)
    return learner, tokenizer


def _load(folder: Path, device: str) -> PreTrainedModel:
    # float32: AdamW's small steps would be lost in 16-bit weights.
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    return model.to(device)
