"""Weights from a trainer to a vLLM server past the files: everything but NCCL itself, which needs GPUs.

The trainer's gRPC service, the sampler's side, and a server that plays vLLM's part are real processes' code over real
gRPC and HTTP; what NCCL would carry goes over gloo.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import torch

import tiny_policies
from engine_contract import until
from rlvr.core import metrics, rpc_client
from rlvr.core.errors import Conflict, DeadlineExceeded
from rlvr.core.settings import GrpcSettings
from rlvr.sampler.engine import EngineState
from rlvr.sampler.engines.vllm.engine import VllmEngine
from rlvr.sampler.engines.vllm.settings import VllmSettings
from rlvr.sampler.engines.vllm.transfer import WeightTransfer
from rlvr.trainer.publish import Published, publish
from rlvr.trainer.service import TrainerService
from rlvr.trainer.status import TrainerStatus
from rlvr.trainer.transfer import WeightSender
from rlvr.v1 import trainer_pb2, trainer_pb2_grpc
from sampler_rooms import serve
from weight_wire import GlooNetwork, VllmOverGloo, broadcast, join_gloo

BY_NCCL = [
    "get_world_size",
    "init_weight_transfer_engine",
    "pause",
    "start_weight_update",
    "update_weights",
    "finish_weight_update",
    "update_weight_version",
    "reset_prefix_cache",
    "resume",
    "shutdown_weight_transfer_engine",
]
BY_FILES = ["pause", "collective_rpc", "update_weight_version", "reset_prefix_cache", "resume"]

Models = list[tiny_policies.LlamaForCausalLM]


@pytest.fixture(scope="module")
def models() -> Models:
    return [tiny_policies.build_model(seed) for seed in (0, 1)]


@pytest.fixture
def versions(models: Models, tmp_path: Path) -> list[Published]:
    return [
        publish(model, tiny_policies.build_tokenizer(), str(tmp_path / "policies"), version)
        for version, model in enumerate(models)
    ]


@pytest.fixture
def network(tmp_path: Path) -> GlooNetwork:
    return GlooNetwork(tmp_path)


@pytest.fixture
def sender(network: GlooNetwork) -> WeightSender:
    return WeightSender(network, timeout_s=30.0)


@pytest.fixture
async def trainer(sender: WeightSender) -> AsyncIterator[trainer_pb2_grpc.TrainerServiceStub]:
    service = TrainerService(TrainerStatus(), sender)
    add = trainer_pb2_grpc.add_TrainerServiceServicer_to_server
    async with serve(service, add, trainer_pb2.DESCRIPTOR) as port:
        channel = rpc_client.channel(f"127.0.0.1:{port}", GrpcSettings())
        yield trainer_pb2_grpc.TrainerServiceStub(channel)
        await channel.close(grace=None)


@pytest.fixture
async def server() -> VllmOverGloo:
    return VllmOverGloo()


@pytest.fixture
async def engine(
    server: VllmOverGloo, trainer: trainer_pb2_grpc.TrainerServiceStub, versions: list[Published]
) -> AsyncIterator[VllmEngine]:
    """Holding version 0, from files."""
    engine = VllmEngine(VllmSettings(transfer="nccl"), server, WeightTransfer(trainer))
    await engine.load("tiny", 0, versions[0].uri)
    server.calls.clear()
    yield engine
    await engine.close()


def counted(way: str) -> float:
    return metrics.WEIGHT_UPDATES.labels(way)._value.get()


def holds(server: VllmOverGloo, model: tiny_policies.LlamaForCausalLM) -> bool:
    """Whether all ranks have exactly a model's weights."""
    expected = dict(model.named_parameters())
    return all(
        rank.keys() == expected.keys() and all(torch.equal(rank[name], expected[name]) for name in expected)
        for rank in server.weights
    )


async def test_a_version_goes_from_the_trainer_to_every_rank_without_its_files_being_read(
    engine: VllmEngine, server: VllmOverGloo, sender: WeightSender, models: Models, versions: list[Published]
) -> None:
    before = counted("nccl")
    assert holds(server, models[0])
    for version in (1, 0, 1):
        sender.hold(versions[version].manifest_sha256, models[version])
        server.calls.clear()
        await engine.load("tiny", version, versions[version].uri)
        assert server.calls == BY_NCCL
        assert holds(server, models[version])
        assert server.label.startswith(f"tiny-{version}-")
        assert (engine.status().state, engine.status().version) == (EngineState.READY, version)
    assert counted("nccl") - before == 3
    assert len(server.starts) == 1
    sender.withdraw()


def another_version_is_held(sender: WeightSender, versions: list[Published], models: Models) -> None:
    sender.hold(versions[0].manifest_sha256, models[0])


def nothing_is_held_any_more(sender: WeightSender, versions: list[Published], models: Models) -> None:
    sender.hold(versions[1].manifest_sha256, models[1])
    sender.withdraw()


def other_tensors_than_in_the_files(sender: WeightSender, versions: list[Published], models: Models) -> None:
    sender.hold(versions[1].manifest_sha256, tiny_policies.build_model(1, hidden_size=64))


@pytest.mark.parametrize(
    "held",
    [another_version_is_held, nothing_is_held_any_more, other_tensors_than_in_the_files],
    ids=lambda f: f.__name__,
)
async def test_what_the_trainer_does_not_have_as_it_was_published_is_read_from_files(
    engine: VllmEngine,
    server: VllmOverGloo,
    sender: WeightSender,
    models: Models,
    versions: list[Published],
    held: Callable[[WeightSender, list[Published], Models], None],
) -> None:
    held(sender, versions, models)
    before = counted("files")
    await engine.load("tiny", 1, versions[1].uri)
    assert server.calls == ["get_world_size", *BY_FILES]
    assert holds(server, models[1])
    assert counted("files") - before == 1
    # An offer that nobody takes holds nobody up.
    sender.withdraw()


async def test_a_trainer_without_the_hardware_offers_nothing(
    engine: VllmEngine,
    server: VllmOverGloo,
    sender: WeightSender,
    network: GlooNetwork,
    models: Models,
    versions: list[Published],
) -> None:
    sender.hold(versions[1].manifest_sha256, models[1])
    network.refusal = "this trainer computes on cpu"
    await engine.load("tiny", 1, versions[1].uri)
    assert server.calls == ["get_world_size", *BY_FILES]


async def test_without_a_trainer_or_a_manifest_files_are_read(
    server: VllmOverGloo, versions: list[Published], models: Models, tmp_path: Path
) -> None:
    channel = rpc_client.channel("127.0.0.1:1", GrpcSettings())
    transfer = WeightTransfer(trainer_pb2_grpc.TrainerServiceStub(channel))
    engine = VllmEngine(VllmSettings(transfer="nccl"), server, transfer)
    try:
        await engine.load("tiny", 0, str(tiny_policies.write_policy(tmp_path / "bare", 0)))
        await engine.load("tiny", 1, str(tiny_policies.write_policy(tmp_path / "barer", 1)))
        assert server.calls[-5:] == BY_FILES
        await engine.load("tiny", 2, versions[1].uri)
        assert server.calls[-6:] == ["get_world_size", *BY_FILES]
        assert holds(server, models[1])
    finally:
        await engine.close()
        await channel.close(grace=None)


@pytest.mark.parametrize("route", ["get_world_size", "init_weight_transfer_engine"])
async def test_a_server_that_cannot_join_goes_on_and_reads_files(
    engine: VllmEngine,
    server: VllmOverGloo,
    sender: WeightSender,
    models: Models,
    versions: list[Published],
    route: str,
) -> None:
    sender.hold(versions[1].manifest_sha256, models[1])
    server.break_at = {route}
    await engine.load("tiny", 1, versions[1].uri)
    assert server.calls[-5:] == BY_FILES
    assert holds(server, models[1])
    assert len(server.starts) == 1
    # The trainer is told, and does not wait for it.
    await asyncio.wait_for(asyncio.to_thread(sender.withdraw), 20)


@pytest.mark.parametrize(
    "route", ["start_weight_update", "update_weights", "finish_weight_update", "shutdown_weight_transfer_engine"]
)
async def test_a_transfer_that_breaks_half_way_ends_in_a_start_with_the_new_version(
    engine: VllmEngine,
    server: VllmOverGloo,
    sender: WeightSender,
    models: Models,
    versions: list[Published],
    route: str,
) -> None:
    sender.hold(versions[1].manifest_sha256, models[1])
    server.break_at = {route}
    await engine.load("tiny", 1, versions[1].uri)
    assert server.starts == [versions[0].uri, versions[1].uri]
    assert holds(server, models[1])
    assert (engine.status().state, engine.status().version) == (EngineState.READY, 1)


async def test_a_trainer_that_fails_in_the_middle_leaves_no_server_with_half_a_version(
    engine: VllmEngine,
    server: VllmOverGloo,
    sender: WeightSender,
    network: GlooNetwork,
    models: Models,
    versions: list[Published],
) -> None:
    sender.hold(versions[1].manifest_sha256, models[1])
    network.fail_at = 3
    await engine.load("tiny", 1, versions[1].uri)
    assert server.calls[:5] == BY_NCCL[:5]
    assert server.starts == [versions[0].uri, versions[1].uri]
    assert holds(server, models[1])


# The trainer's side alone


async def test_an_update_of_the_weights_waits_until_they_are_sent_and_then_they_are_held_no_more(
    sender: WeightSender, network: GlooNetwork, models: Models
) -> None:
    sender.hold("v1", models[1])
    unique_id, tensors = sender.offer("v1", 1)
    assert tensors.keys() == dict(models[1].named_parameters()).keys()
    network.may_join.clear()
    with sender.lend(unique_id) as loan:
        sending = asyncio.create_task(sender.send(loan))
        update = threading.Thread(target=sender.withdraw)
        update.start()
        await until(lambda: _refuses(sender, "v1"))
        assert update.is_alive()
        receiver = asyncio.create_task(asyncio.to_thread(_receive, unique_id, len(tensors), tensors))
        network.may_join.set()
        await sending
        assert all(map(torch.equal, await receiver, tensors.values()))
    await asyncio.to_thread(update.join, 20)
    assert not update.is_alive()


async def test_an_offer_is_taken_once_and_not_after_the_weights_have_changed(
    sender: WeightSender, models: Models
) -> None:
    sender.hold("v1", models[1])
    first, _ = sender.offer("v1", 1)
    second, _ = sender.offer("v1", 1)
    with sender.lend(first), pytest.raises(Conflict, match="no such offer"), sender.lend(first):
        pass
    sender.withdraw()
    with pytest.raises(Conflict, match="no such offer"), sender.lend(second):
        pass
    with pytest.raises(Conflict, match="does not hold"):
        sender.offer("v1", 1)


async def test_a_receiver_that_never_comes_holds_up_training_for_the_time_out_and_no_longer(
    network: GlooNetwork, models: Models
) -> None:
    sender = WeightSender(network, timeout_s=0.3)
    sender.hold("v1", models[1])
    unique_id, _ = sender.offer("v1", 1)
    network.may_join.clear()
    with pytest.raises(DeadlineExceeded, match="RLVR_TRAINER__TRANSFER_TIMEOUT_S"), sender.lend(unique_id) as loan:
        sending = asyncio.create_task(sender.send(loan))
        await asyncio.to_thread(sender.withdraw)
        await sending
    sender.hold("v2", models[1])
    with pytest.raises(Conflict, match="has not ended"):
        sender.offer("v2", 1)
    # It does end, with nobody to tell.
    receiver = asyncio.create_task(asyncio.to_thread(_receive, unique_id, 0, {}))
    network.fail_at = 0
    network.may_join.set()
    await receiver
    await until(lambda: not _refuses(sender, "v2"))


async def test_a_loan_that_ran_out_before_it_was_sent_is_refused_and_the_next_is_not(
    network: GlooNetwork, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined: list[object] = []
    monkeypatch.setattr(network, "join", lambda *group: joined.append(group))
    sender = WeightSender(network, timeout_s=0.01)
    sender.hold("v1", models[1])
    unique_id, _ = sender.offer("v1", 1)
    with sender.lend(unique_id) as loan:
        await asyncio.to_thread(sender.withdraw)
        # From here on the weights may change.
        with pytest.raises(DeadlineExceeded, match="RLVR_TRAINER__TRANSFER_TIMEOUT_S"):
            await sender.send(loan)
    for thread in threading.enumerate():
        if thread.name == "transfer":
            await asyncio.to_thread(thread.join)
    assert joined == []
    sender.hold("v2", models[1])
    sender.offer("v2", 1)


def _refuses(sender: WeightSender, manifest_sha256: str) -> bool:
    try:
        sender.offer(manifest_sha256, 1)
    except Conflict:
        return True
    return False


def _receive(unique_id: bytes, count: int, like: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    group = join_gloo(unique_id, 2, 1)
    received = [torch.empty_like(tensor) for tensor in list(like.values())[:count]]
    for tensor in received:
        broadcast(group, tensor)
    return received
