"""Checkpoints: all that a run needs to go on as if it had never stopped.

    <root>/step-00000012/
        model.safetensors   what is trained: all weights, or an adapter's
        optimizer.pt        AdamW's moments and torch's random number generators
        state.json          step, updates made, the last step's record, Python's generator
        manifest.json       size and sha256 of the others

A checkpoint is written beside its name and renamed, and is loaded only when it matches its manifest.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from rlvr.core.manifest import MANIFEST_NAME, InvalidManifest, describe_folder, verify_manifest
from rlvr.core.telemetry import get_logger
from rlvr.trainer.files import commit_folder, remove_leftovers, staging_folder
from rlvr.trainer.step import Learner

log = get_logger("checkpoint")

_STEP_FOLDER = re.compile(r"step-(\d{8,})")


class CheckpointMismatch(RuntimeError):
    """The checkpoint is sound but belongs to another model or optimizer."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is."""

    step: int
    """Steps done, which is also the version of the policy."""
    record: dict[str, Any] = field(default_factory=dict)
    """What is to be reported of the last step, as JSON: it may not have been when this was written."""


def save(root: Path, learner: Learner, progress: Progress, *, keep: int = 2) -> Path:
    """Write the checkpoint of a step, then delete all but the newest `keep`; returns its folder.

    Raises:
        OSError: the disk is full or not writable. Earlier checkpoints stand.
    """
    target = root / f"step-{progress.step:08d}"
    with staging_folder(root) as folder:
        save_file(
            {name: parameter.detach().contiguous() for name, parameter in _trained(learner).items()},
            folder / "model.safetensors",
        )
        torch.save(
            {
                "optimizer": learner.optimizer.state_dict(),
                "torch_rng": torch.get_rng_state(),
                "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            },
            folder / "optimizer.pt",
        )
        state = {
            "progress": asdict(progress),
            "num_updates": learner.num_updates,
            "python_rng": random.getstate(),
        }
        (folder / "state.json").write_text(json.dumps(state))
        manifest = describe_folder(folder, progress.step)
        (folder / MANIFEST_NAME).write_bytes(manifest.to_bytes())
        commit_folder(folder, target)
    for old in _folders(root)[keep:]:
        shutil.rmtree(old)
    return target


def load_newest(root: Path, learner: Learner, *, at_most: int | None = None) -> Progress | None:
    """Put the newest sound checkpoint into the learner and the random number generators.

    One that does not match its manifest is passed over, with a warning. Returns None when there is none.

    Args:
        at_most: pass over those of later steps.

    Raises:
        CheckpointMismatch: it belongs to another model.
    """
    remove_leftovers(root)
    for folder in _folders(root):
        if at_most is not None and _step_of(folder) > at_most:
            log.warning("checkpoint is of a later step and not used", folder=str(folder), at_most=at_most)
            continue
        try:
            verify_manifest(str(folder))
        except InvalidManifest as failure:
            log.warning("checkpoint is damaged and not used", folder=str(folder), error=str(failure))
            continue
        return _load(folder, learner)
    return None


def fallback_step(root: Path, *, keep: int) -> int:
    """The step that a run goes back to at worst, when all its checkpoints but the oldest of `keep` are damaged: 0,
    the initial weights, while there are fewer."""
    folders = _folders(root)
    return _step_of(folders[keep - 1]) if len(folders) >= keep else 0


def _load(folder: Path, learner: Learner) -> Progress:
    state = json.loads((folder / "state.json").read_text())
    try:
        _put_weights(learner, load_file(folder / "model.safetensors"))
        saved: dict[str, Any] = torch.load(folder / "optimizer.pt", weights_only=True)
        learner.optimizer.load_state_dict(saved["optimizer"])
    except (RuntimeError, ValueError) as failure:
        raise CheckpointMismatch(f"{folder} does not fit this run's model: {failure}") from failure
    learner.num_updates = state["num_updates"]
    torch.set_rng_state(saved["torch_rng"])
    if saved["cuda_rng"]:
        torch.cuda.set_rng_state_all(saved["cuda_rng"])
    version, internal, gauss_next = state["python_rng"]
    random.setstate((version, tuple(internal), gauss_next))
    progress = state["progress"]
    return Progress(progress["step"], progress["record"])


def _trained(learner: Learner) -> dict[str, torch.nn.Parameter]:
    """By name; a tied one once."""
    return {name: p for name, p in learner.model.named_parameters() if p.requires_grad}


@torch.no_grad()
def _put_weights(learner: Learner, tensors: dict[str, torch.Tensor]) -> None:
    parameters = _trained(learner)
    if differing := sorted(parameters.keys() ^ tensors.keys()):
        raise ValueError(f"{differing[0]} is in one of them only")
    for name, parameter in parameters.items():
        if parameter.shape != tensors[name].shape:
            raise ValueError(f"{name} has shape {tuple(tensors[name].shape)}, not {tuple(parameter.shape)}")
    for name, parameter in parameters.items():
        parameter.copy_(tensors[name])


def _folders(root: Path) -> list[Path]:
    """Checkpoint folders, newest first."""
    folders: Iterable[Path] = root.iterdir() if root.is_dir() else ()
    return sorted((f for f in folders if _STEP_FOLDER.fullmatch(f.name)), key=_step_of, reverse=True)


def _step_of(folder: Path) -> int:
    return int(folder.name.partition("-")[2])
