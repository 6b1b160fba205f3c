"""`rlvr verify`: post traces, print verdicts."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rlvr.cli.api import Gateway, Json
from rlvr.cli.failure import Failure

_BATCH = 1000
_COLOURS = {"correct": "green", "partial": "yellow", "incorrect": "red", "invalid": "magenta", "error": "magenta"}


def single_item(verifier: str, completion: str, spec: str | None) -> Json:
    """The trace that the options describe.

    Raises:
        Failure: the spec is missing or not a JSON object.
    """
    try:
        decoded = json.loads(spec or "")
    except ValueError:
        decoded = None
    if not isinstance(decoded, dict):
        raise Failure("""--spec must be a JSON object, for example '{"answer": "42"}'""", exit_code=2)
    return {"verifier": verifier, "completion": completion, "spec": decoded}


def read_items(path: Path) -> Iterator[Json]:
    """The traces of a JSONL file, or of standard input for `-`. Empty lines are left out.

    Raises:
        Failure: the file cannot be read, or a line is not a JSON object.
    """
    try:
        lines = sys.stdin if str(path) == "-" else path.open()
    except OSError as failure:
        raise Failure(f"{path} cannot be read: {failure.strerror}", exit_code=2) from None
    with lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                item = json.loads(line)
            except ValueError as failure:
                raise Failure(f"{path}, line {number} is not JSON: {failure}", exit_code=2) from None
            if not isinstance(item, dict):
                raise Failure(f"{path}, line {number} is not a JSON object", exit_code=2)
            yield item


def verify_items(gateway: Gateway, items: Iterable[Json], *, as_table: bool) -> None:
    """Post the traces in batches; print each batch's verdicts as they come (JSONL) or all at the end (table)."""
    verdicts: list[Json] = []
    for batch in _batches(items):
        answered = gateway.verify_batch(batch)
        if as_table:
            verdicts += answered
            continue
        for verdict in answered:
            sys.stdout.write(json.dumps(verdict) + "\n")
        sys.stdout.flush()
    if as_table:
        _print_table(verdicts)


def coloured(outcome: str) -> str:
    """The outcome in its colour, as rich markup."""
    return f"[{_COLOURS[outcome]}]{outcome}[/]"


def _print_table(verdicts: list[Json]) -> None:
    table = Table("trace", "verifier", "outcome", "reward", "reason", "extracted", "detail", box=None)
    for verdict in verdicts:
        table.add_row(
            Text(plain(verdict["trace_id"])),
            Text(plain(verdict["verifier"]["name"])),
            coloured(verdict["outcome"]),
            "-" if verdict.get("reward") is None else f"{verdict['reward']:g}",
            verdict["reason"],
            Text(plain(verdict["extracted"])),
            Text(plain(verdict["detail"])),
        )
    console = Console()
    console.print(table)
    counts = Counter(verdict["outcome"] for verdict in verdicts)
    console.print(", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()) or "no traces")


def plain(text: str, width: int = 60) -> str:
    """Text that came from a completion, short, and without control characters for the terminal."""
    printable = "".join(c if c.isprintable() else " " for c in text[: width + 1])
    shown = printable if len(printable) <= width else printable[: width - 1] + "…"
    return shown


def _batches(items: Iterable[Json]) -> Iterator[list[Json]]:
    batch: list[Json] = []
    for item in items:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
