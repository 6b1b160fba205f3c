"""Follow a run to its end: a live display on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rlvr.cli.api import Gateway, Unreachable
from rlvr.cli.failure import STOPPED
from rlvr.cli.progress import Account, Progress, amount, duration, sparkline
from rlvr.core.grading_cost import verify_flops

_POLL_S = 0.5
_LINE_EVERY_S = 5.0
_WIDEST = 72
_PATIENCE_S = 120.0
"""How long the gateway may be unreachable: the launcher restarts rooms, and a run does not need it."""
_EXIT_CODES = {"succeeded": 0, "failed": 1, "stopped": STOPPED}


class _Display(Protocol):
    def show(self, progress: Progress) -> None: ...
    def close(self) -> None: ...


def follow(gateway: Gateway, run_id: str, *, stop_on_interrupt: bool, console: Console | None = None) -> int:
    """Show a run until it ends; the command's exit code.

    Ctrl-C stops the run (and waits until it has stopped) or, without `stop_on_interrupt`, only leaves it.
    """
    console = console or Console()
    progress = Progress(run_id)
    display: _Display = _LiveDisplay(console) if console.is_terminal else _Lines(console)
    try:
        try:
            _watch(gateway, progress, display)
        except KeyboardInterrupt:
            if not stop_on_interrupt:
                _say(console, f"Left run {run_id} running; `rlvr runs watch {run_id}` comes back to it.")
                return STOPPED
            _say(console, f"Stopping run {run_id} ...")
            gateway.stop_run(run_id)
            _watch(gateway, progress, display)
    except KeyboardInterrupt:
        return STOPPED
    finally:
        display.close()
    _say_end(console, progress)
    return _EXIT_CODES[progress.state]


def _watch(gateway: Gateway, progress: Progress, display: _Display) -> None:
    lost_since: float | None = None
    while not progress.ended:
        now = time.monotonic()
        try:
            run = gateway.get_run(progress.run_id)
            progress.see(run, gateway.list_steps(progress.run_id, len(progress.rewards)), now)
            lost_since = None
        except Unreachable:
            lost_since = lost_since or now
            if now - lost_since > _PATIENCE_S:
                raise
        display.show(progress)
        if not progress.ended:
            time.sleep(_POLL_S)


def _say_end(console: Console, progress: Progress) -> None:
    run_id = progress.run_id
    if progress.state == "failed":
        text = f"Run {run_id} failed at step {progress.step}: {progress.error}"
    elif progress.state == "stopped":
        text = f"Run {run_id} stopped at step {progress.step} of {progress.steps}; `rlvr runs resume {run_id}` goes on."
    else:
        text = f"Run {run_id} has done its {progress.steps} steps."
    _say(console, text)
    if progress.rewards:
        for line in _account(progress.account):
            _say(console, line)


def _account(account: Account) -> list[str]:
    """What the steps seen took, stage by stage."""
    return [
        f"  sampled   {amount(account.sampled_tokens)} tokens from {amount(account.prompt_tokens)} of prompts "
        f"({amount(account.prefill_tokens_saved)} of prefill saved by sharing) "
        f"in {account.sample_seconds:.1f} s, {amount(account.sample_flops)} FLOP",
        f"  verified  in {account.verify_seconds:.1f} s, {amount(verify_flops(account.verify_seconds))} FLOP",
        f"  trained   {amount(account.train_tokens)} tokens ({amount(account.train_tokens_saved)} saved by sharing) "
        f"in {account.train_seconds:.1f} s, {amount(account.train_flops)} FLOP",
        f"  published in {account.publish_seconds:.1f} s",
    ]


def _say(console: Console, text: str) -> None:
    """A line that is never broken: commands in it can be copied."""
    console.print(text, soft_wrap=True, markup=False, highlight=False)


class _LiveDisplay:
    """A few lines that are drawn again and again."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4)
        self._live.start()

    def show(self, progress: Progress) -> None:
        self._live.update(_panel(progress, self._console.width))

    def close(self) -> None:
        self._live.stop()


class _Lines:
    """A line every few seconds, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def show(self, progress: Progress) -> None:
        if time.monotonic() < self._next and not progress.ended:
            return
        self._next = time.monotonic() + _LINE_EVERY_S
        facts = "  ".join(f"{name} {value}" for name, value in _facts(progress))
        self._console.print(f"{progress.name}  {progress.state}  {facts}", soft_wrap=True, highlight=False)

    def close(self) -> None: ...


def _panel(progress: Progress, width: int) -> Group:
    wide = min(width - 2, _WIDEST)
    title = Text.assemble((progress.name, "bold"), f"  {progress.run_id}  {progress.state}")
    bar = Table.grid()
    bar.add_row(ProgressBar(total=max(progress.steps, 1), completed=progress.step, width=wide))
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(progress):
        facts.add_row(Text(name, style="dim"), value)
    return Group(title, bar, facts, Text(sparkline(progress.rewards, wide), style="green"))


def _facts(progress: Progress) -> list[tuple[str, str]]:
    reward = progress.recent_reward()
    sampled, scored, trained = progress.traces_per_second
    left = progress.seconds_left
    facts = [
        ("step", f"{progress.step}/{progress.steps}"),
        ("reward", "-" if reward is None else f"{reward:.2f}"),
        ("lag", f"{progress.mean_lag:.1f} (max {progress.max_lag})"),
        ("traces/s", f"sampled {sampled:.0f}, verified {scored:.0f}, trained {trained:.0f}"),
        ("left", "-" if left is None else duration(left)),
    ]
    if progress.gap is not None:
        mean, largest, k3 = progress.gap
        told = f"mean {mean:.1e}, max {largest:.1e}, k3 {k3:.1e}, {progress.truncated:.1%} truncated"
        facts.append(("sampler-trainer gap", told))
    if progress.dropped:
        facts.append(("dropped", ", ".join(f"{n} {reason}" for reason, n in sorted(progress.dropped.items()))))
    return facts
