"""From a job, as it comes from the room, to its program: the part of a run's start that all tiers have in common."""

from __future__ import annotations

import gc
import marshal
import os
import signal
import sys
from typing import Any, NoReturn

from rlvr.verifier.code.zygote import builder, examiner, harness

RESULT = 3
"""Descriptor of what is answered."""
_REQUESTS = 4
"""Descriptor of what is asked."""
_ON_STREAMS = ("script", "exec")
"""Kinds of jobs whose input and output are the standard ones."""
_CANNOT_EXECUTE = 127


def read_job(fd: int) -> dict[str, Any]:
    """The job in a sealed file."""
    with open(fd, "rb") as file:
        file.seek(0)
        return marshal.load(file)


def connect(job: dict[str, Any], input_fd: int, output_fd: int) -> None:
    """Make the standard streams what they are to the program."""
    null = os.open("/dev/null", os.O_RDWR)
    on_streams = job["kind"] in _ON_STREAMS
    os.dup2(input_fd if on_streams else null, 0)
    os.dup2(output_fd if on_streams else null, 1)
    os.dup2(null, 2)


def lay_out(job: dict[str, Any]) -> None:
    """Put the files that belong to the program into its working folder. Raises OSError: what it needs is not there."""
    for name, content in job["files"].items():
        if "/" in name:
            os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "wb") as file:
            file.write(content)
    if job["kind"] == "exec":
        builder.make_executable(job["argv"][0])
    elif job["kind"] == "compile":
        for argv in job["commands"]:
            builder.make_executable(argv[0])
    elif job["files"]:
        sys.path.append(os.getcwd())


def become_program(job: dict[str, Any], input_fd: int, output_fd: int) -> NoReturn:
    """Become the program of a job that is laid out, with all descriptors closed but those that are its own."""
    kind = job["kind"]
    if kind in _ON_STREAMS:
        os.closerange(RESULT, 256)
    else:
        os.dup2(output_fd, RESULT)
        os.dup2(input_fd, _REQUESTS)
        os.closerange(_REQUESTS + 1, 256)
    if kind == "exec":
        _execute(job["argv"], job["env"])
    gc.enable()
    if kind == "compile":
        os.close(_REQUESTS)
        builder.run_compilers(job["commands"], job["env"], RESULT)
    if kind == "tests":
        examiner.run_tests(job["source"], job["called"], job["nonce"], _REQUESTS, RESULT)
    if kind == "answers":
        harness.run_answers(job["source"], job["setup"], job["entry_point"], _REQUESTS, RESULT)
    harness.run_script(job["source"], job["argv"])


def _execute(argv: list[str], env: dict[str, str]) -> NoReturn:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # ignored by Python, and so by what it executes
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(argv[0], argv, builder.environment(env))
    except OSError:  # it is nothing that can be executed, or no memory is left to it
        os._exit(_CANNOT_EXECUTE)
