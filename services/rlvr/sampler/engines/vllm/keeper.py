"""Runs a program and lets nothing of it outlive its parent: `python keeper.py GRACE_SECONDS PROGRAM ARGUMENT...`

A vLLM server is several processes, and those that hold the model do not notice when the first of them is killed.
The keeper gives the program a process group of its own and kills the whole group when the program has ended, and
when the keeper's standard input ends: the parent holds the other end of that pipe and never writes to it, so it
ends with the parent, however that dies.

It runs by its path, with nothing of the project imported.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading


def main(arguments: list[str]) -> int:
    """Run the program; its exit code, or 128 + the signal that ended it."""
    grace_s, *program = arguments
    child = subprocess.Popen(program, stdin=subprocess.DEVNULL, process_group=0)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _kill(child))
    threading.Thread(target=_end_with_parent, args=(child, float(grace_s)), daemon=True).start()
    code = child.wait()
    _kill(child)
    return code if code >= 0 else 128 - code


def _end_with_parent(child: subprocess.Popen[bytes], grace_s: float) -> None:
    while os.read(0, 1):
        pass
    child.terminate()
    try:
        child.wait(grace_s)
    except subprocess.TimeoutExpired:
        _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
