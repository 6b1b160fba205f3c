"""Real code graders on each isolation tier, and what none of them may leave behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import re
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import psutil
import pytest

import rlvr
from engines import engine, is_ours
from rlvr.core.verdict import Grade
from rlvr.verifier.code.grader import CodeGrader
from rlvr.verifier.code.programs import find_toolchains, folders_of
from rlvr.verifier.code.runner import Job, Limits, RunnerUnavailable, RunResult
from rlvr.verifier.code.runners.box_runner import BoxRunner
from rlvr.verifier.code.runners.docker import FIRST_BOX_UID, NUM_BOX_UIDS
from rlvr.verifier.code.runners.gvisor import PREFIX as GVISOR_PREFIX
from rlvr.verifier.code.runners.jail import JailRunner
from rlvr.verifier.code.runners.users import FIRST_UID
from rlvr.verifier.code.runners.workspace import PREFIX
from rlvr.verifier.code.runners.zygote_runner import ZygoteRunner
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.spec import CodeSpec
from rlvr.verifier.code.tiers import start_runner

SYSTEM_PYTHON = Path("/usr/bin/python3")
ISOLATING = ["jail", "unprivileged_jail", "landlock"]
TIERS = [*ISOLATING, "unsafe"]
BOXES = ["docker", "gvisor"]
"""Tiers on which each run has a sandbox of its own, which takes a good part of a second to build."""
ALL_TIERS = [*ISOLATING, *BOXES]
_EVERYTHING = os.environ.get("RLVR_TEST_ALL_TIERS") == "1"
"""Whether boxes have to bear every attack, which takes minutes."""
_ATTACKS_ON_BOXES = {"C05", "C08", "C14", "C15", "C17", "C18", "C20", "C21", "C22", "C24", "C25", "C32"}
"""The families that are about what holds a program, of each of which they bear one; what judges it is the same."""
WAIT_S = 60
BUSY_S = 60
_CGROUPS = Path("/sys/fs/cgroup")
_AT_WORK: set[CodeGrader] = set()
"""Graders of this test process; what they replace after a run, in their own time, is nothing left over."""
_ROOTS = re.compile(r"\S+ (/mnt|/media|/srv|/run|/tmp)(?= )")
"""Mounts where our private roots are made."""
_REPLACED = ("processes", "containers", "cgroups", "mounts")
"""What may be other than it was, as long as there is no more of it: that which serves the next run."""
_IDLE_CONNECTIONS = 12
"""To a container engine, once it has been used."""
_SOURCE_ROOT = str(Path(rlvr.__file__).parents[1])
"""On the command line of every zygote, and so of what it forks."""


class UnprivilegedJail(JailRunner):
    """The jail as a user gets it who is not root."""

    async def start(self) -> None:
        self._privileged = False
        await ZygoteRunner.start(self)


def interpreter_of_candidates() -> str:
    """One that candidates can read on this host's best tier; else skips the test."""
    for python in (sys.executable, str(SYSTEM_PYTHON)):
        with contextlib.suppress(RuntimeError):
            asyncio.run(_try(CodeSettings(python=python, concurrency=1)))
            return python
    pytest.skip("this host cannot isolate programs")


async def _try(settings: CodeSettings) -> None:
    runner = await start_runner(settings)
    await runner.close()


@contextlib.asynccontextmanager
async def started(tier: str, **settings) -> AsyncIterator[CodeGrader]:
    """A grader on a tier, which leaves nothing behind; where a user cannot read our interpreter, on the system's.

    For Python only, which starts faster, unless told otherwise.
    """
    settings = needs_of(tier) | settings
    for other in _AT_WORK:
        await settled(other)
    with nothing_left_behind():
        async with _started(tier, settings) as grader:
            yield grader


def attacks_on(tier: str, ids: Iterable[str]) -> set[str]:
    """Those attacks that this run of the tests makes on a tier, of ids that begin with the family's number."""
    if tier not in BOXES or _EVERYTHING:
        return set(ids)
    first = {id.partition(" ")[0]: id for id in reversed(list(ids))}
    return {first[number] for number in _ATTACKS_ON_BOXES & first.keys()}


def needs_of(tier: str) -> dict[str, Any]:
    """Settings with which a tier can be had here; skips the test where it cannot."""
    if tier == "docker":
        return {"docker": engine().settings}
    if tier == "gvisor" and (shutil.which("runsc") is None or os.geteuid() != 0):
        pytest.skip("gVisor's runsc is not installed, or not ours to run")
    return {}


@contextlib.asynccontextmanager
async def _started(tier: str, settings: dict[str, Any]) -> AsyncIterator[CodeGrader]:
    for python in (None, SYSTEM_PYTHON):
        named = "jail" if tier == "unprivileged_jail" else tier
        chosen = CodeSettings(**({"python": python, "tier": named, "languages": ()} | settings))
        folders = folders_of(find_toolchains(chosen))
        try:
            if tier == "unprivileged_jail":
                runner = UnprivilegedJail(chosen, folders)
                await runner.start()
            else:
                runner = await start_runner(chosen, folders)
        except (RuntimeError, RunnerUnavailable):
            if tier in BOXES:
                raise
            continue
        grader = CodeGrader(chosen, runner)
        try:
            await grader.start()
            if tier not in BOXES:
                _AT_WORK.add(grader)
            yield grader
        finally:
            _AT_WORK.discard(grader)
            await grader.close()
        return
    pytest.skip(f"this host does not have the tier {tier}")


async def grade_with(grader: CodeGrader, completion: str, spec: CodeSpec) -> Grade:
    """The grade, when the host has cores to find it; see test_code_fairness.py for when it has not.

    Skips the test where others keep the host busy all the time.
    """
    deadline = time.monotonic() + BUSY_S
    while True:
        grade = (await grader.grade(completion, spec, WAIT_S)).grade
        if "host was too busy" not in grade.detail:
            return grade
        if time.monotonic() > deadline:
            if os.getloadavg()[0] > 2 * (os.cpu_count() or 1):
                pytest.skip("others keep this host busy")
            return grade


async def run_with(grader: CodeGrader, job: Job, limits: Limits) -> RunResult:
    """What comes out of one run."""
    runner = grader.runner
    async with runner.slot(WAIT_S) as slot:
        return await runner.run(job, limits, slot)


async def settled(grader: CodeGrader) -> None:
    """Wait until the zygotes have nothing below them but what waits to become the next candidate, or all boxes are
    ready and none is being removed."""
    if isinstance(grader.runner, BoxRunner):
        async with asyncio.timeout(WAIT_S):
            await grader.runner._pool.settled()
        return
    expected = 2 if grader.describe()["tier"] == "jail" else 1
    async with asyncio.timeout(WAIT_S):
        for zygote in getattr(grader.runner, "_zygotes", {}).values():
            while zygote.alive and _num_below(zygote.pid) != expected:
                await asyncio.sleep(0.01)


def _num_below(pid: int) -> int:
    with contextlib.suppress(psutil.NoSuchProcess):  # killed just now, which is soon known
        return len(psutil.Process(pid).children(recursive=True))
    return -1


async def until(condition):
    """The first true value of `condition()`; the caller sets the deadline."""
    while not (value := condition()):
        await asyncio.sleep(0.002)
    return value


def zygote_of(grader: CodeGrader) -> psutil.Process | None:
    """The only zygote of a grader, or the first process of its box, while it has a run under way."""
    if isinstance(grader.runner, BoxRunner):
        boxes = [box for box in grader.runner._running if box.run.started.done() and not box.run.ended.done()]
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(boxes[0].pid) if boxes else None
        return None
    for zygote in grader.runner._zygotes.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(zygote.pid)
            run = zygote._run
            if zygote.alive and run is not None and run.started.done() and not run.ended.done():
                return process
    return None


def leftovers() -> dict[str, set[str]]:
    """What our runs and zygotes could leave on the host: processes, folders, cgroups, shared memory, mounts, ..."""
    this = psutil.Process()
    processes = set()
    for child in this.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it may end meanwhile
            processes.add(f"{child.pid} {child.name()}")
    # Orphans of ours too, which went to one of those above us; what has another parent is another test process's.
    above = {this.pid, *(process.pid for process in this.parents())}
    for process in psutil.process_iter(["cmdline", "name", "ppid"]):
        words = process.info["cmdline"] or ()
        is_like_ours = _SOURCE_ROOT in words or any(map(_is_in_our_gvisor, words))
        if is_like_ours and process.info["ppid"] in above:
            processes.add(f"{process.pid} {process.info['name']}")
    return {
        "processes": processes,
        "folders": {str(path) for path in Path("/tmp").glob(f"{PREFIX}{os.getpid()}-*")} | set(_gvisor_homes()),
        "containers": engine().containers() if engine.cache_info().currsize else set(),
        "cgroups": {
            f"{folder}/{name}"
            for folder, names, _ in os.walk(_CGROUPS)  # which bears that others remove theirs meanwhile
            for name in names
            if name.startswith(f"rlvr-{os.getpid()}-")
        },
        "shared memory": {str(path) for path in Path("/dev/shm").iterdir() if _is_a_candidates(path)} | _ipc_objects(),
        "mounts": {line for line in Path("/proc/self/mounts").read_text().splitlines() if _ROOTS.match(line)},
        "descriptors": {str(psutil.Process().num_fds())},
    }


def _gvisor_homes() -> list[str]:
    homes = []
    for room in Path("/tmp").glob(f"{GVISOR_PREFIX}*/room"):
        with contextlib.suppress(FileNotFoundError):  # another test process removes its own
            if is_ours(room.read_text()):
                homes.append(str(room.parent))
    return homes


def _is_in_our_gvisor(word: str) -> bool:
    """Whether a word of a command names a folder of a room of gVisor's that is ours to find, or gone."""
    found = re.search(f"/tmp/{GVISOR_PREFIX}[^/]+", word)
    return found is not None and (found[0] in _gvisor_homes() or not Path(found[0]).exists())


def _is_a_candidates(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return FIRST_UID <= path.stat().st_uid < FIRST_BOX_UID + NUM_BOX_UIDS
    return False


def _ipc_objects() -> set[str]:
    tables = ("shm", "sem", "msg")
    return {line for name in tables for line in Path(f"/proc/sysvipc/{name}").read_text().splitlines()[1:]}


def new_leftovers(before: dict[str, set[str]]) -> dict[str, set[str]]:
    """What is there now and was not then; what runs replace counts as left over if there is more of it."""
    now = leftovers()
    new = {kind: now[kind] - before[kind] for kind in now if now[kind] - before[kind]}
    for kind in _REPLACED:
        if kind in new and len(now[kind]) <= len(before[kind]):
            del new[kind]
    more = int(*now["descriptors"]) - int(*before["descriptors"])
    if "descriptors" in new and more <= (_IDLE_CONNECTIONS if engine.cache_info().currsize else 0):
        del new["descriptors"]
    return new


@contextlib.contextmanager
def nothing_left_behind():
    """Fails unless the block leaves everything as it was."""
    before = leftovers()
    yield
    deadline = time.monotonic() + WAIT_S
    while left := new_leftovers(before):
        gc.collect()  # docker-py leaves the socket of a connection that was refused to it
        assert time.monotonic() < deadline, f"left over: {left}"
        time.sleep(0.02)
