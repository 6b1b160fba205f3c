"""The stream layer on a real Redis: nothing lost, nothing done twice, the dead's work taken over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from rlvr.core.settings import StreamSettings
from rlvr.core.streams import GROUP, Consumer, Entry, Finished, NotNow, Outgoing, StreamWorker, add, keys
from rlvr.core.streams.scripts import Script
from rlvr.v1 import trace_pb2

STEADY = StreamSettings(min_idle_s=600, heartbeat_s=0.1, max_deliveries=3)
"""No worker that lives is taken for dead, though the machine may stand still for seconds."""
HASTY = STEADY.model_copy(update={"min_idle_s": 0.4})
"""Entries that nobody holds are taken over at once."""
WAIT_S = 60


def trace(name: str) -> trace_pb2.TraceEntry:
    return trace_pb2.TraceEntry(trace_id=name)


def name_of(entry: Entry) -> str:
    return trace_pb2.TraceEntry.FromString(entry.payload).trace_id


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.005)


async def until_length(redis: Redis, stream: str, length: int) -> None:
    deadline = time.monotonic() + WAIT_S
    while await redis.xlen(stream) != length:
        assert time.monotonic() < deadline, f"{stream} has {await redis.xlen(stream)} entries, not {length}"
        await asyncio.sleep(0.005)


class Recorder:
    """A handler that notes what it was given and does what a test asks."""

    def __init__(self, behaviour: Callable[[str, int], None] | None = None) -> None:
        self.seen: list[str] = []
        self.blocked: asyncio.Event | None = None
        self._behaviour = behaviour or (lambda name, nth: None)

    async def __call__(self, entry: Entry) -> Finished | None:
        name = name_of(entry)
        self.seen.append(name)
        if self.blocked is not None:
            await self.blocked.wait()
        self._behaviour(name, self.seen.count(name))
        return Finished(f"result:{name}", name.encode(), [Outgoing.of("out", trace(name), entry.traceparent)])


def tell(entry: Entry, error: str) -> Sequence[Outgoing]:
    return [Outgoing.of("out", trace(f"{name_of(entry)} was given up"))]


def worker(
    redis: Redis, recorder: Recorder, name: str = "w0", *, capacity: int = 16, settings: StreamSettings = STEADY
) -> StreamWorker:
    consumer = Consumer(redis, "in", name)
    return StreamWorker(consumer, settings, handler=recorder, bury=tell, capacity=capacity, name=name)


async def test_an_entry_is_finished_once_however_often_it_is_delivered(redis: Redis) -> None:
    consumer = Consumer(redis, "in", "a")
    await consumer.ensure_group()
    await add(redis, "in", trace("t"))
    (entry,) = await consumer.read(10, 0)
    (again,) = await Consumer(redis, "in", "b").claim(10, 0)
    done = (entry, "result:t", b"first", [Outgoing.of("out", trace("t"))])
    redone = (again, "result:t", b"second", [Outgoing.of("out", trace("t"))])
    assert await consumer.finish([done, redone, done], 60_000) == [True, False, False]
    assert await redis.get("result:t") == b"first"
    assert await redis.xlen("out") == 1
    assert await redis.xlen("in") == 0


async def test_trace_context_is_passed_on(redis: Redis) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await add(redis, "in", trace("t"), parent)
    (entry,) = await Consumer(redis, "in", "a").read(1, 0)
    assert entry.traceparent.split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    assert entry.traceparent.split("-")[2] != "b7ad6b7169203331"


async def test_lag_and_pending_count_what_is_left(redis: Redis) -> None:
    consumer = Consumer(redis, "in", "a")
    for n in range(5):
        await add(redis, "in", trace(str(n)))
    entries = await consumer.read(2, 0)
    stats = await consumer.stats()
    assert (stats.lag, stats.pending) == (3, 2)
    await consumer.discard(entries)
    stats = await consumer.stats()
    assert (stats.lag, stats.pending) == (3, 0)


async def test_a_worker_takes_over_what_its_former_life_left(redis: Redis) -> None:
    await add(redis, "in", trace("t"))
    await Consumer(redis, "in", "w0").read(10, 0)
    (entry,) = await Consumer(redis, "in", "w0").recover(10)
    assert name_of(entry) == "t"
    assert entry.deliveries == 2


async def grow_old(redis: Redis, consumer: str) -> None:
    """Let Redis think that the consumer was last heard of twice min_idle ago."""
    (held,) = await redis.xpending_range("in", GROUP, "-", "+", 10, consumer)
    old_ms = round(2000 * STEADY.min_idle_s)
    await redis.xclaim("in", GROUP, consumer, 0, [held["message_id"]], idle=old_ms, justid=True)


async def idle_s(redis: Redis, consumer: str) -> float:
    (held,) = await redis.xpending_range("in", GROUP, "-", "+", 10, consumer)
    return float(held["time_since_delivered"]) / 1000


async def test_a_dead_workers_entries_are_claimed_and_a_live_ones_are_not(redis: Redis) -> None:
    recorder, stopping = Recorder(), asyncio.Event()
    recorder.blocked = asyncio.Event()
    await add(redis, "in", trace("slow"))
    slow = asyncio.create_task(worker(redis, recorder, "live", capacity=1).run(stopping))
    await until(lambda: recorder.seen == ["slow"])
    await grow_old(redis, "live")
    # In hand for longer than min_idle, as Redis counts; the next heartbeat says that it is in good hands.
    async with asyncio.timeout(WAIT_S):
        while await idle_s(redis, "live") >= STEADY.min_idle_s:
            await asyncio.sleep(0.005)
    await add(redis, "in", trace("orphan"))
    await Consumer(redis, "in", "dead").read(1, 0)
    await grow_old(redis, "dead")
    other = Recorder()
    second = asyncio.create_task(worker(redis, other, "second").run(stopping))
    await until_length(redis, "out", 1)
    assert (other.seen, recorder.seen) == (["orphan"], ["slow"])
    recorder.blocked.set()
    await until_length(redis, "out", 2)
    stopping.set()
    await asyncio.gather(slow, second)


async def test_a_failing_entry_is_tried_again_and_then_buried_with_its_error(redis: Redis) -> None:
    def behave(name: str, nth: int) -> None:
        if name == "poison" or (name == "flaky" and nth == 1):
            raise ValueError(f"{name} {nth}")

    recorder, stopping = Recorder(behave), asyncio.Event()
    for name in ("poison", "flaky", "good"):
        await add(redis, "in", trace(name))
    run = asyncio.create_task(worker(redis, recorder).run(stopping))
    await until_length(redis, keys.DEAD, 1)
    await until_length(redis, "out", 3)
    stopping.set()
    await run
    assert recorder.seen.count("poison") == STEADY.max_deliveries
    assert recorder.seen.count("flaky") == 2
    ((_, letter),) = await redis.xrange(keys.DEAD)
    dead = trace_pb2.DeadEntry.FromString(letter[b"p"])
    assert (dead.stream, dead.error, dead.deliveries) == ("in", "ValueError: poison 3", 3)
    told = {trace_pb2.TraceEntry.FromString(fields[b"p"]).trace_id for _, fields in await redis.xrange("out")}
    assert told == {"good", "flaky", "poison was given up"}
    assert await redis.xlen("in") == 0


async def test_an_entry_that_kills_its_worker_is_buried_in_the_end(redis: Redis) -> None:
    await add(redis, "in", trace("killer"))
    for _ in range(STEADY.max_deliveries):
        life = Consumer(redis, "in", "w0")
        await life.recover(1) or await life.read(1, 0)
    recorder, stopping = Recorder(), asyncio.Event()
    run = asyncio.create_task(worker(redis, recorder).run(stopping))
    await until_length(redis, keys.DEAD, 1)
    stopping.set()
    await run
    assert recorder.seen == []


async def test_recovered_entries_are_delivered_once_and_new_ones_flow_meanwhile(redis: Redis) -> None:
    for n in range(5):
        await add(redis, "in", trace(f"old {n}"))
    await Consumer(redis, "in", "w0").read(10, 0)
    recorder, stopping = Recorder(), asyncio.Event()
    recorder.blocked = asyncio.Event()
    run = asyncio.create_task(worker(redis, recorder, capacity=8).run(stopping))
    await until(lambda: len(recorder.seen) == 5)
    await add(redis, "in", trace("new"))
    await until(lambda: "new" in recorder.seen)
    counts = {row["times_delivered"] for row in await redis.xpending_range("in", "workers", "-", "+", 10)}
    assert counts == {1, 2}
    recorder.blocked.set()
    await until_length(redis, "out", 6)
    stopping.set()
    await run


async def test_a_full_redis_is_waited_out(redis: Redis) -> None:
    recorder, stopping = Recorder(), asyncio.Event()
    for n in range(5):
        await add(redis, "in", trace(str(n)))
    recorder.blocked = asyncio.Event()
    run = asyncio.create_task(worker(redis, recorder).run(stopping))
    await until(lambda: len(recorder.seen) == 5)
    await redis.config_set("maxmemory", 1)
    try:
        recorder.blocked.set()
        full_since = time.monotonic()
        await until(lambda: time.monotonic() - full_since > 0.5)
        assert await redis.xlen("out") == 0
    finally:
        await redis.config_set("maxmemory", 0)
    await until_length(redis, "out", 5)
    assert await redis.xlen("in") == 0
    stopping.set()
    await run


async def test_a_worker_that_redis_refuses_ends_instead_of_sitting_on_its_entries(redis: Redis) -> None:
    recorder = Recorder()
    recorder.blocked = asyncio.Event()
    await add(redis, "in", trace("t"))
    run = asyncio.create_task(worker(redis, recorder).run(asyncio.Event()))
    await until(lambda: recorder.seen == ["t"])
    await redis.delete("in")
    await redis.set("in", "not a stream")
    recorder.blocked.set()
    with pytest.raises(ResponseError):
        async with asyncio.timeout(WAIT_S):
            await run


async def test_what_cannot_be_done_now_is_left_for_another_worker(redis: Redis) -> None:
    def refuse(name: str, nth: int) -> None:
        raise NotNow("no engine")

    await add(redis, "in", trace("t"))
    unable, able, stopping = Recorder(refuse), Recorder(), asyncio.Event()
    first_stop = asyncio.Event()
    first = asyncio.create_task(worker(redis, unable, "unable").run(first_stop))
    await until(lambda: unable.seen == ["t"])
    first_stop.set()
    await first
    second = asyncio.create_task(worker(redis, able, "able", settings=HASTY).run(stopping))
    await until_length(redis, "out", 1)
    assert await redis.xlen(keys.DEAD) == 0
    stopping.set()
    await second


async def test_a_worker_that_was_late_changes_nothing_when_the_result_is_gone(redis: Redis) -> None:
    consumer = Consumer(redis, "in", "a")
    await add(redis, "in", trace("t"))
    (entry,) = await consumer.read(1, 0)
    done = (entry, "result:t", b"x", [Outgoing.of("out", trace("t"))])
    assert await consumer.finish([done], 60_000) == [True]
    await redis.delete("result:t")
    assert await consumer.finish([done], 60_000) == [False]
    assert await redis.xlen("out") == 1


async def test_an_entry_that_is_no_message_is_buried(redis: Redis) -> None:
    await redis.xadd("in", {"p": b"\xff\xff", "t": "x"})
    recorder, stopping = Recorder(), asyncio.Event()
    run = asyncio.create_task(worker(redis, recorder).run(stopping))
    await until_length(redis, keys.DEAD, 1)
    await until_length(redis, "in", 0)
    stopping.set()
    await run


async def test_capacity_bounds_what_is_in_hand(redis: Redis) -> None:
    recorder, stopping = Recorder(), asyncio.Event()
    recorder.blocked = asyncio.Event()
    for n in range(50):
        await add(redis, "in", trace(str(n)))
    run = asyncio.create_task(worker(redis, recorder, capacity=7).run(stopping))
    await until(lambda: len(recorder.seen) == 7)
    assert (await Consumer(redis, "in", "looker").stats()).pending == 7
    recorder.blocked.set()
    await until_length(redis, "out", 50)
    stopping.set()
    await run


async def test_stopping_finishes_what_is_in_hand_and_reads_no_more(redis: Redis) -> None:
    recorder, stopping = Recorder(), asyncio.Event()
    recorder.blocked = asyncio.Event()
    for n in range(10):
        await add(redis, "in", trace(str(n)))
    run = asyncio.create_task(worker(redis, recorder, capacity=4).run(stopping))
    await until(lambda: len(recorder.seen) == 4)
    stopping.set()
    recorder.blocked.set()
    await run
    assert await redis.xlen("out") == 4
    stats = await Consumer(redis, "in", "looker").stats()
    assert (stats.lag, stats.pending) == (6, 0)


async def test_broken_connections_are_a_pause(redis: Redis, redis_url: str) -> None:
    recorder, stopping = Recorder(), asyncio.Event()
    # A reply that was lost with its connection leaves entries that nobody knows of.
    run = asyncio.create_task(worker(redis, recorder, settings=HASTY).run(stopping))
    killer = Redis.from_url(redis_url)
    for n in range(40):
        await add(killer, "in", trace(str(n)))
        if n % 10 == 5:
            await killer.client_kill_filter(_type="normal", skipme=True)
    await until_length(killer, "out", 40)
    assert await killer.xlen("in") == 0
    stopping.set()
    await run
    await killer.aclose()


async def test_a_redis_that_forgot_its_scripts_is_taught_them_again(redis: Redis) -> None:
    script = Script(redis, "finish")
    call = (["result", "in"], ["workers", "0-1", b"x", 1000])
    await Consumer(redis, "in", "a").ensure_group()
    assert await script.many(redis, [call]) == [0]
    await redis.script_flush()
    assert await script.many(redis, [call, call]) == [0, 0]


async def assemble(redis: Redis, group: str, member: str) -> list[bytes]:
    return await Script(redis, "assemble")([keys.group(group), keys.members(group)], [member, f"<{member}>", 60_000])


async def test_a_group_is_assembled_once_all_its_traces_are_there(redis: Redis) -> None:
    await redis.hset(keys.group("g"), mapping={"state": "open", "size": 3})
    assert await assemble(redis, "g", "g/0") == [b"wait", 1]
    assert await assemble(redis, "g", "g/1") == [b"wait", 2]
    assert await assemble(redis, "g", "g/1") == [b"dup", 2]
    complete = await assemble(redis, "g", "g/2")
    assert (complete[0], set(complete[1:])) == (b"complete", {b"<g/0>", b"<g/1>", b"<g/2>"})
    # The coordinator died before it settled the group: the redelivered entry finds it complete again.
    assert (await assemble(redis, "g", "g/2"))[0] == b"complete"
    await redis.hset(keys.group("g"), "state", "dropped")
    assert await assemble(redis, "g", "g/0") == [b"late"]
    assert await assemble(redis, "unknown", "x/0") == [b"late"]


@pytest.mark.parametrize("count", [1, 500])
async def test_many_entries_are_each_handled_once(redis: Redis, count: int) -> None:
    for n in range(count):
        await add(redis, "in", trace(str(n)))
    recorders, stopping = [Recorder(), Recorder()], asyncio.Event()
    runs = [asyncio.create_task(worker(redis, r, f"w{i}").run(stopping)) for i, r in enumerate(recorders)]
    await until_length(redis, "out", count)
    stopping.set()
    await asyncio.gather(*runs)
    assert sorted(recorders[0].seen + recorders[1].seen) == sorted(str(n) for n in range(count))
