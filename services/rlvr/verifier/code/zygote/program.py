"""From a job, as it comes from the room, to its program: the part of a run's start that all tiers have in common."""

from __future__ import annotations

import gc
import marshal
import os
import sys
from typing import Any, NoReturn

from rlvr.verifier.code.zygote import examiner, harness

RESULT = 3
"""Descriptor of what is answered."""
_REQUESTS = 4
"""Descriptor of what is asked."""


def read_job(fd: int) -> dict[str, Any]:
    """The job in a sealed file."""
    with open(fd, "rb") as file:
        file.seek(0)
        return marshal.load(file)


def connect(job: dict[str, Any], input_fd: int, output_fd: int) -> None:
    """Make the standard streams what they are to the program."""
    null = os.open("/dev/null", os.O_RDWR)
    is_script = job["kind"] == "script"
    os.dup2(input_fd if is_script else null, 0)
    os.dup2(output_fd if is_script else null, 1)
    os.dup2(null, 2)


def lay_out(job: dict[str, Any]) -> None:
    """Put the files that belong to the program into its working folder, where it can import them."""
    for name, content in job["files"].items():
        if "/" in name:
            os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "wb") as file:
            file.write(content)
    if job["files"]:
        sys.path.append(os.getcwd())


def become_program(job: dict[str, Any], input_fd: int, output_fd: int) -> NoReturn:
    """Become the program of a job that is laid out, with all descriptors closed but those that are its own."""
    is_script = job["kind"] == "script"
    if is_script:
        os.closerange(RESULT, 256)
    else:
        os.dup2(output_fd, RESULT)
        os.dup2(input_fd, _REQUESTS)
        os.closerange(_REQUESTS + 1, 256)
    gc.enable()
    if job["kind"] == "tests":
        examiner.run_tests(job["source"], job["called"], job["nonce"], _REQUESTS, RESULT)
    if job["kind"] == "answers":
        harness.run_answers(job["source"], job["setup"], job["entry_point"], _REQUESTS, RESULT)
    harness.run_script(job["source"], job["argv"])
