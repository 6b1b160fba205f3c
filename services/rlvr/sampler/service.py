"""The gRPC face of the sampler room."""

from __future__ import annotations

import asyncio

import grpc

from rlvr.core.errors import Conflict, DeadlineExceeded, FieldViolation
from rlvr.core.rpc_server import remaining
from rlvr.core.settings import GrpcSettings
from rlvr.sampler.engine import Engine, SampledGroup, invalid_request
from rlvr.sampler.follower import PolicyFollower
from rlvr.sampler.wire import from_sampled, from_status, from_version, to_request, to_version
from rlvr.v1 import sampler_pb2, sampler_pb2_grpc


class SamplerService(sampler_pb2_grpc.SamplerServiceServicer):
    """Generate, LoadPolicy, GetStatus. A call that ends early frees its places in the batch."""

    def __init__(self, engine: Engine, follower: PolicyFollower, settings: GrpcSettings) -> None:
        self._engine = engine
        self._follower = follower
        self._settings = settings

    async def Generate(
        self, request: sampler_pb2.GenerateRequest, context: grpc.aio.ServicerContext
    ) -> sampler_pb2.GenerateResponse:
        if not request.prompts:
            raise invalid_request(FieldViolation("prompts", "give at least one prompt"))
        requests = [to_request(prompt.messages, request.group_size, request.sampling) for prompt in request.prompts]
        seconds = remaining(context, self._settings.default_deadline_s)
        tasks = [asyncio.create_task(self._engine.generate(each)) for each in requests]
        try:
            async with asyncio.timeout(seconds):
                groups: list[SampledGroup] = await asyncio.gather(*tasks)
        except TimeoutError:
            status = self._engine.status()
            raise DeadlineExceeded(
                f"not sampled within {seconds:.1f} s ({status.running} completions run, {status.waiting} wait)"
            ) from None
        finally:
            for task in tasks:
                task.cancel()
        temperature = request.sampling.temperature
        return sampler_pb2.GenerateResponse(
            groups=[
                from_sampled(str(index), group, temperature, self._engine.untrainable)
                for index, group in enumerate(groups)
            ]
        )

    async def LoadPolicy(
        self, request: sampler_pb2.LoadPolicyRequest, context: grpc.aio.ServicerContext
    ) -> sampler_pb2.LoadPolicyResponse:
        version = to_version(request.policy)
        if not version.policy or not version.uri:
            raise invalid_request(
                FieldViolation("policy", "give the policy's name and the uri of a Hugging Face model folder")
            )
        target = self._follower.target
        if target is not None:
            raise Conflict(
                f"this sampler follows run {target.run_id} (policy {target.version.policy!r}), whose register says "
                "what it loads: stop the run first"
            )
        await self._follower.load(version)
        return sampler_pb2.LoadPolicyResponse(policy=from_version(version))

    async def GetStatus(
        self, request: sampler_pb2.SamplerServiceGetStatusRequest, context: grpc.aio.ServicerContext
    ) -> sampler_pb2.SamplerServiceGetStatusResponse:
        return from_status(self._engine.status(), self._follower.held)
