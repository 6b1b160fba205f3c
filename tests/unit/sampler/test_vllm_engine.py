"""What the vLLM engine does when things go wrong, on a server of a few lines that fails on request.

(tests/integration has the same engine on a real server.)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine_contract import request, until
from rlvr.core.errors import Unavailable
from rlvr.core.policy import PolicySpan
from rlvr.sampler.engine import EngineFailed, EngineState, PolicyDiverged, PolicyLoadFailed
from rlvr.sampler.engines.vllm.admission import Load
from rlvr.sampler.engines.vllm.api import Drawn, ModelInfo, ServerLost
from rlvr.sampler.engines.vllm.engine import VllmEngine
from rlvr.sampler.engines.vllm.folder import PolicyFolder
from rlvr.sampler.engines.vllm.metrics import ServerMetrics
from rlvr.sampler.engines.vllm.server import Capacity, WillNotStart
from rlvr.sampler.engines.vllm.settings import VllmSettings


class StubServer:
    """A `Server`, and the `VllmApi` to it. Draws token 5 with the label that its weights have."""

    def __init__(self) -> None:
        self.api: Any = self
        self.model = "policy"
        self.starts: list[str] = []
        """Folders it was started with."""
        self.weights = ""
        """Folder of the weights it holds."""
        self.name = "default"
        """Their label."""
        self.calls: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.fail_next: set[str] = set()
        """Calls that break the server, once."""
        self.unservable: set[str] = set()
        self.logprob = -0.5
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.dead = asyncio.Event()

    async def start(self, folder: PolicyFolder) -> bool:
        self.starts.append(folder.base)
        await self._step("start")
        if folder.base in self.unservable:
            raise WillNotStart("vLLM ended before it was ready")
        self.weights, self.name, self.dead = folder.base, "default", asyncio.Event()
        return True

    async def folder_for(self, folder: PolicyFolder) -> str:
        return folder.path

    async def capacity(self) -> Capacity:
        return Capacity(256, Load(16, 2048))

    async def until_dead(self) -> str:
        await self.dead.wait()
        return "vLLM ended with exit code 137"

    async def stop(self) -> None:
        self.dead.set()

    async def generate(self, body: dict[str, Any]) -> list[Drawn]:
        self.requests.append(body)
        dead, before = self.dead, self.name
        await self._step("generate")
        answer = asyncio.create_task(self.may_answer.wait())
        death = asyncio.create_task(dead.wait())
        await asyncio.wait([answer, death], return_when=asyncio.FIRST_COMPLETED)
        answer.cancel()
        death.cancel()
        if dead.is_set():
            raise ServerLost("the connection broke")
        drawn = Drawn([5, 1], [self.logprob, self.logprob], "stop", list(dict.fromkeys([before, self.name])))
        return [drawn] * body["sampling_params"]["n"]

    async def pause(self) -> None:
        await self._step("pause")

    async def reload_weights(self, folder: str) -> None:
        self.weights = "half read"
        await self._step("reload_weights")
        self.weights = folder

    async def set_label(self, label: str) -> None:
        await self._step("set_label")
        self.name = label

    async def reset_prefix_cache(self, *, running_too: bool) -> None:
        await self._step("reset_prefix_cache")

    async def resume(self) -> None:
        await self._step("resume")

    async def label(self) -> str:
        return self.name

    async def health(self) -> None:
        if self.dead.is_set():
            raise ServerLost("nobody answers")

    async def models(self) -> dict[str, ModelInfo]:
        return {self.model: ModelInfo(self.weights, 256)}

    async def metrics(self) -> ServerMetrics:
        return ServerMetrics()

    async def _step(self, call: str) -> None:
        self.calls.append(call)
        await asyncio.sleep(0)
        if call in self.fail_next:
            self.fail_next.remove(call)
            self.dead.set()
            raise ServerLost(f"{call} failed")


@pytest.fixture
def server() -> StubServer:
    return StubServer()


@pytest.fixture
async def engine(server: StubServer, policy_v0: Path) -> AsyncIterator[VllmEngine]:
    engine = VllmEngine(VllmSettings(give_up_s=60), server)
    await engine.load("tiny", 0, str(policy_v0))
    yield engine
    await engine.close()


async def test_a_version_is_swapped_by_pause_reload_label_reset_resume(
    engine: VllmEngine, server: StubServer, policy_v1: Path
) -> None:
    server.calls.clear()
    await engine.load("tiny", 1, str(policy_v1))
    assert server.calls == ["pause", "reload_weights", "set_label", "reset_prefix_cache", "resume"]
    assert server.weights == str(policy_v1)
    assert {sample.span for sample in (await engine.generate(request())).samples} == {PolicySpan(1, 1)}


async def test_a_group_is_one_request_that_shares_no_cache_with_another_version(
    engine: VllmEngine, server: StubServer, policy_v1: Path
) -> None:
    await engine.generate(request(k=5, temperature=0.7))
    await engine.load("tiny", 1, str(policy_v1))
    await engine.generate(request(k=5, temperature=0.7))
    before, after = server.requests
    assert before["token_ids"] == after["token_ids"] == [4, 13, 5, 15]
    assert before["cache_salt"] != after["cache_salt"]
    params = before["sampling_params"]
    assert (params["n"], params["temperature"], params["top_p"], params["top_k"], params["min_p"]) == (5, 0.7, 1, 0, 0)
    assert params["stop_token_ids"] == [1]


@pytest.mark.parametrize("step", ["pause", "reload_weights", "set_label", "reset_prefix_cache", "resume"])
async def test_an_update_that_breaks_anywhere_ends_in_a_start_with_the_new_version(
    engine: VllmEngine, server: StubServer, policy_v0: Path, policy_v1: Path, step: str
) -> None:
    server.may_answer.clear()
    running = asyncio.create_task(engine.generate(request()))
    await until(lambda: len(server.requests) == 1)
    server.fail_next = {step}
    await engine.load("tiny", 1, str(policy_v1))
    server.may_answer.set()
    assert server.starts == [str(policy_v0), str(policy_v1)]
    # What was being sampled was lost with the server, and is sampled again.
    assert {sample.span for sample in (await running).samples} == {PolicySpan(1, 1)}
    assert len(server.requests) == 2
    assert engine.status().state is EngineState.READY


async def test_a_version_that_no_server_starts_with_is_refused_and_the_old_one_comes_back(
    engine: VllmEngine, server: StubServer, policy_v0: Path, policy_v1: Path
) -> None:
    server.fail_next, server.unservable = {"reload_weights"}, {str(policy_v1)}
    with pytest.raises(PolicyLoadFailed, match="ended before it was ready"):
        await engine.load("tiny", 1, str(policy_v1))
    group = await engine.generate(request())
    assert {sample.span for sample in group.samples} == {PolicySpan(0, 0)}
    assert server.starts == [str(policy_v0), str(policy_v1), str(policy_v0)]
    assert "version 1 of policy 'tiny' was refused" in engine.status().detail


async def test_nothing_is_sent_between_the_death_of_the_server_and_its_return(
    engine: VllmEngine, server: StubServer
) -> None:
    server.fail_next = {"start"}
    server.dead.set()
    await until(lambda: engine.status().state is EngineState.LOADING)
    assert engine.status().version == -1
    assert "the vLLM server" in engine.status().detail
    waiting = asyncio.create_task(engine.generate(request()))
    assert {sample.span for sample in (await waiting).samples} == {PolicySpan(0, 0)}
    assert len(server.starts) == 3
    assert len(server.requests) == 1


async def test_a_call_that_fails_on_a_server_that_lives_does_not_start_it_again(
    engine: VllmEngine, server: StubServer
) -> None:
    async def fail(body: dict[str, Any]) -> list[Drawn]:
        server.api = server
        raise ServerLost("a connection was reset")

    server.api = type("Flaky", (), {"generate": staticmethod(fail), **{n: getattr(server, n) for n in LIVE}})()
    assert (await engine.generate(request())).samples
    assert len(server.starts) == 1


LIVE = ("label", "health", "metrics", "models")


async def test_tokens_of_weights_that_are_not_ours_are_thrown_away(engine: VllmEngine, server: StubServer) -> None:
    """Somebody started the server again behind our back: it answers, with the weights of its command line."""
    server.name = "default"
    assert {sample.span for sample in (await engine.generate(request())).samples} == {PolicySpan(0, 0)}
    assert len(server.requests) == 2
    assert len(server.starts) == 2


async def test_a_group_that_keeps_breaking_the_server_is_given_up(engine: VllmEngine, server: StubServer) -> None:
    server.fail_next = {"generate"}
    breaking = asyncio.create_task(engine.generate(request()))
    while not breaking.done():
        server.fail_next = {"generate"}
        await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="lost 3 times"):
        await breaking
    server.fail_next = set()
    assert (await engine.generate(request())).samples


async def test_a_server_that_does_not_come_back_fails_the_engine(server: StubServer, policy_v0: Path) -> None:
    engine = VllmEngine(VllmSettings(give_up_s=0.5), server)
    try:
        await engine.load("tiny", 0, str(policy_v0))
        server.unservable = {str(policy_v0)}
        server.dead.set()
        with pytest.raises(EngineFailed, match="cannot be brought back"):
            await engine.generate(request())
        assert engine.status().state is EngineState.FAILED
    finally:
        await engine.close()


async def test_a_caller_that_gives_up_does_not_stop_an_update_half_way(
    engine: VllmEngine, server: StubServer, policy_v1: Path
) -> None:
    loading = asyncio.create_task(engine.load("tiny", 1, str(policy_v1)))
    await until(lambda: "pause" in server.calls)
    loading.cancel()
    await until(lambda: engine.status().version == 1)
    assert server.calls[-1] == "resume"


async def test_a_logprob_that_is_not_finite_fails_the_group(engine: VllmEngine, server: StubServer) -> None:
    server.logprob = -9999.0
    with pytest.raises(PolicyDiverged, match="version 0"):
        await engine.generate(request())
    assert len(server.starts) == 1


async def test_groups_with_neighbouring_seeds_have_no_sample_in_common(engine: VllmEngine, server: StubServer) -> None:
    for seed in range(4):
        await engine.generate(request(k=16, seed=seed))
    first = [body["sampling_params"]["seed"] for body in server.requests]
    drawn = {seed + index for seed in first for index in range(16)}
    assert len(drawn) == 4 * 16
    assert max(drawn) < 2**63


async def test_a_greedy_group_is_drawn_once_and_given_k_times(engine: VllmEngine, server: StubServer) -> None:
    group = await engine.generate(request(k=3, temperature=0.0))
    assert len(group.samples) == 3
    assert server.requests[0]["sampling_params"]["n"] == 1
    assert engine.status().tokens_generated == 2
