"""The code verifier behind a real gateway, with more asked of it than it can run and callers that go away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import psutil
import pytest

from rlvr.core.errors import Overloaded, TooLarge, from_rpc_error
from rlvr.core.rpc_client import channel
from rlvr.core.settings import GrpcSettings
from rlvr.v1 import verifier_pb2 as pb
from rlvr.v1 import verifier_pb2_grpc
from rooms import GatewayProcess, RoomProcess, free_port

NDJSON = {"content-type": "application/x-ndjson"}
MAX_QUEUE = 2
MIB = 2**20
FIVE = {"tests": [{"type": "stdio", "stdout": "5"}], "time_limit_s": 60}
LASTS = "import time\ntime.sleep(0.1)\nprint({})"
STAYS = """
import os, threading, time
os.fork()
for _ in range(3): threading.Thread(target=time.sleep, args=(55,)).start()
"""
"""Told from all other processes by its threads."""


@dataclass
class Service:
    """A verifier that runs one program at a time, and the gateway before it."""

    verifier: RoomProcess
    gateway: GatewayProcess
    metrics_url: str

    @property
    def staying(self) -> int:
        """How many processes there are of programs that stay."""
        assert self.verifier.process is not None
        found = 0
        for process in psutil.Process(self.verifier.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                found += process.num_threads() == 4
        return found

    def gauge(self, name: str) -> float:
        """The value of one of its metrics, summed over labels."""
        text = httpx.get(self.metrics_url, timeout=30, trust_env=False).text
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


@pytest.fixture(scope="module")
def start_service(
    redis_server: str, interpreter: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Service]]:
    """Starts services; `env` is of both rooms."""
    with contextlib.ExitStack() as stack:

        def start(**env: str) -> Service:
            home, metrics_port = tmp_path_factory.mktemp("service"), free_port()
            settings = {
                "RLVR_VERIFIER__KINDS": '["code"]',
                "RLVR_VERIFIER__CODE__CONCURRENCY": "1",
                "RLVR_VERIFIER__CODE__MAX_QUEUE": str(MAX_QUEUE),
                "RLVR_VERIFIER__CODE__PYTHON": interpreter,
                "RLVR_METRICS__LISTEN": f"127.0.0.1:{metrics_port}",
            }
            verifier = RoomProcess("verifier", redis_server, home, settings | env)
            stack.callback(lambda: verifier.process and verifier.stop())
            verifier.start()
            gateway = GatewayProcess(verifier.address, home, env)
            stack.callback(lambda: gateway.process and gateway.stop())
            gateway.start()
            return Service(verifier, gateway, f"http://127.0.0.1:{metrics_port}/metrics")

        yield start


@pytest.fixture(scope="module")
def service(start_service: Callable[..., Service]) -> Service:
    return start_service()


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=service.gateway.url, timeout=100, trust_env=False, limits=limits) as client:
        yield client


@pytest.fixture
async def stub(service: Service) -> AsyncIterator[Any]:
    async with channel(service.verifier.address, GrpcSettings()) as connection:
        yield verifier_pb2_grpc.VerifierServiceStub(connection)


def item(source: str, spec: dict[str, Any] = FIVE) -> dict[str, Any]:
    return {"verifier": "code", "completion": source, "spec": spec}


def message(source: str, spec: dict[str, Any] = FIVE) -> pb.VerifyItem:
    return pb.VerifyItem(verifier="code", completion=source, spec_json=json.dumps(spec))


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 50
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


async def test_what_there_is_no_room_for_is_refused_with_the_time_to_come_back(
    service: Service, client: httpx.AsyncClient
) -> None:
    expected = {LASTS.format(number): number == 5 for number in range(12)}
    answers = await asyncio.gather(*(client.post("/v1/verify", json=item(source)) for source in expected))
    accepted, refused = 0, 0
    for right, answer in zip(expected.values(), answers, strict=True):
        if answer.status_code == 200:
            accepted += 1
            assert (answer.json()["outcome"], answer.json()["reward"]) == (
                ("correct", 1.0) if right else ("incorrect", 0.0)
            )
        else:
            refused += 1
            assert answer.status_code == 429
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["type"] == "urn:rlvr:problem:overloaded"
            assert int(answer.headers["retry-after"]) >= 1
    assert accepted >= 1 + MAX_QUEUE and refused == service.gauge("rlvr_sandbox_refused_total") > 0
    after = await client.post("/v1/verify", json=item("print(5)"))
    assert (after.status_code, after.json()["outcome"]) == (200, "correct")


async def test_a_refusal_over_grpc_says_when_to_come_back(stub: Any) -> None:
    calls = [stub.Verify(pb.VerifyRequest(item=message(LASTS.format(5))), timeout=60) for _ in range(12)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [from_rpc_error(answer) for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert refusals and all(isinstance(refusal, Overloaded) for refusal in refusals)
    assert all(refusal.retry_after_seconds for refusal in refusals)
    assert {a.verdict.outcome for a in answers if not isinstance(a, BaseException)} == {pb.OUTCOME_CORRECT}


@pytest.mark.parametrize("ndjson", [False, True])
async def test_a_batch_larger_than_the_queue_waits_and_its_times_add_up(
    client: httpx.AsyncClient, ndjson: bool
) -> None:
    items = [item(f"import time\ntime.sleep(0.02)\nprint({5 if number % 2 else 6})") for number in range(24)]
    # A machine that stands still for a moment adds it to the times of all that are in hand. It does not every time.
    for _ in range(5):
        verdicts, whole_ms = await graded_in_a_batch(client, items, ndjson)
        assert [verdict["outcome"] for verdict in verdicts] == ["incorrect", "correct"] * 12
        if not (wrong := what_does_not_add_up(verdicts, whole_ms)):
            return
    raise AssertionError(wrong)


async def graded_in_a_batch(
    client: httpx.AsyncClient, items: list[dict[str, Any]], ndjson: bool
) -> tuple[list[dict[str, Any]], float]:
    """The verdicts in order, and how long the batch took."""
    begin = time.monotonic()
    if ndjson:
        answer = await client.post("/v1/verify/batch", content="\n".join(map(json.dumps, items)), headers=NDJSON)
        verdicts = sorted(map(json.loads, answer.text.splitlines()), key=lambda verdict: verdict["index"])
    else:
        verdicts = (await client.post("/v1/verify/batch", json={"items": items})).json()["verdicts"]
    return verdicts, (time.monotonic() - begin) * 1000


def what_does_not_add_up(verdicts: list[dict[str, Any]], whole_ms: float) -> str:
    """One at a time: graded one after the other, each has waited for all before it and for nothing else."""
    graded = sorted(verdicts, key=lambda verdict: verdict["queue_ms"])
    durations = [verdict["duration_ms"] for verdict in graded]
    if min(durations) < 20 or sum(durations) > 1.1 * whole_ms:
        return f"durations of {durations} ms in a batch of {whole_ms} ms"
    for place, verdict in enumerate(graded):
        waited, lasted = verdict["queue_ms"], verdict["duration_ms"]
        if waited < 0.9 * sum(durations[:place]) or waited + lasted > whole_ms:
            return f"{waited} ms of waiting at place {place} of durations of {durations} ms, {whole_ms} ms in all"
    return ""


async def test_a_batch_past_its_deadline_is_our_error_and_nobodys_zero(stub: Any) -> None:
    entries = [pb.IndexedItem(index=n, item=message(LASTS.format(5))) for n in range(3)]
    entries.insert(1, pb.IndexedItem(index=3, item=message(STAYS)))
    verdicts: dict[int, pb.Verdict] = {}
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        async for response in stub.VerifyBatch(iter([pb.VerifyBatchRequest(items=entries)]), timeout=3):
            verdicts |= {verdict.index: verdict.verdict for verdict in response.verdicts}
    assert failure.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    outcomes = {index: (verdict.outcome, verdict.HasField("reward")) for index, verdict in verdicts.items()}
    for index, outcome in outcomes.items():
        right = (pb.OUTCOME_CORRECT, True) if index == 0 else (pb.OUTCOME_ERROR, False)
        assert outcome == right, index


Leave = Callable[[Service, httpx.AsyncClient, Any, Awaitable[None]], Awaitable[None]]


async def _http_single(service: Service, client: httpx.AsyncClient, stub: Any, begun: Awaitable[None]) -> None:
    await _abandon(client.post("/v1/verify", json=item(STAYS)), begun)


async def _http_batch(service: Service, client: httpx.AsyncClient, stub: Any, begun: Awaitable[None]) -> None:
    await _abandon(client.post("/v1/verify/batch", json={"items": [item(STAYS)] * 5}), begun)


async def _http_ndjson(service: Service, client: httpx.AsyncClient, stub: Any, begun: Awaitable[None]) -> None:
    body = "\n".join([json.dumps(item(STAYS))] * 5)
    await _abandon(client.post("/v1/verify/batch", content=body, headers=NDJSON), begun)


async def _grpc_cancelled(service: Service, client: httpx.AsyncClient, stub: Any, begun: Awaitable[None]) -> None:
    call = stub.Verify(pb.VerifyRequest(item=message(STAYS)))
    await begun
    call.cancel()


async def _grpc_batch_cancelled(service: Service, client: httpx.AsyncClient, stub: Any, begun: Awaitable[None]) -> None:
    sources = ["print(5)", *[STAYS] * 5]
    entries = [pb.IndexedItem(index=n, item=message(source)) for n, source in enumerate(sources)]
    call = stub.VerifyBatch(iter([pb.VerifyBatchRequest(items=entries)]))
    assert (await call.read()).verdicts[0].verdict.outcome == pb.OUTCOME_CORRECT
    await begun
    call.cancel()


async def _grpc_deadline(service: Service, client: httpx.AsyncClient, stub: Any, begun: Awaitable[None]) -> None:
    # Enough for the program to begin, on a machine that stands still in between too.
    call = stub.Verify(pb.VerifyRequest(item=message(STAYS)), timeout=10)
    await begun
    with pytest.raises(grpc.aio.AioRpcError, match="DEADLINE_EXCEEDED"):
        await call


async def _gateway_killed(service: Service, client: httpx.AsyncClient, stub: Any, begun: Awaitable[None]) -> None:
    """The caller of the verifier is the gateway."""
    asking = asyncio.create_task(client.post("/v1/verify/batch", json={"items": [item(STAYS)] * 5}))
    await begun
    assert service.gateway.process is not None
    service.gateway.process.kill()
    service.gateway.process.wait()
    await asyncio.gather(asking, return_exceptions=True)
    service.gateway.start()


async def _abandon(asking: Awaitable[httpx.Response], begun: Awaitable[None]) -> None:
    """Close the connection once the program runs."""
    task = asyncio.ensure_future(asking)
    await begun
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    "leave",
    [
        _http_single,
        _http_batch,
        _http_ndjson,
        _grpc_cancelled,
        _grpc_batch_cancelled,
        _grpc_deadline,
        _gateway_killed,
    ],
)
async def test_a_caller_who_leaves_kills_its_run_and_frees_its_slot(
    service: Service, client: httpx.AsyncClient, stub: Any, leave: Leave
) -> None:
    await leave(service, client, stub, until(lambda: service.staying == 2, "the program runs"))
    await until(lambda: service.staying == 0, "its processes are gone")
    await until(lambda: service.gauge("rlvr_sandbox_waiting") == 0, "nothing of it waits")
    await until(lambda: service.gauge("rlvr_sandbox_slots_in_use") == 0, "its slot is free")
    after = await stub.Verify(pb.VerifyRequest(item=message("print(5)")), timeout=30)
    assert after.verdict.outcome == pb.OUTCOME_CORRECT


def test_the_metrics_tell_how_runs_ended(service: Service) -> None:
    text = httpx.get(service.metrics_url, timeout=30, trust_env=False).text
    assert re.search(r'^rlvr_sandbox_runs_total{end="exited",tier="\w+"} [1-9]', text, re.MULTILINE)
    assert re.search(r'^rlvr_sandbox_runs_total{end="stopped",tier="\w+"} [1-9]', text, re.MULTILINE)
    assert re.search(r'^rlvr_sandbox_run_seconds_count{kind="\w+",tier="\w+"} [1-9]', text, re.MULTILINE)
    assert service.gauge("rlvr_sandbox_slots") == 1


async def test_the_list_of_verifiers_says_how_programs_are_isolated_and_how_many_run(client: httpx.AsyncClient) -> None:
    [code] = (await client.get("/v1/verifiers")).json()["verifiers"]
    available = code["available"]
    assert (available["concurrency"], available["max_queue"]) == (1, MAX_QUEUE)
    assert available["tier"] and "seccomp" in available["isolation"]


def echo(size: int) -> dict[str, Any]:
    text = "x" * size
    return {"tests": [{"type": "stdio", "stdin": text, "stdout": text}], "time_limit_s": 30}


async def test_sixteen_megabytes_pass_both_ways_where_the_settings_let_them(
    start_service: Callable[..., Service],
) -> None:
    source = "import sys\nsys.stdout.write(sys.stdin.read())"
    large = start_service(
        RLVR_GRPC__MAX_MESSAGE_MB="40",
        RLVR_VERIFIER__MAX_SPEC_BYTES=str(64 * MIB),
        RLVR_GATEWAY__MAX_SPEC_BYTES=str(64 * MIB),
        RLVR_GATEWAY__MAX_BODY_BYTES=str(64 * MIB),
    )
    async with httpx.AsyncClient(base_url=large.gateway.url, timeout=100, trust_env=False) as client:
        passed = await client.post("/v1/verify", json=item(source, echo(16 * MIB)))
        assert (passed.status_code, passed.json()["reason"]) == (200, "passed")
        over = await client.post("/v1/verify", json=item(source, echo(16 * MIB + 1)))
        assert (over.status_code, over.json()["reason"]) == (200, "output_limit")
        beyond_grpc = await client.post("/v1/verify", json=item(source, echo(21 * MIB)))
        assert (beyond_grpc.status_code, beyond_grpc.json()["type"]) == (413, "urn:rlvr:problem:too-large")
        assert "RLVR_GRPC__MAX_MESSAGE_MB" in beyond_grpc.json()["detail"]
    async with channel(large.verifier.address, GrpcSettings(max_message_mb=64)) as connection:
        stub = verifier_pb2_grpc.VerifierServiceStub(connection)
        answer = await stub.Verify(pb.VerifyRequest(item=message(source, echo(16 * MIB))), timeout=60)
        assert answer.verdict.reason == pb.REASON_PASSED
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await stub.Verify(pb.VerifyRequest(item=message(source, echo(21 * MIB))), timeout=60)
        assert isinstance(from_rpc_error(failure.value), TooLarge)


async def test_a_spec_over_the_bound_is_refused_by_name(client: httpx.AsyncClient, stub: Any) -> None:
    source = "print(input())"
    answer = await client.post("/v1/verify", json=item(source, echo(3 * MIB)))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "spec")
    assert "RLVR_GATEWAY__MAX_SPEC_BYTES" in answer.json()["detail"]
    verdict = (await stub.Verify(pb.VerifyRequest(item=message(source, echo(3 * MIB))))).verdict
    assert (verdict.outcome, verdict.reason) == (pb.OUTCOME_INVALID, pb.REASON_BAD_SPEC)
    assert "RLVR_VERIFIER__MAX_SPEC_BYTES" in verdict.detail
