"""Start of a zygote: `python -c BOOT SOURCE_ROOT`, with the socket `control` as fd 0."""

from __future__ import annotations

import gc
import marshal
import os
import signal
import socket
import sys

from rlvr.verifier.code.isolation import kernel
from rlvr.verifier.code.zygote import preload
from rlvr.verifier.code.zygote.houses import HOUSES, House
from rlvr.verifier.code.zygote.server import serve
from rlvr.verifier.code.zygote.wire import CONTROL, MESSAGE_BYTES, RUNS


def main() -> None:
    """Shut this process in as the room's first message says, tell it so, and serve runs until it hangs up."""
    del sys.path[0], sys.argv[1:]
    # An init that handles no signal cannot be signalled from within.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
    os.dup2(0, CONTROL)
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    os.closerange(CONTROL + 1, 256)
    control = socket.socket(fileno=CONTROL)
    message, fds, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 1)
    if not message:
        return
    tier, config = marshal.loads(message)
    if fds != [RUNS]:
        os.dup2(fds[0], RUNS)
        os.close(fds[0])
    preload.load()
    house: House = HOUSES[tier](config)
    # Children share what is not written to: no collection may touch these objects again.
    gc.collect()
    gc.freeze()
    gc.disable()
    control.send(marshal.dumps(("ready",)))
    os.dup2(0, 2)
    serve(control, socket.socket(fileno=RUNS), house)
