"""The pool of one verifier kind."""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from rlvr.core import metrics
from rlvr.core.errors import Overloaded, Unavailable
from rlvr.core.telemetry import get_logger
from rlvr.core.verdict import Grade, Reason, error, incorrect
from rlvr.v1 import verifier_pb2
from rlvr.verifier.pool.forker import Forker, ForkerLost
from rlvr.verifier.pool.member import Member, Progress, Task
from rlvr.verifier.pool.wire import WORKING, Phase
from rlvr.verifier.wire import to_verdict

log = get_logger("pool")

_TICK_S = 0.01
_PATIENCE = 3
"""So many deadlines of wall time end a task whatever processor time it had."""
_SLOW_S = 0.05
"""At its task for longer than this, a worker gets a stand-in, so that the next trace is graded at once."""
_MEMORY_CHECK_S = 1.0
_DEPTH = 8
"""Tasks a worker may hold, so that it need not wait for the pool between two of them."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """What a pool may use."""

    workers: int = os.cpu_count() or 1
    """Workers that are not stuck. As many again may be stuck and waiting for their deadline."""
    deadline_s: float = 2.0
    """Processor time that grading a completion may take, from when a worker began: on a machine with a core to
    spare the same as wall time. A worker is killed at three times as much wall time in any case."""
    memory_mb: int = 512
    """Memory a worker may take on top of what it has when it is forked."""
    max_queue: int = 20_000
    """Tasks that may wait; more are refused."""
    recycle_after: int = 20_000
    """Tasks after which a worker is replaced, against leaks. One that holds half of `memory_mb` is replaced sooner."""


class Pool:
    """Grades in worker processes. `grade` may be awaited in any thread's event loop; `start` and `close` belong
    to one, which must run as long as the pool does.

    The promise: a submitted task gets a verdict. A worker killed at its deadline while judging gives
    `incorrect`/`time_limit`; one that died, hung or stood still otherwise gives the task to another worker once,
    and then `error`.
    """

    def __init__(self, kind: str, forker: Forker, limits: PoolLimits) -> None:
        self._kind = kind
        self._forker = forker
        self._limits = limits
        self._members: set[Member] = set()
        self._forking = 0
        self._queue: deque[Task] = deque()
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._log = log.bind(verifier=kind)

    async def start(self) -> None:
        """Fork the workers.

        Raises:
            Unavailable: no worker could be forked.
        """
        self._loop = asyncio.get_running_loop()
        await asyncio.gather(*(self._fork() for _ in range(self._limits.workers)))
        if not self._members:
            raise Unavailable(f"no worker process for {self._kind} could be started; the log says why")
        self._spawn(self._watch())

    async def grade(
        self, item: verifier_pb2.VerifyItem, timeout_s: float, *, patient: bool = False
    ) -> verifier_pb2.Verdict:
        """Grade an item; `timeout_s` is how long the caller waits for grading to begin.

        The verdict has the grade, `duration_ms` and `queue_ms`; the rest is for the caller to add.

        Raises:
            Overloaded: too many tasks wait; never to a `patient` caller, who bounds what it has waiting.
        """
        assert self._loop is not None
        work = self._grade(item, timeout_s, patient)
        if asyncio.get_running_loop() is self._loop:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _grade(self, item: verifier_pb2.VerifyItem, timeout_s: float, patient: bool) -> verifier_pb2.Verdict:
        if len(self._queue) >= self._limits.max_queue and not patient:
            raise Overloaded(f"{len(self._queue)} traces already wait for {self._kind}", retry_after_seconds=1.0)
        now = time.monotonic()
        future: asyncio.Future[verifier_pb2.Verdict] = asyncio.get_running_loop().create_future()
        body = verifier_pb2.VerifyItem(completion=item.completion, spec_json=item.spec_json).SerializeToString()
        self._queue.append(Task(next(self._numbers), body, future, now, now + timeout_s))
        self._dispatch()
        return await future

    async def close(self) -> None:
        """Kill the workers; tasks without a verdict get `error`."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for member in list(self._members):
            member.kill("closing")
            member.close()
            for task_ in member.tasks.values():
                self._queue.append(task_)
        while self._queue:
            self._resolve(self._queue.popleft(), error(Reason.UNAVAILABLE, "the verifier is shutting down"))

    @property
    def problem(self) -> str:
        """Why the pool cannot grade; empty when it can."""
        return "" if self._members else f"no worker process for {self._kind} is alive"

    def _dispatch(self) -> None:
        """Give what waits to the workers that hold least."""
        while self._queue:
            ready = [m for m in self._members if not (m.slow or m.retiring) and len(m.tasks) < _DEPTH]
            if not ready:
                return
            member = min(ready, key=lambda m: len(m.tasks))
            # A deep queue is sent in chunks; a short one is spread over the workers.
            share = max(1, min(_DEPTH - len(member.tasks), len(self._queue) // len(ready)))
            chunk = self._take(share)
            if chunk:
                member.give(chunk)
                if member.given >= self._limits.recycle_after:
                    self._retire(member)

    def _take(self, count: int) -> list[Task]:
        """Up to `count` waiting tasks that somebody still waits for."""
        chunk: list[Task] = []
        now = time.monotonic()
        while self._queue and len(chunk) < count:
            task = self._queue.popleft()
            if task.future.done():
                continue
            if now > task.expires:
                self._resolve(task, error(Reason.QUEUE_TIMEOUT, "the deadline passed before grading began"))
                continue
            chunk.append(task)
        return chunk

    def _answered(self, member: Member, task: Task | None, verdict: verifier_pb2.Verdict) -> None:
        if task is not None and not task.future.done():
            waited = (time.monotonic() - task.queued) * 1000 - verdict.duration_ms
            verdict.queue_ms = max(0.0, waited)
            task.future.set_result(verdict)
        if member.slow:
            # It came back after a stand-in was forked; the pool has one too many now.
            member.slow = False
            self._retire_surplus()
        if member.retiring and not member.tasks:
            member.close()
        self._dispatch()

    def _resolve(self, task: Task, grade: Grade) -> None:
        if not task.future.done():
            verdict = to_verdict(grade)
            verdict.queue_ms = (time.monotonic() - task.queued) * 1000
            task.future.set_result(verdict)

    def _lost(self, member: Member) -> None:
        """A worker is gone: judge the task it was at, give the others back, fork another."""
        self._members.discard(member)
        metrics.POOL_WORKERS.labels(self._kind).set(len(self._members))
        if self._closing:
            return
        at = member.page.read()
        current = member.tasks.pop(at.task, None) if at.phase in WORKING else None
        # The rest were never begun: back to the front, in order, with nothing held against them.
        self._queue.extendleft(sorted(member.tasks.values(), key=lambda task: -task.number))
        member.tasks.clear()
        if current is not None:
            self._lost_on(current, member)
        if not member.retiring or current is not None:
            cause = member.killed_for or ("memory" if at.phase is Phase.SPENT else "died")
            metrics.POOL_RESTARTS.labels(self._kind, cause).inc()
            self._log.warning("worker lost", pid=member.pid, cause=cause)
        self._replenish()
        self._dispatch()

    def _lost_on(self, task: Task, member: Member) -> None:
        if member.killed_for == "candidate":
            detail = f"not decided within {self._limits.deadline_s:g} s"
            self._resolve(task, incorrect(Reason.TIME_LIMIT, detail))
            return
        task.attempts += 1
        if task.attempts < 2:
            self._queue.appendleft(task)
        elif member.killed_for == "stuck":
            self._resolve(task, error(Reason.GRADER_TIMEOUT, "the grader stood still, twice"))
        else:
            self._resolve(task, error(Reason.GRADER_CRASHED, "the grader died, twice"))

    async def _watch(self) -> None:
        """Kill workers at their deadline; give slow ones a stand-in; replace those that have grown."""
        overdue: dict[Member, int] = {}
        grown: set[Member] = set()
        memory_checked = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_S)
            if time.monotonic() - memory_checked > _MEMORY_CHECK_S:
                memory_checked = time.monotonic()
                grown = self._retire_grown(grown)
            for member in list(self._members):
                progress = member.progress()
                if progress is None:
                    continue
                if progress.seconds > _SLOW_S and not member.slow:
                    self._stand_in(member, progress)
                if self._is_over(progress):
                    # Seen overdue at the same task twice: a page read while it was written cannot kill.
                    if overdue.get(member) == progress.activity.task:
                        member.kill(self._whose_fault(progress))
                    overdue[member] = progress.activity.task
            overdue = {member: task for member, task in overdue.items() if member in self._members}
            self._expire_waiting()

    def _is_over(self, progress: Progress) -> bool:
        """At its deadline. A task that wants to run and is not let, on an overloaded machine, gets more wall time,
        so that a verdict does not depend on the load."""
        deadline_s = self._limits.deadline_s
        starved = progress.wants_cpu and not self._had_its_time(progress)
        return progress.seconds > (_PATIENCE * deadline_s if starved else deadline_s)

    def _had_its_time(self, progress: Progress) -> bool:
        # The kernel counts in ticks of 10 ms; one is forgiven at each end.
        return progress.cpu_seconds + 0.02 >= self._limits.deadline_s

    def _whose_fault(self, progress: Progress) -> str:
        judging = progress.activity.phase is Phase.JUDGING
        return "candidate" if judging and self._had_its_time(progress) else "stuck"

    def _stand_in(self, member: Member, progress: Progress) -> None:
        """The worker is busy for longer than usual: its other tasks go elsewhere and another takes its place."""
        member.slow = True
        others = [task for number, task in member.tasks.items() if number != progress.activity.task]
        for task in others:
            # It will still answer them when it comes to them; the first answer counts.
            del member.tasks[task.number]
        self._queue.extendleft(sorted(others, key=lambda task: -task.number))
        self._replenish()
        self._dispatch()

    def _expire_waiting(self) -> None:
        now = time.monotonic()
        while self._queue and now > self._queue[0].expires:
            self._resolve(
                self._queue.popleft(), error(Reason.QUEUE_TIMEOUT, "the deadline passed before grading began")
            )

    def _replenish(self) -> None:
        """Fork until as many workers as wanted are not stuck; at most as many again may be stuck."""
        able = sum(not (member.slow or member.retiring) for member in self._members) + self._forking
        total = len(self._members) + self._forking
        missing = min(self._limits.workers - able, 2 * self._limits.workers + 2 - total)
        for _ in range(missing):
            self._forking += 1
            self._spawn(self._fork_until_done())

    def _retire_surplus(self) -> None:
        able = [member for member in self._members if not (member.slow or member.retiring)]
        for member in able[self._limits.workers :]:
            self._retire(member)

    def _retire_grown(self, seen: set[Member]) -> set[Member]:
        """Replace workers that have grown and had at the last check, those in `seen`; the others that have now.

        What a worker holds counts against the next completion's memory.
        """
        grown = {
            member
            for member in self._members
            if member.memory() - member.memory_at_fork > self._limits.memory_mb * 2**20 / 2
            and not (member.slow or member.retiring)
        }
        for member in grown & seen:
            metrics.POOL_RESTARTS.labels(self._kind, "grown").inc()
            self._log.warning("worker is replaced: it has grown", pid=member.pid)
            self._retire(member)
        return grown - seen

    def _retire(self, member: Member) -> None:
        member.retiring = True
        if not member.tasks:
            member.close()
        self._replenish()

    async def _fork_until_done(self) -> None:
        pause = 0.05
        try:
            while not await self._fork():
                await asyncio.sleep(pause)
                pause = min(2 * pause, 5.0)
        finally:
            self._forking -= 1

    async def _fork(self) -> bool:
        try:
            cpu_s = math.ceil(_PATIENCE * self._limits.deadline_s) + 1
            memory_mb = self._limits.memory_mb
            member = await self._forker.fork(self._kind, memory_mb, cpu_s, self._answered, self._lost)
        except ForkerLost as failure:
            self._log.error("no worker could be forked", error=str(failure))
            return False
        if member.is_lost:
            return False
        self._members.add(member)
        metrics.POOL_WORKERS.labels(self._kind).set(len(self._members))
        self._dispatch()
        return True

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
