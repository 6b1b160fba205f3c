"""From a fork of the zygote to the first line of the program."""

from __future__ import annotations

import gc
import marshal
import os
import signal
import socket
from typing import Any, NoReturn

from rlvr.verifier.code.zygote import harness
from rlvr.verifier.code.zygote.wire import MESSAGE_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rlvr.verifier.code.zygote.houses import House

_RESULT = 3
"""Descriptor of the result of a call; takes the place of the first socket to the room."""


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
        job_fd, stdin_fd, output_fd = fds
        job = _read_job(job_fd)
        is_call = job["entry_point"] is not None
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null if is_call else stdin_fd, 0)
        os.dup2(null if is_call else output_fd, 1)
        os.dup2(null, 2)
        house.confine(config)
        control.send(marshal.dumps(("started",)))
    except Exception as failure:  # noqa: BLE001 - whatever it is, the room must hear of it and no program may run
        control.send(marshal.dumps(("broken", f"{type(failure).__name__}: {failure}"[:1000])))
        os._exit(1)
    control.detach()
    runs.detach()
    os.dup2(output_fd, _RESULT)
    os.closerange(_RESULT + is_call, 256)
    gc.enable()
    if is_call:
        harness.run_call(job["source"], job["entry_point"], job["args"], _RESULT)
    harness.run_script(job["source"])


def _read_job(fd: int) -> dict[str, Any]:
    with open(fd, "rb") as file:
        file.seek(0)
        return marshal.load(file)
