"""The room as its own process, with the real engine."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from rlvr.core import rpc_client
from rlvr.core.settings import GrpcSettings
from rlvr.v1 import common_pb2, sampler_pb2, sampler_pb2_grpc


async def test_the_room_loads_a_policy_samples_it_and_ends_on_sigterm(
    redis_url: str, policy_v0: Path, tmp_path: Path
) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RLVR_")}
    environment |= {
        "RLVR_REDIS__URL": redis_url,
        "RLVR_LOG__FORMAT": "json",
        "RLVR_HOME": str(tmp_path),
        "RLVR_METRICS__LISTEN": "",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "rlvr.sampler", env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(90):
            assert process.stderr is not None
            port = 0
            async for line in process.stderr:
                if b"room is up" in line:
                    port = json.loads(line)["grpc_port"]
                    break
            channel = rpc_client.channel(f"127.0.0.1:{port}", GrpcSettings())
            stub = sampler_pb2_grpc.SamplerServiceStub(channel)
            version = common_pb2.PolicyVersion(policy="tiny", version=0, uri=str(policy_v0))
            await stub.LoadPolicy(sampler_pb2.LoadPolicyRequest(policy=version), timeout=30)
            prompt = sampler_pb2.Prompt(messages=[common_pb2.ChatMessage(role="user", content="1+2=")])
            response = await stub.Generate(
                sampler_pb2.GenerateRequest(
                    prompts=[prompt],
                    group_size=4,
                    sampling=common_pb2.SamplingParams(temperature=1.0, max_tokens=6, seed=1),
                ),
                timeout=30,
            )
            [group] = response.groups
            assert len(group.prompt_ids) == 4 * 4
            assert all(len(trace.completion_ids) == len(trace.logprobs) > 0 for trace in group.traces)
            await channel.close(grace=None)
            process.send_signal(signal.SIGTERM)
            await process.stderr.read()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
