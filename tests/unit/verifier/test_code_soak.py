"""A short soak; `tests/soak/soak_code.py` is the long one."""

import asyncio

import pytest

from code_soak import HOSTILE, HOSTILE_SPEC, RIGHT, WRONG, Soak
from rlvr.core.verdict import Outcome
from sandboxes import leftovers, new_leftovers, settled, started

WAIT_S = 100
NUM_RUNS = 180


async def grade_of(grader, source, spec):
    return (await grader.grade(source, spec, WAIT_S)).grade


async def test_honest_and_hostile_programs_at_a_time_get_their_verdicts_and_leave_nothing():
    async with started("jail") as grader:
        soak = Soak(grader, seed=0)
        await asyncio.gather(*(soak.one() for _ in range(20)))
        slots = range(grader.describe()["concurrency"])
        for slot in [*slots, *map(grader.runner.beside, slots)]:
            await grader.runner._warm(slot)
        await settled(grader)
        before = leftovers()
        runs = iter(range(NUM_RUNS))

        async def ask():
            for _ in runs:
                await soak.one()

        await asyncio.gather(*(ask() for _ in range(8)))
        await settled(grader)
        assert not soak.mistakes
        async with asyncio.timeout(WAIT_S):
            while new_leftovers(before):
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("tier", ["jail", "landlock"])
async def test_each_program_of_the_soak_has_its_verdict(tier):
    async with started(tier) as grader:
        rows = [(source, HOSTILE_SPEC, Outcome.INCORRECT) for source in HOSTILE.values()]
        rows += [(source, spec, Outcome.CORRECT) for source, spec in RIGHT]
        rows += [(source, spec, Outcome.INCORRECT) for source, spec in WRONG]
        grades = await asyncio.gather(*(grade_of(grader, source, spec) for source, spec, _ in rows))
        for (source, _, outcome), grade in zip(rows, grades, strict=True):
            assert grade.outcome is outcome or "host was too busy" in grade.detail, (source, grade)
