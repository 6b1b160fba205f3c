"""A `Runner` that gives each run a process tree of its own, shut in by what the host permits.

Three tiers, the first that passes a trial run is used:

- `namespaces` (root): pid, mount, network, ipc and uts namespaces, a private read-only root, a uid that owns
  nothing;
- `user_namespaces` (anyone, where the kernel allows it): the same, entered through a user namespace;
- `process`: limits, and a supervisor that kills every descendant; the network and readable files stay open.

None has a system-call filter.
"""

from __future__ import annotations

import asyncio
import contextlib
import marshal
import math
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from rlvr.verifier.code.inside import harness
from rlvr.verifier.code.runner import Call, End, Job, Limits, RunnerUnavailable, RunResult, Stdio
from rlvr.verifier.code.settings import CodeSettings

_SOURCE_ROOT = str(Path(__file__).resolve().parents[3])
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from rlvr.verifier.code.inside.launcher import main; main()"
_OPTIONS = ["-P", "-s", "-S", "-X", "utf8", "-c", _BOOT, _SOURCE_ROOT]
_FIRST_UID = 60_600  # one per slot, so that limits and signals of concurrent runs do not meet; owns nothing
_KILL_GRACE_S = 5.0

_SHUT_IN = ["pid_namespace", "mount_namespace", "network_namespace", "ipc_namespace", "private_root"]
_ISOLATION = {
    "namespaces": [*_SHUT_IN, "no_new_privs", "rlimits"],
    "user_namespaces": ["user_namespace", *_SHUT_IN, "no_new_privs", "rlimits"],
    "process": ["no_new_privs", "rlimits"],
}


class ProcessRunner:
    """Starts a fresh interpreter per run, at most `settings.concurrency` at a time."""

    def __init__(self, settings: CodeSettings, tier: str | None = None) -> None:
        """`tier` asks for one tier; None takes the best that works."""
        self._settings = settings
        self._tiers = [tier] if tier else ["namespaces", "user_namespaces", "process"]
        self._tier: str | None = None
        # Resolved, since a virtual environment's link may point to where the private root shows nothing.
        self._command = [str(Path(settings.python or sys.executable).resolve()), *_OPTIONS]
        self._slots: asyncio.Queue[int] = asyncio.Queue()
        for slot in range(settings.concurrency):
            self._slots.put_nowait(slot)
        self._live: set[_Supervisor] = set()

    async def start(self) -> None:
        """Choose the tier by a trial run.

        Raises:
            RuntimeError: no tier works here.
        """
        failures = []
        for tier in self._tiers:
            if tier == "namespaces" and os.geteuid() != 0:
                continue
            self._tier = tier
            try:
                trial = await self.run(Job("import math; print(math.tau)", Stdio(b"")), Limits(10, 512, 1024))
            except RunnerUnavailable as unavailable:
                failures.append(f"{tier}: {unavailable}")
                continue
            if trial.end is End.EXITED and trial.output.startswith(b"6.28"):
                return
            hint = f"can an unprivileged user read {self._command[0]}?"
            failures.append(f"{tier}: a trial program ended with {trial.end} {trial.detail}; {hint}")
        self._tier = None
        raise RuntimeError("this host cannot isolate Python programs. " + "; ".join(failures))

    def describe(self) -> dict[str, Any]:
        """Name, tier and what the tier consists of (nothing before `start`)."""
        isolation = list(_ISOLATION[self._tier]) if self._tier else []
        if self._tier and os.geteuid() == 0:
            isolation.append("own_uid")
        return {"runner": "process", "tier": self._tier, "isolation": isolation}

    async def run(self, job: Job, limits: Limits) -> RunResult:
        """Run one job when a slot is free (see `Runner.run`)."""
        slot = await self._slots.get()
        try:
            if self._tier is None:
                raise RunnerUnavailable("the runner is not started, or closed")
            async with self._supervisor(job, limits, slot) as supervisor:
                return await supervisor.result()
        finally:
            self._slots.put_nowait(slot)

    async def close(self) -> None:
        """Kill every run; its caller sees `RunnerUnavailable`."""
        self._tier = None
        for supervisor in self._live:
            supervisor.interrupt()
        slots = [await self._slots.get() for _ in range(self._settings.concurrency)]  # every run has given back its own
        for slot in slots:
            self._slots.put_nowait(slot)

    @contextlib.asynccontextmanager
    async def _supervisor(self, job: Job, limits: Limits, slot: int) -> AsyncIterator[_Supervisor]:
        """A started supervisor that is dead, with all of its run, when the block is left."""
        uid = _FIRST_UID + slot if os.geteuid() == 0 else None
        with contextlib.ExitStack() as stack:
            workspace = stack.enter_context(_workspace(uid)) if self._tier == "process" else None
            config = {"tier": self._tier, "uid": uid, "workspace": workspace} | self._limits(limits)
            supervisor = await _Supervisor.spawn(self._command, config, job, limits, self._settings.startup_s)
            self._live.add(supervisor)
            try:
                if self._tier is None:
                    raise RunnerUnavailable("the runner was closed")
                yield supervisor
            finally:
                self._live.discard(supervisor)
                await asyncio.shield(supervisor.kill())

    def _limits(self, limits: Limits) -> dict[str, Any]:
        rlimits = {
            "cpu_s": math.ceil(limits.time_s) + 1,
            "memory_mb": limits.memory_mb,
            "file_mb": self._settings.scratch_mb,
            "processes": self._settings.processes,
        }
        return {"limits": rlimits, "scratch_mb": self._settings.scratch_mb}


class _Supervisor:
    """The parent's side of one `inside.launcher`."""

    def __init__(self, process: asyncio.subprocess.Process, job: Job, limits: Limits, startup_s: float) -> None:
        assert process.stdout is not None and process.stderr is not None
        self._process = process
        self._pidfd: int | None = _pidfd(process.pid)
        self._limits = limits
        self._startup_s = startup_s
        self._report = process.stderr
        self._feeder = asyncio.create_task(self._feed(job))
        self._output = asyncio.create_task(_read_capped(process.stdout, limits.output_bytes))

    @classmethod
    async def spawn(
        cls, command: list[str], config: dict[str, Any], job: Job, limits: Limits, startup_s: float
    ) -> _Supervisor:
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                marshal.dumps(config).hex(),
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                env={
                    "PATH": "/usr/bin:/bin",
                    "PYTHONHASHSEED": "0",
                },  # a seed, so that equal runs answer equally
                cwd="/",
                start_new_session=True,
                limit=2**18,
            )
        except OSError as failure:
            raise RunnerUnavailable(f"cannot start a process: {failure}") from failure
        return cls(process, job, limits, startup_s)

    async def result(self) -> RunResult:
        """Wait for the run to end or to break a limit.

        Raises:
            RunnerUnavailable: the supervisor failed.
        """
        try:
            first = await asyncio.wait_for(self._report.readline(), self._startup_s)
            if first != b"started\n":
                traceback = first + await asyncio.wait_for(self._report.read(), self._startup_s)
                raise RunnerUnavailable(f"the sandbox did not start: {_last_line(traceback)}")
        except TimeoutError:
            raise RunnerUnavailable(f"the sandbox was not ready after {self._startup_s:g} s") from None
        ended = asyncio.create_task(self._report.readline())
        try:
            return await self._watch(ended)
        finally:
            await _cancel(ended)

    async def _watch(self, ended: asyncio.Task[bytes]) -> RunResult:
        deadline = asyncio.get_running_loop().time() + self._limits.time_s
        pending: set[asyncio.Task[Any]] = {ended, self._output}
        while pending:
            left = deadline - asyncio.get_running_loop().time()
            done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if self._output in done and self._output.result() is None:
                return RunResult(End.OUTPUT_LIMIT, b"", f"over {self._limits.output_bytes} bytes of output")
            if not done:
                return RunResult(End.TIME_LIMIT, b"", f"over {self._limits.time_s:g} s")
        output = self._output.result() or b""
        exit_code = await self._process.wait()
        words = ended.result().split()
        if len(words) != 3:
            if exit_code != 0:
                raise RunnerUnavailable("the sandbox's supervisor was killed")
            # The supervisor saw init die. Only the run's own processes can have had a part in that.
            return RunResult(End.FAILED, b"", "the run was ended from within")
        return self._ended(int(words[1]), float(words[2]), output)

    def _ended(self, status: int, cpu_s: float, output: bytes) -> RunResult:
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            over_cpu = number in (signal.SIGXCPU, signal.SIGKILL) and cpu_s >= self._limits.time_s
            end = End.TIME_LIMIT if over_cpu else End.FAILED
            return RunResult(end, output, f"killed by signal {number}")
        code = os.WEXITSTATUS(status)
        ends = {0: End.EXITED, harness.EXIT_COMPILE: End.COMPILE_ERROR, harness.EXIT_MEMORY: End.MEMORY_LIMIT}
        return RunResult(ends.get(code, End.FAILED), output, f"exit code {code}" if code not in ends else "")

    def interrupt(self) -> None:
        """Make the supervisor end its run and fail."""
        self._signal(signal.SIGTERM)

    async def kill(self) -> None:
        """End every process of the run and close its pipes."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await _cancel(self._feeder)
        await _cancel(self._output)
        self.interrupt()
        try:
            await asyncio.wait_for(self._gone(), _KILL_GRACE_S)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await asyncio.wait_for(self._gone(), _KILL_GRACE_S)
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    async def _gone(self) -> None:
        """Wait for the process and the ends of its pipes: asyncio reports the first only after the second."""
        assert self._process.stdout is not None
        await asyncio.gather(_drain(self._process.stdout), _drain(self._report), self._process.wait())

    def _signal(self, number: signal.Signals) -> None:
        """By pidfd: `Process.kill` polls, and so takes the exit status from asyncio's own watcher."""
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def _feed(self, job: Job) -> None:
        assert self._process.stdin is not None
        call = job.action if isinstance(job.action, Call) else None
        stdin = job.action.stdin if isinstance(job.action, Stdio) else b""
        header = {
            "source": job.source,
            "entry_point": call.entry_point if call else None,
            "args": call.args if call else None,
        }
        text = marshal.dumps(header)
        try:
            self._process.stdin.write(len(text).to_bytes(8, "big") + text + stdin)
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):  # the candidate need not read its input
            pass
        finally:
            self._process.stdin.close()


def _pidfd(pid: int) -> int | None:
    """A handle on a process just started; None if it is gone already."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _last_line(report: bytes) -> str:
    """The error at the end of a traceback."""
    lines = [line for line in report.decode(errors="replace").splitlines() if not line.startswith("ended ")]
    return lines[-1] if lines else "its supervisor was killed"


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _read_capped(reader: asyncio.StreamReader, cap: int) -> bytes | None:
    """Everything up to the end of the stream; None as soon as it is more than `cap` bytes."""
    parts, size = [], 0
    while part := await reader.read(2**18):
        parts.append(part)
        size += len(part)
        if size > cap:
            return None
    return b"".join(parts)


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(2**18):
        pass


@contextlib.contextmanager
def _workspace(uid: int | None) -> Iterator[str]:
    """A directory for one run, removed whatever the candidate did to it."""
    path = tempfile.mkdtemp(prefix="rlvr-code-")
    try:
        if uid is not None:
            os.chown(path, uid, uid)
        yield path
    finally:
        shutil.rmtree(path, onerror=_make_removable)


def _make_removable(remove: Callable[[str], Any], path: str, _: Any) -> None:
    Path(path).parent.chmod(0o700)
    Path(path).chmod(0o700)
    remove(path)
