"""The first process of a box: a sandbox, built by something else, for one run of one program.

    stdin    from the room: our modules (see `boot`), then config; at the run a head, the job, the input, requests
    stdout   what the program answers, whatever that is
    stderr   lines to the room, which no candidate has a descriptor of:
                 ready                  a run can come
                 started                said by the run itself before the program's first line
                 broken TEXT            by the run, if it could not get that far
                 full                   the run had more files than it may, and has been ended
                 ended STATUS CPU_S N   the candidate's wait status, CPU seconds, processes killed for want of memory

When this process ends so does the box, with all that is in it. It ends with the candidate, and when the room hangs up.
"""

from __future__ import annotations

import fcntl
import gc
import marshal
import os
import select
import signal
import sys
from typing import Any, NoReturn

from rlvr.verifier.code.isolation import kernel, privileges, seccomp
from rlvr.verifier.code.isolation.mounts import SCRATCH
from rlvr.verifier.code.isolation.rlimits import set_limits
from rlvr.verifier.code.zygote import preload, program
from rlvr.verifier.code.zygote.boot import receive

_CONTROL = 5
_ENVIRONMENT = {"PATH", "PYTHONHASHSEED"}
"""What a candidate gets of the image's."""
_OLDEST = (3, 10)
_LOOK_EVERY_MS = 100
_MAX_FILES = 4096
_PART_BYTES = 2**20
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


def main() -> NoReturn:
    """Shut this process in, say so, wait for the run, and for its end."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # an init that handles no signal cannot be signalled from within
    os.dup2(2, _CONTROL)
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (2, 3, 4):  # the last two will be the candidate's
        os.dup2(null, fd)
    try:
        if sys.version_info < _OLDEST:
            raise OSError(f"Python {sys.version.split()[0]} is too old; {_OLDEST[0]}.{_OLDEST[1]} will do")
        config = _receive_message()
        preload.load()
        privileges.gain_nothing()
        privileges.keep_capabilities("SETUID", "SETGID")
        privileges.set_dumpable(False)
        system_calls = seccomp.make_filter(attributes=True)
    except Exception as failure:  # noqa: BLE001 - whatever it is, the room must hear of it
        _say(f"broken {_in_one_line(failure)}")
        os._exit(1)
    for name in os.environ.keys() - _ENVIRONMENT:
        del os.environ[name]
    gc.collect()
    gc.freeze()
    _say("ready")
    head = _receive_message()
    if head is None:
        os._exit(0)
    most_bytes = head["limits"]["scratch_mb"] * 2**20
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wake)
    candidate = os.fork()
    if candidate == 0:
        _become_candidate(config["uid"], head, system_calls)
    _wait_for(candidate, woken, most_bytes)


def _wait_for(candidate: int, woken: int, most_bytes: int) -> NoReturn:
    poll = select.poll()
    poll.register(woken, select.POLLIN)
    poll.register(0, 0)  # tells of nothing but the room's hanging up; what it says is the candidate's to read
    while True:
        for fd, _ in poll.poll(_LOOK_EVERY_MS):
            if fd == 0:
                os._exit(1)
            os.read(woken, 512)
        while (reaped := os.wait4(-1, os.WNOHANG))[0]:
            pid, status, usage = reaped
            if pid == candidate:
                _say(f"ended {status} {usage.ru_utime + usage.ru_stime:.6f} {_num_oom_kills()}")
                os._exit(0)
        if _is_full(most_bytes):
            _say("full")
            os._exit(0)


def _is_full(most_bytes: int) -> bool:
    """Whether the candidate's files are too many: a box that is ready for any run has room for more than this one's."""
    files = os.statvfs(SCRATCH)
    return (files.f_blocks - files.f_bfree) * files.f_frsize > most_bytes or files.f_files - files.f_ffree > _MAX_FILES


def _num_oom_kills() -> int:
    """By the box's own cgroup, of either version."""
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        try:
            with open(path) as file:
                words = file.read().split()
            return int(words[words.index("oom_kill") + 1])
        except (OSError, ValueError):
            continue
    return 0


def _become_candidate(uid: int | None, head: dict[str, Any], system_calls: bytes) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        job = marshal.loads(receive(head["job_bytes"]))
        input_fd = os.dup(0) if head["input_bytes"] is None else _input_file(head["input_bytes"])
        output_fd = os.dup(1)
        program.connect(job, input_fd, output_fd)
        privileges.become(uid)
        privileges.keep_capabilities()
        privileges.set_dumpable(True)  # or it could not open its own /dev/stdin
        try:
            kernel.write("/proc/self/oom_score_adj", "1000")  # when the box runs short the run goes first
        except OSError:
            pass
        os.chdir(SCRATCH)
        set_limits(**head["limits"])
        seccomp.install(system_calls)
        program.lay_out(job)
        _say("started")
    except Exception as failure:  # noqa: BLE001 - whatever it is, the room must hear of it and no program may run
        _say(f"broken {_in_one_line(failure)}")
        os._exit(1)
    program.become_program(job, input_fd, output_fd)


def _input_file(size: int) -> int:
    """What the room sends next, as a file in memory that nobody can write to any more."""
    fd = os.memfd_create("input", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    while size and (part := receive(min(size, _PART_BYTES))):
        size -= len(part)
        view = memoryview(part)
        while view:
            view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    return fd


def _receive_message() -> Any:
    """The room's next message: its length in 4 bytes, and marshalled; None if it hung up."""
    size = receive(4)
    return marshal.loads(receive(int.from_bytes(size, "little"))) if size else None


def _say(line: str) -> None:
    os.write(_CONTROL, line.encode(errors="replace") + b"\n")


def _in_one_line(failure: Exception) -> str:
    return " ".join(f"{type(failure).__name__}: {failure}".split())[:1000]
