"""The command `rlvr`. What a command needs is imported when it runs, so that `--help` is instant."""

from __future__ import annotations

import sys


def main() -> None:
    """The console script."""
    from rlvr.cli.app import app
    from rlvr.cli.failure import Failure

    try:
        app(prog_name="rlvr")
    except Failure as failure:
        sys.stderr.write(f"rlvr: {failure}\n")
        raise SystemExit(failure.exit_code) from None
