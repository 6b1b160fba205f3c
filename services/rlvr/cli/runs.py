"""`rlvr runs`: what there is, as a table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rlvr.cli.api import Json


def print_runs(runs: list[Json]) -> None:
    """One line per run."""
    table = Table("run", "name", "state", "step", "reward", "trainer", "error", box=None)
    for run in runs:
        rewards = [float(reward) for reward in run.get("recent_rewards", [])][-10:]
        table.add_row(
            run["run_id"],
            run["spec"]["name"],
            run["state"],
            f"{run['step']}/{run['spec']['training']['steps']}",
            f"{sum(rewards) / len(rewards):.2f}" if rewards else "-",
            run.get("trainer_id", ""),
            Text(run.get("error", "")),
        )
    Console().print(table)
