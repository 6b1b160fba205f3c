"""From a fork of the zygote to the first line of the program."""

from __future__ import annotations

import gc
import marshal
import os
import signal
import socket
import sys
from typing import Any, NoReturn

from rlvr.verifier.code.zygote import examiner, harness
from rlvr.verifier.code.zygote.wire import MESSAGE_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rlvr.verifier.code.zygote.houses import House

_RESULT = 3
"""Descriptor of what is answered; takes the place of the first socket to the room."""
_REQUESTS = 4
"""Descriptor of what is asked."""


def become_candidate(house: House, control: socket.socket, runs: socket.socket) -> NoReturn:
    """Wait for a run, shut this process in, say that the program starts, and run it."""
    try:
        house.enter()
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        message, fds, _, _ = socket.recv_fds(runs, MESSAGE_BYTES, 3)
        if not message:
            os._exit(0)
        config = marshal.loads(message)[0]
        job_fd, input_fd, output_fd = fds
        job = _read_job(job_fd)
        is_script = job["kind"] == "script"
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(input_fd if is_script else null, 0)
        os.dup2(output_fd if is_script else null, 1)
        os.dup2(null, 2)
        house.confine(config)
        _write_files(job["files"])
        control.send(marshal.dumps(("started",)))
    except Exception as failure:  # noqa: BLE001 - whatever it is, the room must hear of it and no program may run
        control.send(marshal.dumps(("broken", f"{type(failure).__name__}: {failure}"[:1000])))
        os._exit(1)
    control.detach()
    runs.detach()
    os.dup2(output_fd, _RESULT)
    if not is_script:
        os.dup2(input_fd, _REQUESTS)
    os.closerange(_RESULT if is_script else _REQUESTS + 1, 256)
    gc.enable()
    if job["kind"] == "tests":
        examiner.run_tests(job["source"], job["called"], job["nonce"], _REQUESTS, _RESULT)
    if job["kind"] == "answers":
        harness.run_answers(job["source"], job["setup"], job["entry_point"], _REQUESTS, _RESULT)
    harness.run_script(job["source"], job["argv"])


def _read_job(fd: int) -> dict[str, Any]:
    with open(fd, "rb") as file:
        file.seek(0)
        return marshal.load(file)


def _write_files(files: dict[str, bytes]) -> None:
    """Put the files that belong to the program into its working folder, where it can import them."""
    for name, content in files.items():
        if "/" in name:
            os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "wb") as file:
            file.write(content)
    if files:
        sys.path.append(os.getcwd())
