"""The trainer between a real coordinator and a scripted sampler and verifier, killed, stopped and misled.

What is sampled is a function of the group's sequence number alone, so with S = 0 (whose batches are the groups in
order) two runs must end with the same weights, whatever happened on the way.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from redis.asyncio import Redis
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from rlvr.core.errors import Conflict, RlvrError
from rlvr.core.manifest import verify_manifest
from rlvr.core.rpc_client import channel, rlvr_errors
from rlvr.core.rpc_server import Health
from rlvr.core.settings import GrpcSettings, RedisSettings, StreamSettings
from rlvr.core.streams import Consumer, Entry, Finished, Outgoing, StreamWorker, connect, keys
from rlvr.trainer.nccl import NcclNetwork
from rlvr.trainer.publish import write_policy
from rlvr.trainer.settings import TrainerSettings
from rlvr.trainer.status import TrainerStatus
from rlvr.trainer.tokenizer import build_tokenizer
from rlvr.trainer.transfer import WeightSender
from rlvr.trainer.worker import TrainerWorker
from rlvr.v1 import common_pb2, coordinator_pb2, coordinator_pb2_grpc, trace_pb2, verifier_pb2
from weight_wire import GlooNetwork

pytestmark = pytest.mark.timeout(400)

K, P, STEPS = 4, 3, 7
SUCCEEDED = coordinator_pb2.RUN_STATE_SUCCEEDED
FAILED = coordinator_pb2.RUN_STATE_FAILED


@dataclass
class Loop:
    """The rooms around the trainer."""

    redis: Redis
    stub: coordinator_pb2_grpc.CoordinatorServiceStub
    home: Path
    problems: Path
    policy: Path
    address: str
    """The coordinator's."""
    lose_samples_of: set[int] = field(default_factory=set)
    """Sequence numbers of groups whose samples are gone when the trainer asks for them."""
    misfit: set[int] = field(default_factory=set)
    """Sequence numbers of groups with a log-probability too few."""
    stamped_back: set[int] = field(default_factory=set)
    """Sequence numbers of groups that the sampler says are from the version before the register's."""
    untrainable: str = ""
    """Why the sampler says that nothing of it may be trained on."""

    async def call(self, method: str, request: Any) -> Any:
        """Call the coordinator until it is there to answer."""
        while True:
            try:
                with rlvr_errors():
                    return await getattr(self.stub, method)(request, timeout=10, wait_for_ready=True)
            except RlvrError as failure:
                if failure.slug not in ("unavailable", "deadline-exceeded"):
                    raise

    async def create(self, name: str, *, policy: str = "", policy_path: Path | None = None, **recipe: Any) -> str:
        spec = coordinator_pb2.RunSpec(
            name=name,
            policy=policy or name,
            policy_path=str(policy_path or self.policy),
            problems=coordinator_pb2.ProblemSource(kind="jsonl", path=str(self.problems)),
            group_size=K,
            sampling=common_pb2.SamplingParams(temperature=1.0, max_tokens=16),
            training=coordinator_pb2.Recipe(
                **{"steps": STEPS, "groups_per_step": P, "max_staleness": 0, "learning_rate": 1e-2, **recipe}
            ),
        )
        # So that one that is sent again is the same.
        request = coordinator_pb2.CreateRunRequest(spec=spec, request_id=secrets.token_hex(16))
        return (await self.call("CreateRun", request)).run.run_id

    async def status(self, run_id: str) -> coordinator_pb2.RunStatus:
        return (await self.call("GetRun", coordinator_pb2.GetRunRequest(run_id=run_id))).run

    async def until(self, run_id: str, holds: Callable[[coordinator_pb2.RunStatus], bool]) -> Any:
        async with asyncio.timeout(200):
            while not holds(status := await self.status(run_id)):
                await asyncio.sleep(0.02)
        return status

    async def ended(self, run_id: str) -> coordinator_pb2.RunStatus:
        return await self.until(run_id, lambda status: status.state in (SUCCEEDED, FAILED))

    async def steps(self, run_id: str) -> list[coordinator_pb2.StepRecord]:
        return list((await self.call("ListSteps", coordinator_pb2.ListStepsRequest(run_id=run_id))).steps)

    async def sample(self, entry: Entry) -> Finished | None:
        """Sampler and verifier in one."""
        prompt = trace_pb2.PromptEntry.FromString(entry.payload)
        if await self.redis.hget(keys.run(prompt.run_id), "state") != b"running":
            return None
        sequence = int(prompt.group_id.rpartition("-")[2])
        version = int(await self.redis.hget(keys.policy(prompt.policy), "version")) - (sequence in self.stamped_back)
        span = common_pb2.PolicySpan(min=version, max=version)
        dice = random.Random(sequence)
        group = trace_pb2.SampledGroup(group_id=prompt.group_id, temperature=1.0, untrainable=self.untrainable)
        group.prompt_ids = struct.pack("<3i", *(dice.randrange(6, 60) for _ in range(3)))
        told = []
        for index in range(K):
            length = dice.randint(1, 9)
            trace_id = f"{prompt.group_id}/{index}"
            short = length - 1 if sequence in self.misfit else length
            group.traces.add(
                trace_id=trace_id,
                completion_ids=struct.pack(f"<{length}i", *(dice.randrange(6, 60) for _ in range(length))),
                logprobs=struct.pack(f"<{short}f", *([-4.3] * short)),
                span=span,
            )
            verdict = verifier_pb2.Verdict(trace_id=trace_id, verifier="math")
            verdict.outcome = verifier_pb2.OUTCOME_CORRECT if index % 2 else verifier_pb2.OUTCOME_INCORRECT
            verdict.reward = float(index % 2)
            told.append(
                trace_pb2.VerdictEntry(
                    run_id=prompt.run_id,
                    group_id=prompt.group_id,
                    scored=trace_pb2.ScoredTrace(span=span, verdict=verdict),
                )
            )
        outgoing = [Outgoing.of(keys.VERDICTS, message, entry.traceparent) for message in told]
        place = "test:lost:" + prompt.group_id if sequence in self.lose_samples_of else keys.sampled(prompt.group_id)
        return Finished(place, group.SerializeToString(), outgoing)

    @asynccontextmanager
    async def sampling(self, *policies: str) -> AsyncIterator[None]:
        """Serve the prompts of these policies."""
        settings, stopping = StreamSettings(), asyncio.Event()
        tasks = [
            asyncio.create_task(
                StreamWorker(
                    Consumer(self.redis, keys.prompts(policy), "sampler"),
                    settings,
                    handler=self.sample,
                    bury=lambda entry, error: [],
                    capacity=64,
                    name=policy,
                ).run(stopping)
            )
            for policy in policies
        ]
        try:
            yield
        finally:
            stopping.set()
            await asyncio.gather(*tasks)

    @asynccontextmanager
    async def training(self, weights: WeightSender | None = None) -> AsyncIterator[TrainerStatus]:
        """A trainer in this process."""
        status, stopping = TrainerStatus(), asyncio.Event()
        worker = TrainerWorker(
            self.stub,
            self.redis,
            Health(),
            status,
            weights or WeightSender(NcclNetwork(), 10.0),
            consumer="trainer-0",
            home=self.home,
            settings=TrainerSettings(threads=1, poll_s=0.1),
        )
        task = asyncio.create_task(worker.run(stopping))
        try:
            yield status
        finally:
            stopping.set()
            await task


@pytest.fixture
async def loop(redis_url: str, tmp_path: Path, start_room: Any) -> AsyncIterator[Loop]:
    coordinator = start_room("coordinator", RLVR_COORDINATOR__POLL_S="0.1", RLVR_COORDINATOR__LEASE_S="9")
    problems = tmp_path / "problems.jsonl"
    problems.write_text('{"prompt": "1 + 1?", "verifier": "math", "spec": {"answer": "2"}}\n')
    tokenizer = build_tokenizer()
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    policy = tmp_path / "policy"
    policy.mkdir()
    write_policy(model, tokenizer, policy, 0)
    redis = connect(RedisSettings(url=redis_url))
    wire = channel(coordinator.address, GrpcSettings())
    yield Loop(
        redis, coordinator_pb2_grpc.CoordinatorServiceStub(wire), tmp_path, problems, policy, coordinator.address
    )
    await wire.close()
    await redis.aclose()


@pytest.mark.timeout(800)
@pytest.mark.parametrize("checkpoint_every", [1, 3])
async def test_killed_again_and_again_it_ends_with_the_weights_of_an_undisturbed_run(
    loop: Loop, start_room: Any, checkpoint_every: int
) -> None:
    async with loop.sampling("calm", "storm"):
        calm = await loop.create("calm", checkpoint_every=checkpoint_every)
        async with loop.training():
            undisturbed = await loop.ended(calm)
        assert undisturbed.state == SUCCEEDED, undisturbed.error

        storm = await loop.create("storm", checkpoint_every=checkpoint_every)
        trainer = start_room(
            "trainer",
            RLVR_STREAMS__CONSUMER="trainer-0",
            RLVR_PEERS__COORDINATOR=loop.address,
            RLVR_TRAINER__THREADS="1",
            RLVR_TRAINER__POLL_S="0.1",
        )
        for step, delay in ((1, 0.0), (4, 0.01), (5, 0.04)):
            async with asyncio.timeout(200):
                while not await loop.redis.hexists(keys.journal(storm), str(step)):
                    if (await loop.status(storm)).step > step:
                        break
                    await asyncio.sleep(0.001)
            await asyncio.sleep(delay)
            trainer.kill()
            trainer.spawn()
        disturbed = await loop.ended(storm)
    assert disturbed.state == SUCCEEDED, disturbed.error
    records = await loop.steps(storm)
    trained = [group_id for record in records for group_id in record.group_ids]
    assert trained == [f"{storm}-{sequence}" for sequence in range(STEPS * P)]
    assert disturbed.policy.manifest_sha256 == undisturbed.policy.manifest_sha256
    assert {lag for record in records for lag in record.lags} == {0}


async def test_a_run_is_recorded_published_and_tidied_up(loop: Loop) -> None:
    async with loop.sampling("p"), loop.training() as status:
        run_id = await loop.create("p", checkpoint_every=2, max_staleness=1)
        done = await loop.ended(run_id)
        assert done.state == SUCCEEDED, done.error
        async with asyncio.timeout(60):
            while status.run_id:
                await asyncio.sleep(0.02)
    records = await loop.steps(run_id)
    assert [record.version for record in records] == list(range(1, STEPS + 1))
    for record in records:
        assert (record.traces, record.traces_scored, record.mean_reward) == (K * P, K * P, 0.5)
        assert record.grad_norm > 0 and record.completion_tokens > 0 and record.learning_rate == 1e-2
        assert set(record.lags) <= {0, 1} and sum(record.lags.values()) == K * P
    assert verify_manifest(done.policy.uri, digest=done.policy.manifest_sha256).version == STEPS
    # S + 2 versions stay: the newest, and those that a sampler within the bound may still be loading.
    assert sorted(path.name for path in (loop.home / "policies" / run_id).iterdir()) == ["v5", "v6", "v7"]
    assert await loop.redis.exists(keys.journal(run_id)) == 0
    assert await loop.redis.xlen(keys.groups(run_id)) == 0
    for pattern in (keys.sampled("*"), keys.group("*")):
        assert await loop.redis.keys(pattern) == []
    assert await loop.redis.pttl(keys.prompts("p")) > 0 and await loop.redis.pttl(keys.groups(run_id)) > 0


async def test_a_policy_name_that_is_used_again_keeps_what_it_publishes(loop: Loop) -> None:
    async with loop.sampling("shared"), loop.training():
        first = await loop.ended(await loop.create("one", policy="shared", steps=4))
        second = await loop.ended(await loop.create("two", policy="shared", steps=2))
    for done, version in ((first, 4), (second, 2)):
        assert done.state == SUCCEEDED, done.error
        assert verify_manifest(done.policy.uri or "", digest=done.policy.manifest_sha256).version == version


async def test_stopped_and_resumed_it_goes_on_with_the_same_weights(loop: Loop) -> None:
    async with loop.sampling("calm", "paused"), loop.training():
        undisturbed = await loop.ended(await loop.create("calm", checkpoint_every=4, steps=5))
        run_id = await loop.create("paused", checkpoint_every=4, steps=5)
        await loop.until(run_id, lambda status: status.step >= 2)
        stopped = (await loop.call("StopRun", coordinator_pb2.StopRunRequest(run_id=run_id))).run
        async with asyncio.timeout(60):
            checkpoints = loop.home / "runs" / run_id / "checkpoints"
            while not list(checkpoints.glob(f"step-*{max(stopped.step, 2)}")) and stopped.step < 4:
                stopped = await loop.status(run_id)
                await asyncio.sleep(0.02)
        await loop.call("ResumeRun", coordinator_pb2.ResumeRunRequest(run_id=run_id))
        resumed = await loop.ended(run_id)
    assert resumed.state == SUCCEEDED, resumed.error
    records = await loop.steps(run_id)
    trained = [group_id for record in records for group_id in record.group_ids]
    assert len(trained) == len(set(trained)) == 5 * P
    # Groups that the stop cut short were replaced, so the weights differ from the undisturbed run's only if any were.
    if not resumed.groups_dropped:
        assert resumed.policy.manifest_sha256 == undisturbed.policy.manifest_sha256


async def test_groups_whose_samples_are_gone_or_do_not_fit_are_dropped_and_replaced(loop: Loop) -> None:
    loop.lose_samples_of, loop.misfit = {1, 5}, {2}
    async with loop.sampling("p"), loop.training():
        run_id = await loop.create("p", steps=3)
        done = await loop.ended(run_id)
    assert done.state == SUCCEEDED, done.error
    assert dict(done.groups_dropped) == {"failed": 3}
    trained = {group_id for record in await loop.steps(run_id) for group_id in record.group_ids}
    assert trained.isdisjoint({f"{run_id}-{sequence}" for sequence in (1, 2, 5)})


async def test_no_trace_of_an_older_span_than_allowed_is_trained_on(loop: Loop) -> None:
    # All groups of the second step, and one of those in their place.
    loop.stamped_back = {*range(P, 2 * P), 2 * P}
    async with loop.sampling("p"), loop.training():
        run_id = await loop.create("p", steps=4, max_staleness=0)
        done = await loop.ended(run_id)
    assert done.state == SUCCEEDED, done.error
    assert dict(done.groups_dropped) == {"stale": P + 1}
    assert {lag for record in await loop.steps(run_id) for lag in record.lags} == {0}


async def test_a_run_whose_policy_is_no_model_fails_and_the_next_run_is_trained(loop: Loop, tmp_path: Path) -> None:
    async with loop.sampling("good"), loop.training():
        bad = await loop.create("bad", policy_path=tmp_path / "absent")
        good = await loop.create("good", steps=2)
        failed, done = await loop.ended(bad), await loop.ended(good)
    assert failed.state == FAILED
    assert "policy_path" in failed.error and "absent is not a folder" in failed.error
    assert done.state == SUCCEEDED, done.error


async def test_storage_that_cannot_be_written_fails_the_run_and_says_so(loop: Loop) -> None:
    (loop.home / "policies").write_text("a file where a folder should be")
    async with loop.sampling("p"), loop.training():
        failed = await loop.ended(await loop.create("p", steps=2))
    assert failed.state == FAILED
    assert "NotADirectoryError" in failed.error and "policies" in failed.error


async def test_a_damaged_newest_checkpoint_is_made_up_for_from_the_one_before(loop: Loop) -> None:
    async with loop.sampling("calm", "torn"):
        calm = await loop.create("calm", checkpoint_every=2, steps=15)
        async with loop.training():
            undisturbed = await loop.ended(calm)
        torn = await loop.create("torn", checkpoint_every=2, steps=15)
        async with loop.training():
            await loop.until(torn, lambda status: status.step >= 4)
        newest = max((loop.home / "runs" / torn / "checkpoints").glob("step-*"))
        (newest / "model.safetensors").write_bytes(b"torn")
        # What only the journal and no checkpoint knows waits for a trainer however long it takes.
        for batch in await loop.redis.hvals(keys.journal(torn)):
            for group_id in json.loads(batch):
                assert await loop.redis.pttl(keys.sampled(group_id)) == -1
                assert await loop.redis.pttl(keys.group(group_id)) == -1
        async with loop.training():
            disturbed = await loop.ended(torn)
    assert disturbed.state == SUCCEEDED, disturbed.error
    assert disturbed.policy.manifest_sha256 == undisturbed.policy.manifest_sha256


async def test_a_trainer_that_can_use_no_group_fails_the_run(loop: Loop) -> None:
    loop.misfit = set(range(1000))
    async with loop.sampling("p"), loop.training():
        failed = await loop.ended(await loop.create("p"))
    assert failed.state == FAILED
    assert "could not be trained on" in failed.error


async def test_a_damaged_checkpoint_that_cannot_be_made_up_for_fails_the_run(loop: Loop) -> None:
    async with loop.sampling("p"):
        run_id = await loop.create("p", steps=1000)
        async with loop.training():
            await loop.until(run_id, lambda status: status.step >= 3)
        for weights in (loop.home / "runs" / run_id / "checkpoints").glob("*/model.safetensors"):
            weights.write_bytes(weights.read_bytes()[:-1])
        async with loop.training():
            failed = await loop.ended(run_id)
    assert failed.state == FAILED
    assert "BatchLost: the journal has no step 0" in failed.error


async def test_a_group_that_its_sampler_calls_untrainable_fails_the_run_in_the_sampler_s_words(loop: Loop) -> None:
    loop.untrainable = "engine openai: train with another"
    async with loop.sampling("p"), loop.training():
        done = await loop.ended(await loop.create("p"))
    assert done.state == FAILED
    assert "must not be trained on: engine openai: train with another" in done.error
    assert done.step == 0


async def test_a_trainer_offers_what_it_published_last_until_its_weights_change(loop: Loop, tmp_path: Path) -> None:
    weights = WeightSender(GlooNetwork(tmp_path), 10.0)
    async with loop.training(weights):
        run_id = await loop.create("p", steps=1000)
        async with loop.sampling("p"):
            await loop.until(run_id, lambda status: status.step >= 2)
        # One group of the next batch is not sampled, and will not be: the trainer rests.
        async with asyncio.timeout(60):
            while not await loop.redis.xlen(keys.prompts("p")):
                await asyncio.sleep(0.02)
        now = await loop.status(run_id)
        _, tensors = weights.offer(now.policy.manifest_sha256, 1)
        published = load_file(Path(now.policy.uri) / "model.safetensors")
        assert tensors.keys() == published.keys()
        assert all(torch.equal(tensors[name], published[name]) for name in published)
        async with loop.sampling("p"):
            await loop.until(run_id, lambda status: status.step > now.step)
        assert not _offers(weights, now.policy.manifest_sha256)
        last = await loop.until(run_id, lambda status: _offers(weights, status.policy.manifest_sha256))
    assert not _offers(weights, last.policy.manifest_sha256)


def _offers(weights: WeightSender, manifest_sha256: str) -> bool:
    try:
        weights.offer(manifest_sha256, 1)
    except Conflict:
        return False
    return True
