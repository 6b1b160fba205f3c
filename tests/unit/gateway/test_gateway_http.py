"""Limits, keys, health and problem documents."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from rlvr.core.settings import PeerSettings

GOOD = {"verifier": "right", "completion": "4", "spec": {"answer": "4"}}
KEY = "a-key-that-is-long-enough"


def assert_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == status and document["title"] and document["detail"]
    assert document["instance"] == response.request.url.path
    assert isinstance(document, dict)
    return document


async def test_a_malformed_trace_is_refused_by_field(serve: Any) -> None:
    client = await serve()
    response = await client.post("/v1/verify", json={**GOOD, "completion": 4, "spec": None})
    problem = assert_problem(response, 422)
    assert {error["field"] for error in problem["errors"]} == {"completion", "spec"}


@pytest.mark.parametrize("path", ["/v1/verify", "/v1/verify/batch"])
@pytest.mark.parametrize("body", [b"", b"{", b'{"a": NaN}', b"\xff", b'{"items": [}'])
async def test_what_is_not_json_is_400(serve: Any, path: str, body: bytes) -> None:
    client = await serve()
    assert_problem(await client.post(path, content=body), 400)


async def test_what_the_routes_do_not_know_is_a_problem_document(serve: Any) -> None:
    client = await serve()
    assert_problem(await client.get("/v2/verify"), 404)
    refused = await client.put("/v1/verify")
    assert_problem(refused, 405)
    assert refused.headers["allow"] == "POST"
    wrong = assert_problem(await client.get("/v1/runs/x/steps?from_step=-1&limit=many"), 422)
    assert [error["field"] for error in wrong["errors"]] == ["from_step", "limit"]


async def test_too_many_items_are_413(serve: Any) -> None:
    client = await serve(max_items=3)
    assert (await client.post("/v1/verify/batch", json={"items": [GOOD] * 3})).status_code == 200
    assert_problem(await client.post("/v1/verify/batch", json={"items": [GOOD] * 4}), 413)


@pytest.mark.parametrize("path", ["/v1/verify", "/v1/verify/batch", "/v1/runs"])
async def test_a_body_is_measured_while_it_comes(serve: Any, path: str) -> None:
    client = await serve(max_body_bytes=2_000)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1_000
            yield b" " * 1_000
            await asyncio.sleep(0)

    announced = await client.post(path, content=b" " * 2_001)
    assert_problem(announced, 413)
    # The connection is closed on a caller who goes on sending, who may see just that.
    with contextlib.suppress(httpx.WriteError, httpx.ReadError):
        assert_problem(await client.post(path, content=endless()), 413)
    assert sent < 10_000_000


async def test_only_callers_with_a_key_are_served(serve: Any) -> None:
    client = await serve(api_keys=[KEY])
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": KEY}):
        refused = await client.post("/v1/verify", json=GOOD, headers=headers)
        assert_problem(refused, 401)
        assert refused.headers["www-authenticate"] == "Bearer"
    served = await client.post("/v1/verify", json=GOOD, headers={"authorization": f"Bearer {KEY}"})
    assert served.status_code == 200
    assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:3000"},
        {"host": "evil.example"},
        {"host": "evil.example:8080", "origin": "http://evil.example:8080"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "10.0.0.7:8080"},
        {"host": "[::1"},
    ],
)
async def test_without_keys_a_page_of_another_site_is_refused(
    serve: Any, verifier: Any, headers: dict[str, str]
) -> None:
    client = await serve()
    form = {"content-type": "text/plain"}
    for path in ("/v1/verify", "/v1/verify/batch", "/v1/runs"):
        assert_problem(await client.post(path, json=GOOD, headers={**form, **headers}), 403)
    assert not verifier.asked
    assert (await client.get("/healthz", headers=headers)).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9:80", "localhost", "LocalHost:8080", "[::1]", "[::1]:8080"])
async def test_without_keys_this_machine_is_served_by_any_of_its_names(serve: Any, host: str) -> None:
    client = await serve()
    form = {"content-type": "application/x-www-form-urlencoded"}
    for headers in ({"host": host}, {"host": host, **form}, {"host": host, "origin": f"http://{host}"}):
        assert (await client.post("/v1/verify", json=GOOD, headers=headers)).status_code == 200


async def test_with_a_key_the_origin_does_not_matter(serve: Any) -> None:
    client = await serve(api_keys=[KEY])
    headers = {"authorization": f"Bearer {KEY}", "host": "api.example", "origin": "https://app.example"}
    assert (await client.post("/v1/verify", json=GOOD, headers=headers)).status_code == 200


async def test_requests_beyond_the_limit_are_429(serve: Any, verifier: Any) -> None:
    client = await serve(max_requests=2)
    held = [asyncio.create_task(client.post("/v1/verify", json={**GOOD, "verifier": "hang"})) for _ in range(2)]
    deadline = time.monotonic() + 60
    while verifier.asked.total() < 2:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    refused = await client.post("/v1/verify", json=GOOD)
    assert_problem(refused, 429)
    assert int(refused.headers["retry-after"]) >= 1
    assert (await client.get("/healthz")).status_code == 200
    verifier.release.set()
    assert [response.status_code for response in await asyncio.gather(*held)] == [200, 200]
    assert (await client.post("/v1/verify", json=GOOD)).status_code == 200


async def test_ready_says_which_part_is_not(serve: Any, verifier_address: str) -> None:
    ready = await serve()
    # A part is given a second to answer, of which a machine that stands still takes more.
    async with asyncio.timeout(60):
        while (answer := await ready.get("/readyz")).status_code != 200:
            assert_problem(answer, 503)
    assert answer.json() == {"status": "ok"}
    client = await serve(peers=PeerSettings(verifier=verifier_address, coordinator="127.0.0.1:1"))
    async with asyncio.timeout(60):
        fields: list[str] = []
        while fields != ["coordinator"]:
            problem = assert_problem(await client.get("/readyz"), 503)
            fields = [error["field"] for error in problem["errors"]]
    assert (await client.get("/healthz")).status_code == 200


async def test_runs_without_a_coordinator_are_503(serve: Any) -> None:
    client = await serve()
    assert_problem(await client.get("/v1/runs"), 503)


async def test_a_run_that_is_not_valid_is_refused_by_field(serve: Any) -> None:
    client = await serve()
    response = await client.post(
        "/v1/runs", json={"name": "Bad Name", "policy_path": "x", "problems": {"kind": "jsonl"}}
    )
    fields = {error["field"] for error in assert_problem(response, 422)["errors"]}
    assert "name" in fields and any(field.startswith("problems") for field in fields)


async def test_requests_are_timed_by_route_not_by_path(serve: Any) -> None:
    client = await serve()

    def count(route: str, code: str) -> float:
        labels = {"route": route, "code": code}
        return REGISTRY.get_sample_value("rlvr_http_request_duration_seconds_count", labels) or 0.0

    before = count("/v1/runs/{run_id}", "503"), count("", "404")
    await client.get("/v1/runs/some-run")
    await client.get("/no/such/route")
    assert (count("/v1/runs/{run_id}", "503"), count("", "404")) == (before[0] + 1, before[1] + 1)
