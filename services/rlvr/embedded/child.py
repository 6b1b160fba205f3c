"""Become a program that dies with its parent: `python -m rlvr.embedded.child PARENT_PID PROGRAM ARGUMENT...`

The kernel sends SIGKILL when the parent ends, however it ends, so that not even `kill -9` of the launcher leaves
a room behind. This is a program of its own because asking for it between fork and exec would run Python in a
half-made process.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>; kept over exec."""


def command(program: list[str]) -> list[str]:
    """The command line that runs `program` as a child of this process, and no longer than it."""
    return [sys.executable, "-m", "rlvr.embedded.child", str(os.getpid()), *program]


def main(arguments: list[str]) -> int:
    """Ask for the signal, then turn into the program. Returns only when there is nothing to turn into."""
    parent, *program = arguments
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != int(parent):
        return 1  # The parent died before the kernel knew whom to tell.
    os.execvp(program[0], program)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
