"""The nursery: a process with one thread that has imported the graders and forks a warm worker on request.

The room itself cannot fork safely (gRPC has threads) and spawning would import SymPy anew, 0.7 s each time.
Requests come on a seqpacket socket as JSON, each with two descriptors: the worker's socket and its page.
"""

from __future__ import annotations

import argparse
import array
import ctypes
import gc
import json
import os
import resource
import signal
import socket
import sys
import time
from collections import OrderedDict
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rlvr.core.verdict import Grade, Reason, error, incorrect, invalid
from rlvr.v1 import verifier_pb2
from rlvr.verifier import registry
from rlvr.verifier.pool.wire import Frames, Page, Phase, frame
from rlvr.verifier.protocol import Grader, InvalidSpec
from rlvr.verifier.wire import to_verdict

_PR_SET_PDEATHSIG = 1
_MAX_GOLDS = 512
_MAX_CACHED_SPEC = 16_384
"""Characters; longer specs are read anew each time, so that the cache cannot fill a worker's memory."""
_FLUSH_S = 0.001


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, however that ends."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")


class Worker:
    """Grades the tasks of one kind, one at a time, until its socket closes."""

    def __init__(self, grader: Grader[Any, Any], sock: socket.socket, page: Page, cpu_s: int) -> None:
        self._grader = grader
        self._sock = sock
        self._page = page
        self._cpu_s = cpu_s
        self._cpu_limit = 0
        self._is_spent = False
        self._golds: OrderedDict[str, Any] = OrderedDict()
        self._answers = bytearray()
        self._flushed = 0.0

    def serve(self) -> None:
        """Read tasks, write grades, until the socket closes or a task took all the memory.

        Answers wait for each other for at most a millisecond.
        """
        frames = Frames()
        while data := self._sock.recv(1 << 18):
            for task, body in frames.feed(data):
                self._answers += frame(task, self._grade(task, body))
                if self._is_spent:
                    self._page.phase(Phase.SPENT)
                    self._flush()
                    return
                if time.monotonic() - self._flushed > _FLUSH_S:
                    self._flush()
            self._flush()

    def _flush(self) -> None:
        self._sock.sendall(self._answers)
        self._answers.clear()
        self._flushed = time.monotonic()

    def _grade(self, task: int, body: bytes) -> bytes:
        item = verifier_pb2.VerifyItem.FromString(body)
        begin, cpu = time.monotonic(), time.process_time()
        self._page.write(task, begin, cpu, Phase.PREPARING)
        self._limit_cpu(cpu)
        gold = self._gold(item.spec_json)
        if isinstance(gold, Grade):
            grade = gold
        else:
            self._page.phase(Phase.JUDGING)
            grade = self._judge(item.completion, gold)
        verdict = to_verdict(grade)
        verdict.duration_ms = (time.monotonic() - begin) * 1000
        self._page.phase(Phase.IDLE)
        return verdict.SerializeToString()

    def _limit_cpu(self, used: float) -> None:
        """Have the kernel end this process where the pool does not: should the room stand still."""
        limit = int(used) + self._cpu_s
        if limit != self._cpu_limit:
            resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
            self._cpu_limit = limit

    def _gold(self, spec_json: str) -> Any:
        """The prepared gold, from the cache if this spec was seen; a Grade when the spec cannot be graded."""
        if spec_json in self._golds:
            self._golds.move_to_end(spec_json)
            return self._golds[spec_json]
        try:
            spec = self._grader.spec.model_validate_json(spec_json or "{}")
            gold = self._grader.prepare(spec)
        except ValidationError as failure:
            gold = invalid(Reason.BAD_SPEC, explain(failure))
        except InvalidSpec as failure:
            gold = invalid(Reason(failure.reason), str(failure))
        except (MemoryError, RecursionError) as failure:
            self._is_spent = isinstance(failure, MemoryError)
            return invalid(Reason.GOLD_UNPARSEABLE, "spec: too large or too deeply nested to be read")
        except Exception as failure:  # noqa: BLE001 - the boundary: a bug of ours is an error, never a score
            return error(Reason.GRADER_CRASHED, f"reading the spec raised {type(failure).__name__}: {failure}")
        if len(spec_json) > _MAX_CACHED_SPEC:
            return gold
        self._golds[spec_json] = gold
        if len(self._golds) > _MAX_GOLDS:
            self._golds.popitem(last=False)
        return gold

    def _judge(self, completion: str, gold: Any) -> Grade:
        try:
            return self._grader.judge(completion, gold)
        except MemoryError:
            self._is_spent = True
            return incorrect(Reason.MEMORY_LIMIT, "reading the answer took more memory than a grader has")
        except RecursionError:
            return incorrect(Reason.TOO_LARGE, "the answer is nested too deeply")
        except Exception as failure:  # noqa: BLE001 - the boundary: a bug of ours is an error, never a score
            return error(Reason.GRADER_CRASHED, f"grading raised {type(failure).__name__}: {failure}")


def explain(failure: ValidationError) -> str:
    """A spec's problems, each with the field's path."""
    lines = [
        f"spec.{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}".replace("spec.:", "spec:")
        for problem in failure.errors()
    ]
    return "; ".join(lines)


def _become_worker(grader: Grader[Any, Any], sock: socket.socket, page: Page, memory_mb: int, cpu_s: int) -> None:
    """In the forked child: a process group of its own, limits, then serve until the socket closes. Never returns."""
    try:
        os.setpgid(0, 0)
        die_with_parent()
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        cap = held + memory_mb * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_AS, (cap, cap))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        Worker(grader, sock, page, cpu_s).serve()
    except BaseException as failure:  # noqa: BLE001 - the child must not run the parent's code, whatever happens
        os.write(2, f"worker {os.getpid()}: {type(failure).__name__}: {failure}\n".encode(errors="replace"))
        os._exit(1)
    os._exit(0)


def nursery(control: socket.socket, paths: dict[str, str]) -> None:
    """Import the graders, say so, then fork on request until the room closes the socket."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the room; it closes the socket.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The kernel reaps; the pool sees the socket close.
    graders: dict[str, Grader[Any, Any]] = {kind: registry.load(path)() for kind, path in paths.items()}
    for grader in graders.values():
        for module in grader.warm:
            import_module(module)
    gc.collect()
    gc.freeze()
    described = {
        kind: {"version": grader.version, "schema": grader.spec.model_json_schema()} for kind, grader in graders.items()
    }
    control.send(json.dumps({"ready": described}).encode())
    while True:
        message, ancillary, _flags, _address = control.recvmsg(4096, socket.CMSG_SPACE(2 * array.array("i").itemsize))
        if not message:
            return
        fds = array.array("i")
        for _level, _type, data in ancillary:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
        request = json.loads(message)
        sock_fd, page_fd = fds
        pid = os.fork()
        if pid == 0:
            control.close()
            grader, sock, page = graders[request["kind"]], socket.socket(fileno=sock_fd), Page(page_fd)
            _become_worker(grader, sock, page, request["memory_mb"], request["cpu_s"])
        with suppress(ProcessLookupError):  # Both do it, so that the group is there when either goes on.
            os.setpgid(pid, pid)
        os.close(sock_fd)
        os.close(page_fd)
        control.send(json.dumps({"pid": pid}).encode())


def main() -> None:
    """`python -m rlvr.verifier.pool.nursery --fd N KIND=MODULE:CLASS ...`: started by the pool, not by a person."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("graders", nargs="+")
    options = parser.parse_args()
    sys.setrecursionlimit(2_000)
    nursery(socket.socket(fileno=options.fd), dict(grader.split("=", 1) for grader in options.graders))


if __name__ == "__main__":
    main()
