"""Supervisor of one run, started by `ProcessRunner` as a process of its own.

With namespaces:    supervisor --fork--> init (pid 1 of the run) --fork--> candidate
Without:            supervisor (reaper of all descendants) --fork--> candidate

In the first, whatever ends init ends every process of the run, in the kernel: init leaves when the
candidate does, and dies with the supervisor. In the second the supervisor hunts descendants down.

    fd 0    the job (8 bytes of length, a marshalled dict), then the candidate's standard input
    fd 1    the candidate's standard output, or the result of its call
    fd 2    our report, closed to the candidate: "started", then "ended STATUS CPU_SECONDS"; or a traceback

Every run pays for what is imported here, so that is little: json, pathlib, signal and typing cost more than
the rest of a trivial run together.
"""

from __future__ import annotations

import marshal
import os
import sys

from rlvr.verifier.code.inside import harness, namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main() -> None:
    """Run the job on fd 0 as `sys.argv[2]`, a marshalled dict from `ProcessRunner` in hexadecimal, says."""
    config = marshal.loads(bytes.fromhex(sys.argv[2]))
    del sys.path[0], sys.argv[1:]
    namespaces.reset_interrupt()
    if config["uid"] is not None:
        for fd in (0, 1):  # so that the candidate can open /dev/stdin and /dev/stdout
            os.fchown(fd, config["uid"], config["uid"])
    if config["tier"] == "user_namespaces":
        namespaces.become(config["uid"])
    namespaces.prctl(namespaces.PR_SET_PDEATHSIG, namespaces.SIGKILL)
    if config["tier"] == "process":
        _supervise_tree(config)
    else:
        _supervise_namespaces(config)


def _supervise_namespaces(config: dict[str, Any]) -> None:
    lifeline, held = os.pipe()
    namespaces.unshare(user=config["tier"] == "user_namespaces")
    init = os.fork()
    if init == 0:
        os.close(held)
        _init(config, lifeline)
        return
    os.waitpid(init, 0)
    os._exit(0)


def _init(config: dict[str, Any], lifeline: int) -> None:
    namespaces.prctl(namespaces.PR_SET_PDEATHSIG, namespaces.SIGKILL)
    os.set_blocking(lifeline, False)
    try:
        os.read(lifeline, 1)
        os._exit(1)  # end of file: the supervisor died before that prctl
    except BlockingIOError:
        pass
    namespaces.enter_private_root(config["scratch_mb"])
    namespaces.prctl(namespaces.PR_SET_DUMPABLE, 0)  # closes /proc/1/fd, ptrace and the like to the candidate
    candidate = os.fork()
    if candidate == 0:
        _candidate(config)
        return
    _report(candidate)
    os._exit(0)


def _supervise_tree(config: dict[str, Any]) -> None:
    import signal

    namespaces.prctl(namespaces.PR_SET_CHILD_SUBREAPER, 1)
    namespaces.prctl(namespaces.PR_SET_DUMPABLE, 0)
    signal.signal(signal.SIGTERM, lambda *_: _end_tree(1))
    candidate = os.fork()
    if candidate == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.chdir(config["workspace"])
        _candidate(config)
        return
    _report(candidate)
    _end_tree(0)


def _report(candidate: int) -> None:
    """Reap until the candidate is gone and say how it went."""
    pid = 0
    while pid != candidate:
        pid, status, usage = os.wait4(-1, 0)
    os.write(2, f"ended {status} {usage.ru_utime + usage.ru_stime:.3f}\n".encode())


def _end_tree(exit_code: int) -> None:
    """Kill and reap descendants until there are none, then leave."""
    while True:
        for pid in descendants(os.getpid()):
            os.kill(pid, namespaces.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            os._exit(exit_code)


def descendants(ancestor: int) -> list[int]:
    """Processes below `ancestor`, as /proc has them now."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", errors="replace") as file:
                    stat = file.read()
            except (FileNotFoundError, ProcessLookupError):  # it is gone since
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    found, pending = [], [ancestor]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return found


def _candidate(config: dict[str, Any]) -> None:
    os.setsid()
    os.closerange(3, 64)
    job = _read_job()
    null = os.open("/dev/null", os.O_RDWR)
    result_fd = -1
    if job["entry_point"] is not None:
        result_fd = os.dup(1)
        os.dup2(null, 0)
        os.dup2(null, 1)
    if config["tier"] != "user_namespaces":
        namespaces.become(config["uid"])
    namespaces.drop_capabilities()
    if os.path.exists("/proc/self/oom_score_adj"):  # when the host runs short the candidate goes first
        namespaces.write("/proc/self/oom_score_adj", "1000")
    namespaces.set_limits(**config["limits"])
    os.write(2, b"started\n")
    os.dup2(null, 2)
    os.close(null)
    if job["entry_point"] is None:
        harness.run_script(job["source"])
    else:
        harness.run_call(job["source"], job["entry_point"], job["args"], result_fd)


def _read_job() -> dict[str, Any]:
    length = int.from_bytes(_read_exactly(8), "big")
    return marshal.loads(_read_exactly(length))


def _read_exactly(size: int) -> bytes:
    """Unbuffered, so that what follows stays for the candidate."""
    parts = []
    while size:
        part = os.read(0, size)
        if not part:
            raise EOFError("the job ends early")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
