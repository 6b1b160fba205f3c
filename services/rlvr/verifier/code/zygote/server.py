"""The zygote's loop: start a run, wait for its end, say so; see `wire`."""

from __future__ import annotations

import marshal
import os
import select
import signal
import socket

from rlvr.verifier.code.zygote.candidate import become_candidate
from rlvr.verifier.code.zygote.houses import House
from rlvr.verifier.code.zygote.wire import MESSAGE_BYTES


def serve(control: socket.socket, house: House) -> None:
    """Serve runs until the room hangs up."""
    while True:
        message, fds, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 3)
        if not message:
            return
        kind, *details = marshal.loads(message)
        if kind != "run":  # a kill that came after the end of its run
            continue
        run = house.fork()
        if run == 0:
            become_candidate(house, details[0], control, *fds)
        for fd in fds:
            os.close(fd)
        connected = _wait(run, control)
        control_word = ("ended", *house.bury(run))
        if not connected:
            return
        control.send(marshal.dumps(control_word))


def _wait(run: int, control: socket.socket) -> bool:
    """Wait until a child is dead, killing it when the room says so or is gone; whether the room is still there."""
    connected = True
    dead = os.pidfd_open(run)
    try:
        poll = select.poll()
        poll.register(dead, select.POLLIN)
        poll.register(control, select.POLLIN)
        while dead not in (ready := dict(poll.poll())):
            if control.fileno() in ready:
                if not control.recv(MESSAGE_BYTES):
                    connected = False
                    poll.unregister(control)
                signal.pidfd_send_signal(dead, signal.SIGKILL)
    finally:
        os.close(dead)
    return connected
