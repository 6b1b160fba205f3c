"""What every sampling engine must do, whatever it is made of. The tests of each engine run all of this on it.

An engine under test goes from one check to the next, so each check begins by loading what it needs.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tiny_policies
from rlvr.core.errors import Conflict, InvalidRequest
from rlvr.core.policy import PolicySpan
from rlvr.sampler.engine import (
    ChatMessage,
    Engine,
    EngineFailed,
    EngineState,
    GroupRequest,
    PolicyDiverged,
    PolicyLoadFailed,
)

_loads = itertools.count()


HeldUp = Callable[[], AbstractAsyncContextManager[None]]
"""Nothing that an engine samples is complete within what it makes."""


@dataclass
class Subject:
    """An engine and what it may be given."""

    engine: Engine
    fresh: Callable[[], Engine]
    """Another one, that holds nothing."""
    v0: Path
    v1: Path
    scratch: Path
    held_up: HeldUp = nullcontext  # type: ignore[assignment]
    """Nothing finishes within, for an engine that would be done at once."""

    async def load(self, folder: Path) -> tuple[str, int]:
        """Load under a name of its own; the name and the version. An engine that takes no weights is waited for."""
        if self.engine.untrainable:
            await until(lambda: self.engine.status().state is EngineState.READY)
            return "", -1
        policy = f"policy-{next(_loads)}"
        await self.engine.load(policy, 0, str(folder))
        return policy, 0


Check = Callable[[Subject], Awaitable[None]]


def request(prompt: str = "1+2=", k: int = 4, max_tokens: int = 8, **changes: Any) -> GroupRequest:
    return GroupRequest((ChatMessage("user", prompt),), k, max_tokens, **changes)


def a_long_request(k: int = 16) -> GroupRequest:
    return request(k=k, max_tokens=100, temperature=0.5)


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


async def a_group_has_k_samples_with_ids_and_logprobs(subject: Subject) -> None:
    await subject.load(subject.v0)
    before = subject.engine.status().tokens_generated
    group = await subject.engine.generate(request(k=5, max_tokens=6))
    assert len(group.prompt_ids) == 4
    assert len(group.samples) == 5
    for sample in group.samples:
        assert len(sample.completion_ids) == len(sample.logprobs) <= 6
        assert all(math.isfinite(logprob) and logprob <= 0 for logprob in sample.logprobs)
        assert sample.finish_reason in ("stop", "length")
        assert sample.span == PolicySpan(0, 0)
    drawn = sum(len(sample.completion_ids) for sample in group.samples)
    assert subject.engine.status().tokens_generated - before == drawn


async def the_same_request_gives_the_same_samples_alone_and_in_a_crowd(subject: Subject) -> None:
    await subject.load(subject.v0)
    alone = await subject.engine.generate(request("3-1=", seed=7))
    crowd = await asyncio.gather(
        subject.engine.generate(request("9+9+9=", seed=1)),
        subject.engine.generate(request("3-1=", seed=7)),
        subject.engine.generate(request("0", k=2, seed=2)),
    )
    drawn_alone, drawn_in_a_crowd = ([(s.text, s.completion_ids) for s in g.samples] for g in (alone, crowd[1]))
    assert drawn_in_a_crowd == drawn_alone


async def more_than_fits_at_once_is_all_sampled(subject: Subject) -> None:
    await subject.load(subject.v0)
    groups = await asyncio.gather(*(subject.engine.generate(request(f"{i}+{i}=", seed=i)) for i in range(20)))
    assert [len(group.samples) for group in groups] == [4] * 20
    status = subject.engine.status()
    assert (status.state, status.running, status.waiting) == (EngineState.READY, 0, 0)


async def a_newer_version_is_swapped_in_while_requests_run(subject: Subject) -> None:
    policy, _ = await subject.load(subject.v0)
    # A fast engine may be done with a group before the swap: then the next one is swapped under, sooner.
    for version, folder in enumerate([subject.v1, subject.v0] * 10, start=1):
        async with subject.held_up():
            running = asyncio.create_task(subject.engine.generate(a_long_request()))
            await until(lambda: subject.engine.status().running > 0)
            await asyncio.sleep(0.02 / version)
            await subject.engine.load(policy, version, str(folder))
            assert (subject.engine.status().policy, subject.engine.status().version) == (policy, version)
        spans = {sample.span for sample in (await running).samples}
        over_the_swap = PolicySpan(version - 1, version)
        assert spans <= {PolicySpan(version - 1, version - 1), over_the_swap, PolicySpan(version, version)}
        now = {sample.span for sample in (await subject.engine.generate(request())).samples}
        assert now == {PolicySpan(version, version)}
        if over_the_swap in spans:
            return
    raise AssertionError("no sample was drawn over any of the swaps")


async def a_cancelled_request_frees_its_place(subject: Subject) -> None:
    await subject.load(subject.v0)
    async with subject.held_up():
        doomed = [asyncio.create_task(subject.engine.generate(a_long_request())) for _ in range(4)]
        await until(lambda: subject.engine.status().running > 0)
        for task in doomed:
            task.cancel()
        await until(lambda: subject.engine.status().running == 0 and subject.engine.status().waiting == 0)
    assert (await subject.engine.generate(request(k=16))).samples


async def a_request_out_of_range_names_its_wrong_field(subject: Subject) -> None:
    await subject.load(subject.v0)
    for bad, field in (
        (GroupRequest((), 4, 8), "messages"),
        (request(prompt=""), "messages"),
        (request(k=0), "group_size"),
        (request(max_tokens=0), "sampling.max_tokens"),
        (request(temperature=-1.0), "sampling.temperature"),
        (request(temperature=float("nan")), "sampling.temperature"),
        (request(seed=-1), "sampling.seed"),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await subject.engine.generate(bad)
        assert [violation.field for violation in refusal.value.violations] == [field]


async def nothing_is_sampled_before_a_policy_is_loaded(subject: Subject) -> None:
    engine = subject.fresh()
    try:
        assert (engine.status().state, engine.status().version) == (EngineState.LOADING, -1)
        with pytest.raises(Conflict):
            await engine.generate(request())
    finally:
        await engine.close()


async def a_missing_folder_is_refused_and_the_old_version_goes_on(subject: Subject) -> None:
    policy, _ = await subject.load(subject.v0)
    before = await subject.engine.generate(request(seed=3))
    with pytest.raises(PolicyLoadFailed, match="nowhere"):
        await subject.engine.load(policy, 1, str(subject.scratch / "nowhere"))
    status = subject.engine.status()
    assert (status.state, status.version) == (EngineState.READY, 0)
    assert await subject.engine.generate(request(seed=3)) == before


async def another_policy_is_taken_only_when_nothing_is_sampled(subject: Subject) -> None:
    policy, _ = await subject.load(subject.v0)
    async with subject.held_up():
        running = asyncio.create_task(subject.engine.generate(a_long_request()))
        await until(lambda: subject.engine.status().running > 0)
        with pytest.raises(Conflict, match=f"'{policy}' is sampling"):
            await subject.engine.load("other", 0, str(subject.v1))
    assert {sample.span for sample in (await running).samples} == {PolicySpan(0, 0)}
    await subject.engine.load("other", 0, str(subject.v1))
    assert subject.engine.status().policy == "other"


ANY_ENGINE: list[Check] = [
    a_group_has_k_samples_with_ids_and_logprobs,
    the_same_request_gives_the_same_samples_alone_and_in_a_crowd,
    more_than_fits_at_once_is_all_sampled,
    a_newer_version_is_swapped_in_while_requests_run,
    a_cancelled_request_frees_its_place,
    a_request_out_of_range_names_its_wrong_field,
    nothing_is_sampled_before_a_policy_is_loaded,
    a_missing_folder_is_refused_and_the_old_version_goes_on,
    another_policy_is_taken_only_when_nothing_is_sampled,
]


async def a_group_has_k_texts_and_nothing_that_could_be_trained_on(subject: Subject) -> None:
    await subject.load(subject.v0)
    group = await subject.engine.generate(request(k=5, max_tokens=6))
    assert len(group.samples) == 5
    assert not group.prompt_ids
    for sample in group.samples:
        assert isinstance(sample.text, str)
        assert not sample.completion_ids and not sample.logprobs
        assert sample.span is None
        assert sample.finish_reason in ("stop", "length")


async def weights_are_refused_and_it_goes_on(subject: Subject) -> None:
    await subject.load(subject.v0)
    with pytest.raises(PolicyLoadFailed, match="train with RLVR_SAMPLER__ENGINE"):
        await subject.engine.load("policy", 1, str(subject.v1))
    status = subject.engine.status()
    assert (status.state, status.policy, status.version) == (EngineState.READY, "", -1)
    assert (await subject.engine.generate(request())).samples


ENGINE_WITHOUT_WEIGHTS: list[Check] = [
    a_group_has_k_texts_and_nothing_that_could_be_trained_on,
    weights_are_refused_and_it_goes_on,
    the_same_request_gives_the_same_samples_alone_and_in_a_crowd,
    more_than_fits_at_once_is_all_sampled,
    a_cancelled_request_frees_its_place,
    a_request_out_of_range_names_its_wrong_field,
]
"""Instead of the others, for one that is `untrainable`."""


async def logprobs_are_those_of_the_weights_and_the_temperature(subject: Subject) -> None:
    await subject.load(subject.v0)
    for temperature in (0.0, 0.7, 1.0):
        group = await subject.engine.generate(request(k=8, max_tokens=40, temperature=temperature, seed=5))
        assert len(group.samples) == 8
        off = []
        for sample in group.samples:
            ids = (group.prompt_ids.tolist(), sample.completion_ids.tolist())
            expected = tiny_policies.logprobs(subject.v0, *ids, temperature=temperature or 1.0)
            off += [abs(got - want) for got, want in zip(sample.logprobs, expected, strict=True)]
        assert sum(off) / len(off) < 1e-3
        assert max(off) < 1e-2


async def a_completion_ends_with_its_end_of_sequence_token(subject: Subject) -> None:
    await subject.load(subject.v0)
    group = await subject.engine.generate(request(k=16, max_tokens=60, seed=1))
    assert {sample.finish_reason for sample in group.samples} >= {"stop"}
    for sample in group.samples:
        assert (sample.completion_ids[-1] == 1) == (sample.finish_reason == "stop")
        assert sample.completion_ids.tolist().count(1) == (sample.finish_reason == "stop")
        # Special tokens (padding, end of sequence, unknown) have no text; every other token is a character.
        assert len(sample.text) == sum(token > 2 for token in sample.completion_ids)


async def greedy_decoding_is_answered_by_the_newest_weights(subject: Subject) -> None:
    greedy = request(k=1, max_tokens=20, temperature=0.0)
    answers = []
    policy, _ = await subject.load(subject.v0)
    for version, folder in enumerate((subject.v0, subject.v1, subject.v0)):
        await subject.engine.load(policy, version, str(folder))
        group = await subject.engine.generate(greedy)
        [sample] = group.samples
        answers.append(sample.completion_ids)
        expected = tiny_policies.logprobs(folder, group.prompt_ids.tolist(), sample.completion_ids.tolist())
        assert sample.logprobs.tolist() == pytest.approx(expected, abs=1e-3)
    assert answers[0] != answers[1]
    assert answers[0] == answers[2]


async def a_request_that_does_not_fit_names_its_wrong_field(subject: Subject) -> None:
    await subject.load(subject.v0)
    for bad, field in (
        (request(max_tokens=300), "sampling.max_tokens"),
        (request(k=17), "group_size"),
        (request(k=16, max_tokens=200), "group_size"),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await subject.engine.generate(bad)
        assert [violation.field for violation in refusal.value.violations] == [field]
    assert len((await subject.engine.generate(request("7" * 250, k=2, max_tokens=6))).prompt_ids) == 250


async def damaged_weights_are_refused_and_the_old_version_goes_on(subject: Subject) -> None:
    policy, _ = await subject.load(subject.v0)
    before = await subject.engine.generate(request(seed=3))
    lacking = tiny_policies.with_tensor(subject.v1, subject.scratch / "lacking", "model.norm.weight", None)
    for folder in (tiny_policies.cut_short(subject.v1, subject.scratch / "short"), lacking):
        with pytest.raises(PolicyLoadFailed, match=str(folder)):
            await subject.engine.load(policy, 1, str(folder))
        status = subject.engine.status()
        assert (status.state, status.version) == (EngineState.READY, 0)
        assert f"version 1 of policy '{policy}' was refused" in status.detail
    assert await subject.engine.generate(request(seed=3)) == before


async def weights_that_overflow_fail_the_group_not_the_engine(subject: Subject) -> None:
    policy, _ = await subject.load(subject.v0)
    huge = tiny_policies.with_tensor(subject.v1, subject.scratch / "huge", "model.norm.weight", 3e38)
    await subject.engine.load(policy, 1, str(huge))
    with pytest.raises(PolicyDiverged, match="version 1"):
        await subject.engine.generate(request())
    await subject.engine.load(policy, 2, str(subject.v1))
    assert (await subject.engine.generate(request())).samples


ENGINE_WITH_A_MODEL: list[Check] = [
    logprobs_are_those_of_the_weights_and_the_temperature,
    a_completion_ends_with_its_end_of_sequence_token,
    greedy_decoding_is_answered_by_the_newest_weights,
    a_request_that_does_not_fit_names_its_wrong_field,
    damaged_weights_are_refused_and_the_old_version_goes_on,
    weights_that_overflow_fail_the_group_not_the_engine,
]


async def closing_fails_what_is_being_sampled(subject: Subject) -> None:
    """Ends the engine, so it is for one that nobody else needs."""
    await subject.load(subject.v0)
    async with subject.held_up():
        running = asyncio.create_task(subject.engine.generate(a_long_request()))
        await until(lambda: subject.engine.status().running > 0)
        await subject.engine.close()
        with pytest.raises(EngineFailed):
            await running
    with pytest.raises(EngineFailed):
        await subject.engine.generate(request())
    await subject.engine.close()
