"""The vLLM engine on a real CPU vLLM server, which takes a minute to start: one serves the whole module.

The tests run in order and in one event loop; the last one kills the server, and it is started a second time.
"""

from __future__ import annotations

import asyncio
import os
import signal
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

import tiny_policies
from engine_contract import (
    ANY_ENGINE,
    ENGINE_WITH_A_MODEL,
    ENGINE_WITHOUT_WEIGHTS,
    Check,
    Subject,
    a_long_request,
    request,
    until,
)
from real_models import vllm_python
from rlvr.core import metrics, rpc_client
from rlvr.core.errors import InvalidRequest
from rlvr.core.policy import PolicySpan
from rlvr.core.settings import GrpcSettings, RedisSettings
from rlvr.core.streams import connect, keys
from rlvr.sampler.engine import EngineState
from rlvr.sampler.engines.openai.engine import OpenAiEngine
from rlvr.sampler.engines.openai.settings import OpenAiSettings
from rlvr.sampler.engines.vllm.engine import VllmEngine
from rlvr.sampler.engines.vllm.server import ExternalServer, OwnServer
from rlvr.sampler.engines.vllm.settings import VllmSettings
from rlvr.sampler.engines.vllm.transfer import WeightTransfer
from rlvr.sampler.versions import PolicyVersion
from rlvr.trainer.publish import publish
from rlvr.trainer.service import TrainerService
from rlvr.trainer.status import TrainerStatus
from rlvr.trainer.transfer import WeightSender
from rlvr.v1 import (
    common_pb2,
    coordinator_pb2,
    coordinator_pb2_grpc,
    sampler_pb2,
    trace_pb2,
    trainer_pb2,
    trainer_pb2_grpc,
)
from rooms import RoomProcess
from sampler_rooms import RegisterServicer, RoomUnderTest, running_room, serve
from weight_wire import GlooNetwork

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400), pytest.mark.slow]

# The smallest heads that the CPU kernels know.
SHAPE = {"hidden_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1}


@pytest.fixture(scope="module")
def settings() -> VllmSettings:
    return VllmSettings(
        python=str(vllm_python()),
        max_num_seqs=16,
        max_running_tokens=2048,
        max_num_batched_tokens=256,
        block_size=32,
        kv_cache_gb=0.1,
        enforce_eager=True,
        transfer="nccl",
        stop_grace_s=5,
        # So that one start serves the tests of adapters and of OpenAI's routes too.
        extra_args=(
            *("--enable-lora", "--max-lora-rank", "8", "--max-loras", "2"),
            *("--chat-template", "{{ messages[0]['content'] }}"),
        ),
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Versions 0 and 1."""
    return [tiny_policies.write_policy(tmp_path_factory.mktemp(f"v{seed}"), seed, **SHAPE) for seed in (0, 1)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(settings: VllmSettings) -> AsyncIterator[OwnServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "1")
        yield OwnServer(settings, device="cpu")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(settings: VllmSettings, server: OwnServer, folders: list[Path]) -> AsyncIterator[VllmEngine]:
    engine = VllmEngine(settings, server)
    await engine.load("first", 0, str(folders[0]))
    yield engine
    await engine.close()


@pytest.fixture
def subject(engine: VllmEngine, settings: VllmSettings, folders: list[Path], tmp_path: Path) -> Subject:
    def fresh() -> VllmEngine:
        return VllmEngine(settings, OwnServer(settings, device="cpu"))

    return Subject(engine, fresh, folders[0], folders[1], tmp_path)


@asynccontextmanager
async def room_with(engine: VllmEngine, redis_url: str, folder: Path) -> AsyncIterator[RoomUnderTest]:
    redis = connect(RedisSettings(url=redis_url))
    try:
        async with running_room(engine, redis, folder / "cache") as room:
            yield room
    finally:
        await redis.aclose()


@asynccontextmanager
async def serve_register() -> AsyncIterator[tuple[RegisterServicer, str]]:
    """A coordinator's register, and its address."""
    register = RegisterServicer()
    add = coordinator_pb2_grpc.add_CoordinatorServiceServicer_to_server
    async with serve(register, add, coordinator_pb2.DESCRIPTOR) as port:
        yield register, f"127.0.0.1:{port}"


def greedy(max_tokens: int = 20) -> sampler_pb2.GenerateRequest:
    return sampler_pb2.GenerateRequest(
        prompts=[sampler_pb2.Prompt(messages=[common_pb2.ChatMessage(role="user", content="1+2=")])],
        group_size=1,
        sampling=common_pb2.SamplingParams(temperature=0.0, max_tokens=max_tokens),
    )


def greedy_completion(policy: Path, prompt_ids: list[int], length: int) -> list[int]:
    """What transformers decodes greedily."""
    model = tiny_policies.LlamaForCausalLM.from_pretrained(policy)
    ids = tiny_policies.torch.tensor([prompt_ids])
    whole: list[int] = model.generate(ids, do_sample=False, max_new_tokens=length)[0].tolist()
    return whole[len(prompt_ids) :]


@pytest.mark.parametrize("check", [*ANY_ENGINE, *ENGINE_WITH_A_MODEL], ids=lambda check: check.__name__)
async def test_the_vllm_engine(check: Check, subject: Subject) -> None:
    await check(subject)


async def test_a_dropped_group_is_aborted_in_the_server(subject: Subject, server: OwnServer) -> None:
    await subject.load(subject.v0)
    doomed = asyncio.create_task(subject.engine.generate(request(k=8, max_tokens=240, temperature=0.1)))
    await until_async(lambda: _running_in(server, at_least=1))
    doomed.cancel()
    await until_async(lambda: _running_in(server, at_most=0))


async def test_a_groups_prompt_is_computed_once(subject: Subject, server: OwnServer) -> None:
    """Of 70 prompt tokens, two whole blocks of 32 are shared by the seven other samples."""
    await subject.load(subject.v0)
    before = await server.api.metrics()
    await subject.engine.generate(request("12+3" * 17 + "4=", k=8, max_tokens=4))
    after = await server.api.metrics()
    assert after.prompt_tokens_cached - before.prompt_tokens_cached == 7 * 64
    assert after.prompt_tokens_computed - before.prompt_tokens_computed == 8 * 70 - 7 * 64
    await until(lambda: subject.engine.status().prompt_tokens_shared >= 7 * 64)


async def test_more_prompts_than_one_step_takes_are_sampled_all_the_same(subject: Subject) -> None:
    """Seeded prompts in parts would be the end of a server on a CPU."""
    await subject.load(subject.v0)
    prompts = [f"{number}+" * 50 + "4=" for number in range(8)]
    groups = await asyncio.gather(
        *(subject.engine.generate(request(prompt, k=2, max_tokens=4, seed=1)) for prompt in prompts)
    )
    assert [len(group.samples) for group in groups] == [2] * 8


async def test_a_run_moves_its_weights_while_groups_are_sampled_through_the_room(
    engine: VllmEngine, folders: list[Path], redis_url: str, tmp_path: Path
) -> None:
    async with room_with(engine, redis_url, tmp_path) as room:
        await room.register.say(PolicyVersion("moving", 0, str(folders[0])))
        for number in range(6):
            sampling = common_pb2.SamplingParams(temperature=0.5, max_tokens=120, seed=number)
            await room.admit(f"run-1-{number}", policy="moving", group_size=4, sampling=sampling)
        await until(lambda: engine.status().running > 0)
        await room.register.say(PolicyVersion("moving", 1, str(folders[1])))
        await until(lambda: engine.status().version == 1)
        await until_async(lambda: _have_traces(room, 6 * 4))
        spans = {(trace.span.min, trace.span.max) for trace in await room.traces()}
        assert spans <= {(0, 0), (0, 1), (1, 1)}
        assert engine.status().state is EngineState.READY


async def test_greedy_decoding_through_the_facade_is_answered_by_the_newest_weights(
    engine: VllmEngine, folders: list[Path], redis_url: str, tmp_path: Path
) -> None:
    async with room_with(engine, redis_url, tmp_path) as room:
        for version, folder in enumerate(folders):
            wanted = common_pb2.PolicyVersion(policy="asked", version=version, uri=str(folder))
            await room.stub.LoadPolicy(sampler_pb2.LoadPolicyRequest(policy=wanted), timeout=60)
            [group] = (await room.stub.Generate(greedy(), timeout=60)).groups
            [trace] = group.traces
            ids = list(struct.unpack(f"<{len(trace.completion_ids) // 4}i", trace.completion_ids))
            assert ids == greedy_completion(folder, [4, 13, 5, 15], 20)
            assert (trace.span.min, trace.span.max) == (version, version)


async def test_a_policy_may_be_an_adapter_and_completions_end_under_the_one_that_began_them(
    server: OwnServer, engine: VllmEngine, folders: list[Path], tmp_path: Path
) -> None:
    """On the same server, as one that somebody else runs."""
    await engine.load("full", 0, str(folders[0]))
    settings = VllmSettings(url=server.api.url)
    adapters = VllmEngine(settings, ExternalServer(settings))
    written = [tiny_policies.write_adapter(folders[0], tmp_path, seed) for seed in (1, 2, 3, 4)]
    try:
        await adapters.load("lora", 0, str(written[0][0]))
        running = asyncio.create_task(adapters.generate(a_long_request(k=8)))
        await until(lambda: adapters.status().running > 0)
        for version, (adapter, merged) in enumerate(written):
            await adapters.load("lora", version, str(adapter))
            group = await adapters.generate(request(k=4, max_tokens=30, seed=2))
            off = [
                abs(got - want)
                for sample in group.samples
                for got, want in zip(
                    sample.logprobs,
                    tiny_policies.logprobs(merged, group.prompt_ids.tolist(), sample.completion_ids.tolist()),
                    strict=True,
                )
            ]
            assert sum(off) / len(off) < 1e-3
            assert {sample.span for sample in group.samples} == {PolicySpan(version, version)}
        assert {sample.span for sample in (await running).samples} == {PolicySpan(0, 0)}
    finally:
        await adapters.close()


async def test_a_server_that_cannot_join_a_transfer_goes_on_with_its_requests_and_reads_the_files(
    server: OwnServer, engine: VllmEngine, folders: list[Path], tmp_path: Path
) -> None:
    """There is no NCCL on a CPU, which this server says when it is asked to join."""
    models = [tiny_policies.build_model(seed, **SHAPE) for seed in (0, 1)]
    versions = [
        publish(model, tiny_policies.build_tokenizer(), str(tmp_path), version) for version, model in enumerate(models)
    ]
    sender = WeightSender(GlooNetwork(tmp_path), 60.0)
    service = TrainerService(TrainerStatus(), sender)
    add = trainer_pb2_grpc.add_TrainerServiceServicer_to_server
    settings = VllmSettings(url=server.api.url, transfer="nccl")
    await engine.load("other", 0, str(folders[0]))
    async with serve(service, add, trainer_pb2.DESCRIPTOR) as port:
        channel = rpc_client.channel(f"127.0.0.1:{port}", GrpcSettings())
        transfer = WeightTransfer(trainer_pb2_grpc.TrainerServiceStub(channel))
        taker = VllmEngine(settings, ExternalServer(settings), transfer)
        try:
            await taker.load("sent", 0, versions[0].uri)
            sender.hold(versions[1].manifest_sha256, models[1])
            running = asyncio.create_task(taker.generate(a_long_request()))
            await until(lambda: taker.status().running > 0)
            by_files = metrics.WEIGHT_UPDATES.labels("files")._value.get()
            await taker.load("sent", 1, versions[1].uri)
            assert metrics.WEIGHT_UPDATES.labels("files")._value.get() == by_files + 1
            assert len((await running).samples) == 16
            group = await taker.generate(request(k=1, max_tokens=20, temperature=0.0))
            assert group.samples[0].completion_ids.tolist() == greedy_completion(folders[1], [4, 13, 5, 15], 20)
            assert group.samples[0].span == PolicySpan(1, 1)
        finally:
            await taker.close()
            await channel.close(grace=None)


@pytest_asyncio.fixture(loop_scope="module")
async def outside(server: OwnServer, engine: VllmEngine, folders: list[Path], tmp_path: Path) -> AsyncIterator[Subject]:
    """The OpenAI engine on the same server, which holds version 1."""
    await engine.load("outside", 0, str(folders[1]))

    def make() -> OpenAiEngine:
        return OpenAiEngine(OpenAiSettings(url=f"{server.api.url}/v1", model="policy"))

    subject = Subject(make(), make, folders[0], folders[1], tmp_path)
    yield subject
    await subject.engine.close()


@pytest.mark.parametrize("check", ENGINE_WITHOUT_WEIGHTS, ids=lambda check: check.__name__)
async def test_the_openai_engine_on_a_real_server(check: Check, outside: Subject) -> None:
    await check(outside)


async def test_a_group_of_the_openai_engine_is_what_the_server_s_weights_say(
    outside: Subject, server: OwnServer
) -> None:
    before = await server.api.metrics()
    group = await outside.engine.generate(request(k=3, max_tokens=20, temperature=0.0))
    tokenizer = tiny_policies.build_tokenizer()
    expected = tokenizer.decode(greedy_completion(outside.v1, [4, 13, 5, 15], 20), skip_special_tokens=True)
    assert [sample.text for sample in group.samples] == [expected] * 3
    sampled = await outside.engine.generate(request(k=4, max_tokens=20))
    assert len({sample.text for sample in sampled.samples}) == 4
    after = await server.api.metrics()
    # One prompt for the greedy group, and four for the other's one request with n = 4.
    assert after.prompt_tokens_computed - before.prompt_tokens_computed == 5 * 4
    with pytest.raises(InvalidRequest, match="max_model_len=256"):
        await outside.engine.generate(request(k=2, max_tokens=1000))


async def test_a_facade_killed_in_the_middle_of_a_group_leaves_it_to_its_next_life(
    server: OwnServer, engine: VllmEngine, folders: list[Path], redis_url: str, tmp_path: Path
) -> None:
    policy = tiny_policies.that_never_stops(folders[0], tmp_path / "endless")
    async with room_with(engine, redis_url, tmp_path) as room, serve_register() as (register, coordinator):
        # The room itself idles: its own register names no policy. The facade is a process of its own.
        facade = RoomProcess(
            "sampler",
            redis_url,
            tmp_path,
            {
                "RLVR_SAMPLER__ENGINE": "vllm",
                "RLVR_SAMPLER__VLLM__URL": server.api.url,
                "RLVR_PEERS__COORDINATOR": coordinator,
            },
        )
        await register.say(PolicyVersion("facade", 0, str(policy)))
        await asyncio.to_thread(facade.start)
        try:
            await room.admit("run-1-0", policy="facade", sampling=common_pb2.SamplingParams(max_tokens=240))
            await until_async(lambda: _running_in(server, at_least=1))
            await asyncio.to_thread(facade.kill)
            await until_async(lambda: _running_in(server, at_most=0))
            assert not await room.traces()
            await asyncio.to_thread(facade.start)
            await until_async(lambda: _have_traces(room, 3))
            await until_async(lambda: _nothing_left(room, "facade"))
            assert len(await room.traces()) == 3
        finally:
            await asyncio.to_thread(facade.stop)


async def test_a_server_killed_in_the_middle_of_a_group_is_started_again_and_the_group_finished_once(
    engine: VllmEngine, server: OwnServer, folders: list[Path], redis_url: str, tmp_path: Path
) -> None:
    endless = tiny_policies.that_never_stops(folders[1], tmp_path / "endless")
    async with room_with(engine, redis_url, tmp_path) as room:
        await room.register.say(PolicyVersion("killed", 0, str(folders[0])))
        await until(lambda: engine.status().policy == "killed")
        await room.register.say(PolicyVersion("killed", 1, str(endless)))
        await until(lambda: engine.status().version == 1)
        await room.admit("run-1-0", policy="killed", sampling=common_pb2.SamplingParams(max_tokens=240))
        await until(lambda: engine.status().running > 0)
        [vllm] = psutil.Process(server.pid).children()
        family = [vllm, *vllm.children(recursive=True)]
        os.kill(vllm.pid, signal.SIGKILL)
        await until(lambda: engine.status().state is EngineState.LOADING)
        await until(lambda: not any(process.is_running() for process in family))
        await until_async(lambda: _have_traces(room, 3), seconds=300)
        assert {(trace.span.min, trace.span.max) for trace in await room.traces()} == {(1, 1)}
        assert engine.status().state is EngineState.READY
        sampled = trace_pb2.SampledGroup.FromString(await room.redis.get(keys.sampled("run-1-0")))
        ids = sampled.traces[0].completion_ids
        completion = list(struct.unpack(f"<{len(ids) // 4}i", ids))
        # Greedy, so this is the restarted server's weights speaking.
        assert completion[:40] == greedy_completion(endless, [4, 13, 5, 15], 40)
        await until_async(lambda: _nothing_left(room, "killed"))
        assert len(await room.traces()) == 3


async def until_async(condition: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.01)


async def _running_in(server: OwnServer, at_least: int = 0, at_most: int = 1 << 20) -> bool:
    return at_least <= (await server.api.metrics()).running <= at_most


async def _have_traces(room: RoomUnderTest, count: int) -> bool:
    return len(await room.traces()) >= count


async def _nothing_left(room: RoomUnderTest, policy: str) -> bool:
    return await room.backlog(policy) == 0
