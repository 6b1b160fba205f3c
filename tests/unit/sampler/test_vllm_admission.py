"""What is with the server stays within its limits, and what waits goes in order."""

from __future__ import annotations

import asyncio

from rlvr.sampler.engines.vllm.admission import Admission, Load


class Crowd:
    """Groups that hold their place until they are let go."""

    def __init__(self, samples: int, tokens: int) -> None:
        self.admission = Admission()
        self.admission.resize(Load(samples, tokens))
        self.inside: list[str] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._go: dict[str, asyncio.Event] = {}

    async def come(self, name: str, samples: int, tokens: int) -> None:
        self._go[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._stay(name, Load(samples, tokens)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def leave(self, *names: str) -> None:
        for name in names:
            self._go[name].set()
        await asyncio.gather(*(self._tasks[name] for name in names))
        await asyncio.sleep(0)

    async def give_up(self, name: str) -> None:
        self._tasks[name].cancel()
        await asyncio.gather(self._tasks[name], return_exceptions=True)
        await asyncio.sleep(0)

    async def _stay(self, name: str, load: Load) -> None:
        async with self.admission.place(load):
            self.inside.append(name)
            try:
                await self._go[name].wait()
            finally:
                self.inside.remove(name)


async def test_the_sums_of_samples_and_of_tokens_stay_within_the_limits() -> None:
    crowd = Crowd(samples=8, tokens=100)
    await crowd.come("a", 4, 60)
    await crowd.come("b", 4, 41)
    assert crowd.inside == ["a"]
    assert (crowd.admission.running, crowd.admission.waiting) == (4, 4)
    await crowd.leave("a")
    await crowd.come("c", 4, 10)
    await crowd.come("d", 1, 10)
    assert crowd.inside == ["b", "c"]
    await crowd.leave("b", "c", "d")
    assert (crowd.admission.running, crowd.admission.waiting) == (0, 0)


async def test_the_oldest_is_never_overtaken() -> None:
    crowd = Crowd(samples=8, tokens=100)
    await crowd.come("a", 6, 10)
    await crowd.come("large", 8, 100)
    await crowd.come("small", 1, 1)
    assert crowd.inside == ["a"]
    await crowd.leave("a")
    assert crowd.inside == ["large"]
    await crowd.leave("large", "small")


async def test_one_that_gives_up_leaves_its_place_to_the_next() -> None:
    crowd = Crowd(samples=8, tokens=100)
    await crowd.come("a", 8, 10)
    await crowd.come("b", 8, 10)
    await crowd.come("c", 8, 10)
    await crowd.give_up("b")
    assert crowd.admission.waiting == 8
    await crowd.give_up("a")
    assert crowd.inside == ["c"]
    await crowd.leave("c")
    assert crowd.admission.running == 0


async def test_a_limit_that_shrinks_below_one_that_waits_lets_it_go_alone() -> None:
    crowd = Crowd(samples=8, tokens=100)
    await crowd.come("a", 8, 10)
    await crowd.come("b", 8, 100)
    crowd.admission.resize(Load(4, 50))
    assert crowd.inside == ["a"]
    await crowd.leave("a")
    assert crowd.inside == ["b"]
    await crowd.leave("b")
