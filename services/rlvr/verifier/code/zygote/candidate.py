"""From a fork of the zygote to the first line of the program."""

from __future__ import annotations

import marshal
import os
import signal
import socket
from typing import NoReturn

from rlvr.verifier.code.zygote import program
from rlvr.verifier.code.zygote.wire import MESSAGE_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rlvr.verifier.code.zygote.houses import House


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
        job = program.read_job(job_fd)
        program.connect(job, input_fd, output_fd)
        house.confine(config)
        program.lay_out(job)
        control.send(marshal.dumps(("started",)))
    except Exception as failure:  # noqa: BLE001 - whatever it is, the room must hear of it and no program may run
        control.send(marshal.dumps(("broken", f"{type(failure).__name__}: {failure}"[:1000])))
        os._exit(1)
    control.detach()
    runs.detach()
    program.become_program(job, input_fd, output_fd)
