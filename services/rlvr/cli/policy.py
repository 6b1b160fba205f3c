"""`rlvr policy init`: make a preset's policy, showing how far it is."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from rlvr.cli.failure import Failure


def init(preset: str, out: Path, seed: int, console: Console | None = None) -> None:
    """Make the model folder `out`.

    Raises:
        Failure: no such preset, or `out` exists.
    """
    # Threads that spin while they wait for each other slow down many times over when the machine is shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import transformers

    from rlvr.trainer.warmstart import Progress as WarmStart
    from rlvr.trainer.warmstart import init_policy

    transformers.utils.logging.disable_progress_bar()
    console = console or Console()
    columns = (
        TextColumn("warm-start"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}  loss {task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None, loss="-")

        def show(progress: WarmStart) -> None:
            bar.update(task, completed=progress.step, total=progress.num_steps, loss=f"{progress.loss:.3f}")

        console.print(f"Making policy {preset} in {out} (seed {seed}).", highlight=False, soft_wrap=True)
        try:
            made = init_policy(preset, out, seed=seed, progress=show)
        except (ValueError, FileExistsError) as failure:
            raise Failure(str(failure), exit_code=2) from None
    console.print(
        f"{out}: {made.num_parameters / 1e6:.2f} M parameters, right on {made.accuracy:.0%} of new problems "
        "when sampled at temperature 1.",
        highlight=False,
        soft_wrap=True,
    )
