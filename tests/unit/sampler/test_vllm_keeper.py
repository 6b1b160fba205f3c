"""Nothing of the server outlives it, or us."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from rlvr.sampler.engines.vllm import keeper

WAIT_S = 60
FAMILY = """
import signal, subprocess, sys, time
{first}
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
{then}
"""


@pytest.fixture
def keep() -> Iterator[list[subprocess.Popen[bytes]]]:
    kept: list[subprocess.Popen[bytes]] = []
    yield kept
    for process in kept:
        if process.stdin is not None and not process.stdin.closed:
            process.stdin.close()
        process.wait(WAIT_S)


def start(
    kept: list[subprocess.Popen[bytes]], then: str, first: str = "", grace_s: float = 60
) -> tuple[subprocess.Popen[bytes], int]:
    """The keeper of a program that has a child of its own, and the child's process id."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-I",
            keeper.__file__,
            str(grace_s),
            sys.executable,
            "-c",
            FAMILY.format(first=first, then=then),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    kept.append(process)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def ends(pid: int) -> bool:
    deadline = time.monotonic() + WAIT_S
    with suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
    return True


def test_what_a_dead_server_leaves_behind_is_killed(keep: list[subprocess.Popen[bytes]]) -> None:
    process, grandchild = start(keep, "sys.exit(3)")
    assert process.wait(WAIT_S) == 3
    assert ends(grandchild)


def test_a_server_killed_by_a_signal_is_told_by_the_exit_code(keep: list[subprocess.Popen[bytes]]) -> None:
    process, grandchild = start(keep, "import os; os.kill(os.getpid(), 9)")
    assert process.wait(WAIT_S) == 128 + signal.SIGKILL
    assert ends(grandchild)


def test_the_server_ends_with_the_parent_that_held_the_pipe(keep: list[subprocess.Popen[bytes]]) -> None:
    process, grandchild = start(keep, "time.sleep(600)")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(WAIT_S) == 128 + signal.SIGTERM
    assert ends(grandchild)


def test_a_server_that_does_not_heed_is_killed_after_the_grace(keep: list[subprocess.Popen[bytes]]) -> None:
    process, grandchild = start(keep, "time.sleep(600)", "signal.signal(15, signal.SIG_IGN)", grace_s=0.2)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(WAIT_S) == 128 + signal.SIGKILL
    assert ends(grandchild)
