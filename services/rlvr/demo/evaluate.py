"""How often a policy is right: sampled by the sampler room, judged by the math verifier over HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import grpc

from rlvr.cli.api import Gateway
from rlvr.core.rpc_client import channel
from rlvr.core.settings import GrpcSettings
from rlvr.demo.problems import HeldOut
from rlvr.quality.interval import wilson
from rlvr.v1 import common_pb2, sampler_pb2, sampler_pb2_grpc

_TIMEOUT_S = 120.0
_FREE_WITHIN_S = 15.0
"""How long a sampler may take to notice that its run has ended."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Completions of held-out problems with their verdicts."""

    version: int
    """Of the policy."""
    traces: list[dict[str, Any]]
    """One object per completion: the problem, the completion, the verdict."""

    @property
    def accuracy(self) -> float:
        return self._correct / len(self.traces)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the accuracy (Wilson)."""
        return wilson(self._correct, len(self.traces))

    @property
    def _correct(self) -> int:
        return sum(trace["verdict"]["outcome"] == "correct" for trace in self.traces)


def evaluate(
    gateway: Gateway,
    sampler: str,
    policy: common_pb2.PolicyVersion,
    problems: list[HeldOut],
    *,
    samples: int,
    max_tokens: int,
    seed: int,
) -> Evaluation:
    """Sample each problem `samples` times at temperature 1 and have all completions judged.

    Raises:
        grpc.aio.AioRpcError: the sampler at `sampler` (host:port) cannot load the policy or sample it.
        Failure: the gateway cannot be reached.
    """
    sampling = common_pb2.SamplingParams(temperature=1.0, max_tokens=max_tokens, seed=seed)
    completions = asyncio.run(_sample(sampler, policy, problems, samples, sampling))
    traces: list[dict[str, Any]] = [
        {
            "policy_version": policy.version,
            "question": problem.question,
            "completion": completion,
            "spec": {"answer": problem.answer},
        }
        for problem, group in zip(problems, completions, strict=True)
        for completion in group
    ]
    verdicts = gateway.verify_batch(
        [{"verifier": "math", "completion": trace["completion"], "spec": trace["spec"]} for trace in traces]
    )
    for trace, verdict in zip(traces, verdicts, strict=True):
        trace["verdict"] = verdict
    return Evaluation(policy.version, traces)


async def _sample(
    sampler: str,
    policy: common_pb2.PolicyVersion,
    problems: list[HeldOut],
    samples: int,
    sampling: common_pb2.SamplingParams,
) -> list[list[str]]:
    async with channel(sampler, GrpcSettings()) as connection:
        stub = sampler_pb2_grpc.SamplerServiceStub(connection)
        await _load(stub, policy)
        prompts = [
            sampler_pb2.Prompt(messages=[common_pb2.ChatMessage(role="user", content=problem.question)])
            for problem in problems
        ]
        request = sampler_pb2.GenerateRequest(prompts=prompts, group_size=samples, sampling=sampling)
        response = await stub.Generate(request, timeout=_TIMEOUT_S)
    return [[trace.completion for trace in group.traces] for group in response.groups]


async def _load(stub: sampler_pb2_grpc.SamplerServiceStub, policy: common_pb2.PolicyVersion) -> None:
    """Load a version once the sampler is free: it refuses while it still follows a run that has just ended."""
    deadline = asyncio.get_running_loop().time() + _FREE_WITHIN_S
    while True:
        try:
            await stub.LoadPolicy(sampler_pb2.LoadPolicyRequest(policy=policy), timeout=_TIMEOUT_S)
            return
        except grpc.aio.AioRpcError as failure:
            refused = failure.code() is grpc.StatusCode.FAILED_PRECONDITION
            if not refused or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.25)
