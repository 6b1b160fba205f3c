"""A grader that does to its worker what the completion says: a fake kept to the `Grader` protocol."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from rlvr.core.verdict import Grade, Reason, correct, incorrect
from rlvr.verifier.protocol import InvalidSpec, Spec

HOARD: list[bytes] = []
"""What is never given back."""


class HostileSpec(Spec):
    answer: str
    marker: str = ""
    """A file to append a line to for each time the completion is judged."""


class HostileGrader:
    name = "hostile"
    version = "1.0.0"
    spec = HostileSpec
    warm: tuple[str, ...] = ()

    def prepare(self, spec: HostileSpec) -> HostileSpec:
        if spec.answer == "":
            raise InvalidSpec("answer: is empty", reason="gold_unparseable")
        if spec.answer == "hang":
            while True:
                pass
        return spec

    def judge(self, completion: str, gold: HostileSpec) -> Grade:
        if gold.marker:
            self._note(completion, gold)
        match completion:
            case "burn":
                while True:
                    pass
            case "nap":
                time.sleep(0.1)
            case "sleep":
                time.sleep(3600)
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "die once":
                with open(gold.marker) as file:
                    if len(file.readlines()) == 1:
                        os._exit(3)
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "eat":
                list(range(10**9))
            case "hoard":
                HOARD.append(bytes(40 << 20))
            case "spawn and burn" | "spawn and die":
                child = subprocess.Popen(["sleep", "3600"])
                self._note(child.pid, gold)
                return self.judge(completion.rpartition(" ")[2], HostileSpec(answer=""))
            case "fork and die":
                child_pid = os.fork()
                if child_pid == 0:
                    time.sleep(3600)  # with a copy of the worker's socket
                self._note(child_pid, gold)
                os._exit(3)
            case "dig":
                return self.judge(completion, gold)
            case "raise":
                raise KeyError("a bug")
        return correct(Reason.EQUIVALENT) if completion == gold.answer else incorrect(Reason.NOT_EQUIVALENT)

    @staticmethod
    def _note(what: object, gold: HostileSpec) -> None:
        with open(gold.marker, "a") as file:
            file.write(f"{what}\n")
