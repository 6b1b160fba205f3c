"""The zygote's loop: fork for the next run, wait for its end, say so; see `wire`.

The fork comes before the run is asked for, so that all that takes long is done when it is.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import socket
from itertools import count

from rlvr.verifier.code.zygote.candidate import become_candidate
from rlvr.verifier.code.zygote.houses import House
from rlvr.verifier.code.zygote.wire import MESSAGE_BYTES


def serve(control: socket.socket, runs: socket.socket, house: House) -> None:
    """Serve runs until the room hangs up."""
    for number in count(1):
        run = house.fork()
        if run == 0:
            become_candidate(house, control, runs)
        connected = _wait(run, number, control)
        status, cpu_s = house.bury(run)
        if not connected:
            return
        control.send(marshal.dumps(("ended", status, cpu_s)))


def _wait(run: int, number: int, control: socket.socket) -> bool:
    """Wait until a child is dead, killing it when the room says so or is gone; whether the room is still there."""
    connected = True
    dead = os.pidfd_open(run)
    try:
        poll = select.poll()
        poll.register(dead, select.POLLIN)
        poll.register(control, select.POLLIN)
        while dead not in (ready := dict(poll.poll())):
            if control.fileno() in ready:
                message = control.recv(MESSAGE_BYTES)
                if not message:
                    connected = False
                    poll.unregister(control)
                if not message or marshal.loads(message) == ("kill", number):
                    signal.pidfd_send_signal(dead, signal.SIGKILL)
    finally:
        os.close(dead)
    return connected
