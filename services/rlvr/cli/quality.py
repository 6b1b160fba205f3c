"""`rlvr quality`: audit a verifier with labelled rows."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rlvr.cli.api import Gateway
from rlvr.cli.failure import STOPPED, Failure
from rlvr.core.process import CannotStart
from rlvr.quality import peer, render, report, sets
from rlvr.quality.audit import Judging, audit, over_limits
from rlvr.quality.judges import Judge, Judgement
from rlvr.quality.peer import PeerJudge, PeerLost
from rlvr.quality.pool import PoolJudge
from rlvr.quality.rows import BadRows, Row, read
from rlvr.verifier.pool.forker import ForkerLost

_BATCH = 500


class GatewayJudge:
    """The math verifier behind a running gateway."""

    name = "rlvr"
    version = ""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def takes(self, row: Row) -> bool:
        return True

    def judge(self, rows: Sequence[Row]) -> Iterator[Judgement]:
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            items = [{"verifier": "math", "completion": row.completion, "spec": row.spec} for row in batch]
            for verdict in self._gateway.verify_batch(items):
                self.version = verdict["verifier"].get("version", "")
                yield Judgement(
                    outcome=verdict["outcome"],
                    reason=verdict["reason"],
                    extracted=verdict["extracted"],
                    detail=verdict["detail"],
                    ms=verdict["duration_ms"],
                )


def load_rows(named: Sequence[str], folder: Path | None, *, built_in: bool, limit: int | None) -> list[Row]:
    """The rows that the options ask for.

    Raises:
        Failure: an option is not NAME=PATH, a file cannot be read, or there is nothing to grade.
    """
    try:
        rows = sets.built_in() if built_in else []
        rows += sets.in_folder(folder) if folder is not None else []
        for option in named:
            name, equals, path = option.partition("=")
            if not (name and equals and path):
                raise Failure(f"--set must be NAME=PATH, and is {option!r}", exit_code=2)
            if any(row.set == name for row in rows):
                raise Failure(f"--set: there is a set {name!r} already; give this one another name", exit_code=2)
            rows += read(name, Path(path))
    except BadRows as problem:
        raise Failure(str(problem), exit_code=2) from None
    if not rows:
        raise Failure("there are no rows to grade: add --set or --data, or leave out --no-built-in", exit_code=2)
    rows = sets.with_disputes(rows)
    return sets.sample(rows, limit) if limit is not None else rows


def run_audit(rows: Sequence[Row], url: str, api_key: str, *, with_peer: bool) -> list[Judging]:
    """Grade the rows in process, or at the gateway `url`; and with Math-Verify, unless it is missing or not wanted.

    Raises:
        Failure: a grader cannot be started or reached, or Ctrl-C was pressed.
    """
    if with_peer and not peer.installed():
        sys.stderr.write(f"{peer.MISSING}\n")
        with_peer = False
    try:
        with ExitStack() as stack:
            judges: list[Judge] = [
                GatewayJudge(stack.enter_context(Gateway(url, api_key))) if url else stack.enter_context(PoolJudge())
            ]
            if with_peer:
                judges.append(stack.enter_context(PeerJudge()))
            return [_with_progress(rows, judge) for judge in judges]
    except KeyboardInterrupt:
        raise Failure("stopped; nothing is reported of a part of the rows", exit_code=STOPPED) from None
    except (CannotStart, ForkerLost, PeerLost) as failure:
        raise Failure(f"a grader cannot be started: {failure}") from None


def print_report(judgings: Sequence[Judging], form: str, *, failures: bool) -> None:
    """As `table`, `markdown` or `json`, on stdout."""
    if form == "json":
        sys.stdout.write(json.dumps(report.document(judgings, failures=failures), indent=2, ensure_ascii=False) + "\n")
        return
    sections = report.sections(judgings, failures=failures)
    if form == "markdown":
        sys.stdout.write(render.markdown(sections))
    else:
        render.print_tables(sections)


def exit_code(judgings: Sequence[Judging], max_fp: float | None, max_fn: float | None) -> int:
    """0, or 1 where the audited verifier is over a limit; stderr says where."""
    problems = over_limits(judgings[0], max_fp, max_fn)
    for problem in problems:
        sys.stderr.write(f"rlvr: {problem}\n")
    return 1 if problems else 0


def _with_progress(rows: Sequence[Row], judge: Judge) -> Judging:
    with _bar(judge.name, sum(map(judge.takes, rows))) as on_row:
        return audit(rows, judge, on_row)


@contextmanager
def _bar(name: str, total: int) -> Iterator[Callable[[Row], None]]:
    """A progress bar on stderr, where that is a terminal; gone when done."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=total)
        yield lambda row: progress.update(task, advance=1, description=f"{name}: {row.set}")
