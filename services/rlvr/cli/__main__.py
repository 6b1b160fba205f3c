"""`python -m rlvr.cli`: the command, without its script."""

from __future__ import annotations

from rlvr.cli import main

if __name__ == "__main__":
    main()
