"""Problems that reasoning-gym generates: item `index` depends on the seed and the index alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from rlvr.coordinator.sources.source import make_problem, refuse
from rlvr.core.run_spec import ReasoningGymSource
from rlvr.v1 import common_pb2

_PUZZLES: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "countdown": ("countdown", lambda facts: {"numbers": facts["numbers"], "target": facts["target"]}),
    "sudoku": ("sudoku", lambda facts: {"grid": facts["puzzle"]}),
    "mini_sudoku": ("sudoku", lambda facts: {"grid": facts["puzzle"]}),
}
"""Data set -> the puzzle that checks it by its rules, and that puzzle's instance from an item's metadata."""


class Gym:
    """A reasoning-gym data set. Its own scorers are not used: a verifier checks the answers."""

    def __init__(self, settings: ReasoningGymSource) -> None:
        if settings.verifier not in ("math", "puzzle"):
            refuse("verifier", f"{settings.verifier!r} cannot score reasoning-gym problems; use math or puzzle")
        if settings.verifier == "puzzle" and settings.name not in _PUZZLES:
            known = ", ".join(sorted(_PUZZLES))
            refuse("verifier", f"puzzle has no rules for {settings.name!r}, only for {known}; use math")
        self._settings = settings
        self._items = _create(settings)

    def __len__(self) -> int:
        return self._settings.size

    def problem(self, index: int) -> common_pb2.Problem:
        settings = self._settings
        problem_id = f"{settings.name}/{settings.seed}/{index}"
        try:
            item = self._items[index]
        except Exception as failure:  # noqa: BLE001 - some generator among a hundred raised: the config's fault
            refuse("config", f"{problem_id} cannot be generated: {type(failure).__name__}: {failure}")
        if settings.verifier == "puzzle":
            puzzle, instance = _PUZZLES[settings.name]
            spec = {"puzzle": puzzle, "instance": instance(item["metadata"])}
        else:
            spec = {"answer": str(item["answer"])}
        return make_problem("name", problem_id, item["question"], settings.verifier, spec)


def _create(settings: ReasoningGymSource) -> Any:
    with warnings.catch_warnings():
        # A dependency of reasoning-gym compares with `is "..."`.
        warnings.simplefilter("ignore", SyntaxWarning)
        import reasoning_gym
        from reasoning_gym.factory import DATASETS
    if settings.name not in DATASETS:
        refuse("name", f"reasoning-gym has no data set {settings.name!r}; it has {', '.join(sorted(DATASETS))}")
    try:
        return reasoning_gym.create_dataset(
            settings.name, **{**settings.config, "seed": settings.seed, "size": settings.size}
        )
    except (TypeError, ValueError, AssertionError) as failure:
        refuse("config", f"{settings.name} does not take it: {failure}")
