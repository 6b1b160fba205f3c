"""The sampler room with the OpenAI engine, as a process: who asks is answered, who would train is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from openai_server import openai_server
from rlvr.core import rpc_client
from rlvr.core.errors import Conflict
from rlvr.core.rpc_client import rlvr_errors
from rlvr.core.settings import GrpcSettings
from rlvr.v1 import common_pb2, coordinator_pb2, coordinator_pb2_grpc, sampler_pb2, sampler_pb2_grpc
from rooms import RoomProcess


async def test_it_answers_generate_and_fails_the_run_that_it_is_to_sample_for(
    start_room: Callable[..., RoomProcess], tmp_path: Path
) -> None:
    problems = tmp_path / "problems.jsonl"
    problems.write_text(json.dumps({"prompt": "1 + 1?", "verifier": "math", "spec": {"answer": "2"}}) + "\n")
    async with openai_server() as server:
        coordinator = await asyncio.to_thread(start_room, "coordinator", RLVR_COORDINATOR__POLL_S="0.1")
        sampler = await asyncio.to_thread(
            start_room,
            "sampler",
            RLVR_SAMPLER__ENGINE="openai",
            RLVR_SAMPLER__OPENAI__URL=server.url,
            RLVR_SAMPLER__OPENAI__EXTRA_BODY='{"top_k": -1}',
            RLVR_PEERS__COORDINATOR=coordinator.address,
        )
        to_sampler = rpc_client.channel(sampler.address, GrpcSettings())
        to_coordinator = rpc_client.channel(coordinator.address, GrpcSettings())
        stub = sampler_pb2_grpc.SamplerServiceStub(to_sampler)
        runs = coordinator_pb2_grpc.CoordinatorServiceStub(to_coordinator)
        try:
            request = sampler_pb2.GenerateRequest(
                prompts=[sampler_pb2.Prompt(messages=[common_pb2.ChatMessage(role="user", content="1+2=")])],
                group_size=2,
                sampling=common_pb2.SamplingParams(temperature=1.0, max_tokens=8),
            )
            [group] = (await stub.Generate(request, timeout=30)).groups
            assert [trace.completion for trace in group.traces] == ["1+2= #0", "1+2= #1"]
            assert "RLVR_SAMPLER__ENGINE" in group.untrainable
            assert not any(trace.completion_ids or trace.logprobs or trace.HasField("span") for trace in group.traces)
            version = common_pb2.PolicyVersion(policy="p", version=0, uri=str(tmp_path))
            with pytest.raises(Conflict, match="RLVR_SAMPLER__ENGINE"), rlvr_errors():
                await stub.LoadPolicy(sampler_pb2.LoadPolicyRequest(policy=version), timeout=30)

            spec = coordinator_pb2.RunSpec(name="run", policy_path="/models/initial", group_size=2)
            spec.problems.kind, spec.problems.path = "jsonl", str(problems)
            created = await runs.CreateRun(coordinator_pb2.CreateRunRequest(spec=spec), timeout=30)
            await runs.AcquireRun(coordinator_pb2.AcquireRunRequest(trainer_id="trainer-0"), timeout=30)
            wanted = coordinator_pb2.GetRunRequest(run_id=created.run.run_id)
            async with asyncio.timeout(60):
                while (run := (await runs.GetRun(wanted, timeout=30)).run).state != coordinator_pb2.RUN_STATE_FAILED:
                    await asyncio.sleep(0.05)
            assert run.error.startswith("sampler 'sampler-0': engine openai samples from")
            assert "RLVR_SAMPLER__ENGINE=vllm or transformers" in run.error
            assert len(server.requests) == 1
        finally:
            await to_sampler.close(grace=None)
            await to_coordinator.close(grace=None)
