"""A supervised child, with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from rlvr.embedded.logs import Logs
from rlvr.embedded.plan import Child
from rlvr.embedded.supervisor import Supervisor, WillNotRun

MakeSupervisor = Callable[[str], Supervisor]


@pytest.fixture
async def supervise(tmp_path: Path) -> AsyncIterator[MakeSupervisor]:
    """Makes supervisors of a Python program; kills what is left."""
    logs = Logs(tmp_path, terminal=None)
    made: list[Supervisor] = []

    def make(program: str) -> Supervisor:
        child = Child("child", [sys.executable, "-c", program], dict(os.environ))
        made.append(Supervisor(child, logs, lambda: None))
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.kill()
    logs.close()


async def until(condition: Callable[[], object], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def log_of(tmp_path: Path) -> str:
    path = tmp_path / "child.log"
    return path.read_text() if path.exists() else ""


async def test_a_child_that_is_killed_is_started_again(supervise: MakeSupervisor) -> None:
    supervisor = supervise("import time; time.sleep(60)")
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.pid)
    first = supervisor.pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: supervisor.pid not in (0, first))
    assert supervisor.restarts == 1
    await supervisor.stop(5)
    await running


async def test_a_child_that_never_comes_up_is_given_up_with_the_end_of_its_log(supervise: MakeSupervisor) -> None:
    with pytest.raises(WillNotRun, match=r"exit code 3:\n(.*\n)*no weights here"):
        await supervise("print('no weights here'); raise SystemExit(3)").run()


async def test_wrong_settings_are_not_tried_again(supervise: MakeSupervisor) -> None:
    supervisor = supervise("raise SystemExit(2)")
    with pytest.raises(WillNotRun):
        await supervisor.run()
    assert supervisor.restarts == 0


async def test_a_child_that_ignores_the_request_to_end_is_killed(supervise: MakeSupervisor, tmp_path: Path) -> None:
    program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\n"
    supervisor = supervise(program + "while True: time.sleep(1)")
    running = asyncio.create_task(supervisor.run())
    await until(lambda: "up" in log_of(tmp_path))
    await supervisor.stop(0.2)
    await running
    assert supervisor.exit_code == -signal.SIGKILL


async def test_what_a_dead_child_leaves_running_is_killed(supervise: MakeSupervisor, tmp_path: Path) -> None:
    program = "import subprocess, sys, time\n"
    program += "worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    program += "print('worker', worker.pid, flush=True); time.sleep(60)"
    supervisor = supervise(program)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: "worker" in log_of(tmp_path))
    worker = int(log_of(tmp_path).split()[1])
    os.kill(supervisor.pid, signal.SIGKILL)
    await until(lambda: not psutil.pid_exists(worker) or psutil.Process(worker).status() == psutil.STATUS_ZOMBIE)
    await supervisor.stop(5)
    await running


async def test_a_line_of_any_length_is_logged(supervise: MakeSupervisor, tmp_path: Path) -> None:
    supervisor = supervise("print('x' * 300_000); print('end', flush=True); import time; time.sleep(60)")
    running = asyncio.create_task(supervisor.run())
    await until(lambda: "end" in log_of(tmp_path))
    assert len(log_of(tmp_path).splitlines()[0]) == 300_000
    await supervisor.stop(5)
    await running


def test_a_child_dies_with_its_parent() -> None:
    parent = "import subprocess, sys, time; from rlvr.embedded import child\n"
    parent += "p = subprocess.Popen(child.command([sys.executable, '-c', 'import time; time.sleep(60)']))\n"
    parent += "print(p.pid, flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = psutil.Process(int(process.stdout.readline()))
    deadline = time.monotonic() + 60
    while "time.sleep" not in " ".join(child.cmdline()[:3]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    child.wait(60)
