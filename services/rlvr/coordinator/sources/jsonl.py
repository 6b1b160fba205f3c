"""Problems from a JSONL file: {"prompt": text or messages, "verifier": ..., "spec": {...}} a line."""

from __future__ import annotations

import json
import os
from array import array
from pathlib import Path
from typing import Any

from rlvr.coordinator.sources.source import make_problem, refuse
from rlvr.core.run_spec import JsonlSource
from rlvr.v1 import common_pb2


class Jsonl:
    """Every line is checked once, when the file is opened; memory holds the lines' places, not the lines."""

    def __init__(self, settings: JsonlSource) -> None:
        self._path = Path(settings.path)
        self._verifier = settings.verifier
        self._starts = array("Q")
        self._lengths = array("Q")
        self._numbers = array("Q")
        try:
            self._file = self._path.open("rb")
        except OSError as failure:
            refuse("path", f"{settings.path} cannot be read on the coordinator's machine: {failure.strerror}")
        start = 0
        for number, line in enumerate(self._file, 1):
            if line.strip():
                self._parse(line, number)
                self._starts.append(start)
                self._lengths.append(len(line))
                self._numbers.append(number)
            start += len(line)

    def __len__(self) -> int:
        return len(self._starts)

    def problem(self, index: int) -> common_pb2.Problem:
        # A read at a place, not at the file's own: several threads may read at once.
        line = os.pread(self._file.fileno(), self._lengths[index], self._starts[index])
        return self._parse(line, self._numbers[index])

    def _parse(self, line: bytes, number: int) -> common_pb2.Problem:
        where = f"{self._path.name}:{number}"
        try:
            row: Any = json.loads(line)
        except ValueError as failure:
            refuse("path", f"{where} is not JSON: {failure}")
        if not isinstance(row, dict) or not {"prompt", "spec"} <= row.keys():
            refuse("path", f'{where} must be an object with "prompt" and "spec"')
        return make_problem("path", where, row["prompt"], row.get("verifier", self._verifier), row["spec"])
