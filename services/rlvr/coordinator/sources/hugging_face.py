"""Problems from a Hugging Face data set: a hub name, a folder of data files, or one made by `save_to_disk`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rlvr.coordinator.sources.source import make_problem, refuse
from rlvr.core.run_spec import HuggingFaceSource
from rlvr.v1 import common_pb2


class HuggingFace:
    """A split of a data set, memory-mapped. A gold answer is text or a number; or an object, which then is the
    verifier's whole spec."""

    def __init__(self, settings: HuggingFaceSource) -> None:
        self._settings = settings
        self._rows = _load(settings)
        for field in ("prompt_column", "answer_column"):
            name = getattr(settings, field)
            if name not in self._rows.column_names:
                refuse(field, f"there is no column {name!r}; there are {', '.join(self._rows.column_names)}")

    def __len__(self) -> int:
        return len(self._rows)

    def problem(self, index: int) -> common_pb2.Problem:
        settings = self._settings
        row = self._rows[index]
        problem_id = f"{Path(settings.path).name}/{settings.split}/{index}"
        answer = row[settings.answer_column]
        if isinstance(answer, dict):
            spec = answer
        elif settings.verifier != "math":
            refuse(
                "answer_column",
                f"{problem_id}: verifier {settings.verifier!r} takes its spec from it, as an object; it is {answer!r}",
            )
        elif isinstance(answer, str | int | float) and not isinstance(answer, bool) and answer != "":
            spec = {"answer": str(answer)}
        else:
            refuse("answer_column", f"{problem_id}: the gold answer is {answer!r}; must be text or a number")
        return make_problem("prompt_column", problem_id, row[settings.prompt_column], settings.verifier, spec)


def _load(settings: HuggingFaceSource) -> Any:
    import datasets
    from datasets.exceptions import DatasetsError

    datasets.disable_progress_bars()
    folder = Path(settings.path)
    try:
        if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
            saved = datasets.load_from_disk(settings.path)
            if not isinstance(saved, datasets.DatasetDict):
                return saved
            if settings.split not in saved:
                refuse("split", f"there is no split {settings.split!r}; there are {', '.join(saved)}")
            return saved[settings.split]
        return datasets.load_dataset(settings.path, split=settings.split)
    except (DatasetsError, OSError, ValueError) as failure:
        refuse("path", f"data set {settings.path!r}, split {settings.split!r}, cannot be loaded: {failure}")
