"""The pool of boxes, with boxes of nothing."""

import asyncio
import contextlib

import pytest

from rlvr.verifier.code.runner import Limits, RunnerUnavailable
from rlvr.verifier.code.runners.box import Box
from rlvr.verifier.code.runners.pool import Pool
from rlvr.verifier.code.spec import CodeSpec

WAIT_S = 100
LIMITS = Limits(20, 512, 2**20)
LOOPS = "while True: pass"
FIVE = CodeSpec(tests=[{"type": "stdio", "stdout": "5"}], time_limit_s=20)


class Counted(Box):
    """A box of nothing; the `broken`-th fails."""

    made: list["Counted"]
    broken: set[int]

    def __init__(self):
        super().__init__()
        self.made.append(self)
        self.number = len(self.made)
        self.removed = False

    async def start(self):
        await asyncio.sleep(0)
        if self.number in self.broken:
            raise RunnerUnavailable(f"box {self.number}")

    async def remove(self):
        self.removed = True


@pytest.fixture
def make():
    return type("Box", (Counted,), {"made": [], "broken": set()})


async def test_a_pool_builds_ahead_and_gives_each_box_once(make):
    pool = Pool(make, 2, WAIT_S)
    boxes = [await pool.take() for _ in range(4)]
    assert [box.number for box in boxes] == [1, 2, 3, 4]
    await pool.settled()
    assert len(make.made) == 6
    for box in boxes:
        pool.give_back(box)
    await pool.close()
    assert all(box.removed for box in make.made)


async def test_a_pool_tells_of_a_broken_box_once_and_gets_over_it(make):
    make.broken = {1, 2, 3}
    pool = Pool(make, 2, WAIT_S)
    with pytest.raises(RunnerUnavailable, match="box 1"):
        await pool.take()
    await pool.settled()
    assert (await pool.take()).number == 4
    await pool.settled()
    make.made[4].lose("gone")
    assert (await pool.take()).number == 6 and make.made[4].number == 5
    await pool.close()
    assert all(box.removed for box in make.made if box.number not in (4, 6))


async def test_a_pool_keeps_the_box_of_a_run_that_was_cancelled_while_it_waited(make):
    pool = Pool(make, 1, WAIT_S)
    waiting = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    assert (await pool.take()).number == 1
    await pool.close()
