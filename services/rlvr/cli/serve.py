"""`rlvr serve`: become one room's process."""

from __future__ import annotations

import json
import os
import sys

from rlvr.cli.failure import Failure
from rlvr.embedded.plan import clean_environment


def become_room(room: str, kinds: list[str], engine: str) -> None:
    """Replace this process by the room's, which keeps its id: in a container that is the one that gets signals."""
    environ = clean_environment(os.environ)
    if kinds:
        if room != "verifier":
            raise Failure(f"--kinds is for the verifier, not for the {room}", exit_code=2)
        environ["RLVR_VERIFIER__KINDS"] = json.dumps(kinds)
    if engine:
        if room != "sampler":
            raise Failure(f"--engine is for the sampler, not for the {room}", exit_code=2)
        environ["RLVR_SAMPLER__ENGINE"] = engine
    os.execve(sys.executable, [sys.executable, "-m", f"rlvr.{room}"], environ)
