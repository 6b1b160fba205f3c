"""Example traces for every verifier, with the verdict that each must get."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rlvr.cli.api import Gateway
from rlvr.cli.verify import coloured, plain

_WIDE = 120
"""Columns of a terminal that has room for the completions too."""
_TRIES = 3
"""How often a trace is posted again whose verdict is that we failed, say on a host that was too busy to judge it."""


def load() -> list[dict[str, Any]]:
    """The traces: `verifier`, `completion` and `spec` as the API takes them, `case` for a person, and `expect`,
    the fields that the verdict must have."""
    text = (resources.files("rlvr.demo") / "examples.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def show(gateway: Gateway, console: Console) -> list[str]:
    """Post the traces, print their verdicts; what is not as expected, one line each."""
    examples = load()
    items = [{field: example[field] for field in ("verifier", "completion", "spec")} for example in examples]
    verdicts = gateway.verify_batch(items)
    for _ in range(_TRIES):
        if not (failed := [index for index, verdict in enumerate(verdicts) if verdict["outcome"] == "error"]):
            break
        for index, verdict in zip(failed, gateway.verify_batch([items[index] for index in failed]), strict=True):
            verdicts[index] = verdict
    wide = console.width >= _WIDE
    columns = ["verifier", "trace", *(["completion"] if wide else []), "outcome", "reward", "reason"]
    table = Table(*columns, box=None, header_style="bold")
    surprises = []
    previous = ""
    for example, verdict in zip(examples, verdicts, strict=True):
        wrong = [f"{k} {verdict[k]!r}, not {v!r}" for k, v in example["expect"].items() if verdict[k] != v]
        if wrong:
            surprises.append(f"{example['verifier']}, {example['case']}: {', '.join(wrong)} ({verdict['detail']})")
        table.add_row(
            example["verifier"] if example["verifier"] != previous else "",
            example["case"],
            *([Text(plain(example["completion"], 36), style="dim")] if wide else []),
            coloured(verdict["outcome"]) + (" [bold red]unexpected[/]" if wrong else ""),
            "none" if verdict.get("reward") is None else f"{verdict['reward']:g}",
            verdict["reason"],
        )
        previous = example["verifier"]
    console.print(table)
    return surprises
