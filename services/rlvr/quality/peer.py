"""Math-Verify as a judge, in a child process that is killed when it hangs."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any, Self

from rlvr.quality.judges import Judgement
from rlvr.quality.rows import Row

MISSING = "Math-Verify is not installed, so it is left out; to have it beside: pip install 'rlvr[quality]'"
_START_S = 60.0
_DEADLINE_S = 30.0
"""Wall time per row. Its own limits end most hangs after 5 s of parsing and 5 s of each comparison."""


def installed() -> bool:
    """Whether there is a Math-Verify to compare with."""
    return find_spec("math_verify") is not None


class PeerLost(RuntimeError):
    """The child process cannot be started."""


class PeerJudge:
    """Asks Math-Verify while it is entered; see `peer_child` for how.

    Entering raises PeerLost when it cannot be imported.
    """

    name = "math-verify"
    version = ""

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def takes(self, row: Row) -> bool:
        """Not rows with options of our spec, which it knows nothing of."""
        return not row.has_options

    def judge(self, rows: Sequence[Row]) -> Iterator[Judgement]:
        for row in rows:
            yield self._ask(row)

    def _ask(self, row: Row) -> Judgement:
        assert self._child.stdin is not None
        answer = row.spec["answer"]
        request = {"golds": answer if isinstance(answer, list) else [answer], "completion": row.completion}
        began = time.monotonic()
        try:
            self._child.stdin.write(json.dumps(request).encode() + b"\n")
            reply = self._reply(_DEADLINE_S)
        except BrokenPipeError:
            reply = None
        if reply is not None:
            return Judgement(**reply)
        waited = time.monotonic() - began
        self._stop()
        self._start()
        reason = "killed" if waited >= _DEADLINE_S else "died"
        return Judgement("error", reason, detail=f"{reason} after {waited:.0f} s", ms=waited * 1000)

    def _start(self) -> None:
        # In a session of its own, so that Ctrl-C is for us, and we end it.
        self._child = subprocess.Popen(
            [sys.executable, "-m", "rlvr.quality.peer_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        self._buffer = b""
        ready = self._reply(_START_S)
        if ready is None:
            self._stop()
            raise PeerLost("Math-Verify cannot be started: `python -m rlvr.quality.peer_child` says why")
        self.version = ready["version"]

    def _reply(self, timeout_s: float) -> dict[str, Any] | None:
        """The next line; None when the time is over or the child has ended."""
        assert self._child.stdout is not None
        deadline = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._child.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return None
                data = os.read(self._child.stdout.fileno(), 1 << 16)
                if not data:
                    return None
                self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _stop(self) -> None:
        self._child.kill()
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                stream.close()
