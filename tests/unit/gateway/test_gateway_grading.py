"""What callers get when verifiers answer, fail, lie or are lost."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from rlvr.core.settings import PeerSettings


def item(verifier: str, trace_id: str = "") -> dict[str, Any]:
    return {"verifier": verifier, "completion": "4", "spec": {"answer": "4"}, "trace_id": trace_id or verifier}


def lines(response: httpx.Response) -> list[dict[str, Any]]:
    return sorted((json.loads(line) for line in response.text.splitlines()), key=lambda line: line["index"])


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def batch(client: httpx.AsyncClient, items: list[Any], *, ndjson: bool) -> list[dict[str, Any]]:
    if ndjson:
        body = "\n".join(json.dumps(one) for one in items)
        response = await client.post("/v1/verify/batch", content=body, headers={"content-type": "application/x-ndjson"})
        assert response.status_code == 200
        answers = lines(response)
        assert [answer.pop("index") for answer in answers] == list(range(len(items)))
        return answers
    response = await client.post("/v1/verify/batch", json={"items": items})
    assert response.status_code == 200
    answers = response.json()["verdicts"]
    assert isinstance(answers, list)
    return answers


@pytest.mark.parametrize("ndjson", [False, True])
async def test_every_item_has_one_verdict_in_its_place(serve: Any, ndjson: bool) -> None:
    client = await serve(max_completion_bytes=1_000, max_items_in_flight=64)
    items: list[Any] = [item("right", f"t{index}") for index in range(1_000)]
    items[3] = "not an object"
    items[500] = {"verifier": "right", "spec": {}}
    items[501] = {**item("right"), "completion": "x" * 1_001}
    items[999] = {**item("right"), "spec": {"answer": "x" * 5_000_000}}
    answers = await batch(client, items, ndjson=ndjson)
    assert len(answers) == 1_000
    odd = {3: ("invalid", "bad_spec"), 500: ("invalid", "bad_spec"), 501: ("incorrect", "too_large")}
    odd[999] = ("invalid", "bad_spec")
    for index, answer in enumerate(answers):
        assert (answer["outcome"], answer["reason"]) == odd.get(index, ("correct", "equivalent"))
        if index not in odd:
            assert answer["trace_id"] == f"t{index}"
        assert ("reward" in answer) == (answer["outcome"] in ("correct", "incorrect"))
    assert answers[500]["detail"].startswith("completion: is missing")


@pytest.mark.parametrize("ndjson", [False, True])
async def test_what_a_broken_stream_left_is_sent_once_more(serve: Any, verifier: Any, ndjson: bool) -> None:
    client = await serve()
    items = [item("right", "a"), item("lost-once", "b"), item("right", "c")]
    answers = await batch(client, items, ndjson=ndjson)
    assert [answer["outcome"] for answer in answers] == ["correct"] * 3
    assert verifier.asked == {"a": 1, "b": 2, "c": 1}


@pytest.mark.parametrize("name", ["lost", "forgets", "full"])
async def test_what_no_verifier_answers_is_our_error_without_a_reward(serve: Any, verifier: Any, name: str) -> None:
    client = await serve()
    answers = await batch(client, [item("right"), item(name)], ndjson=False)
    assert answers[0]["outcome"] == "correct"
    assert (answers[1]["outcome"], answers[1]["reason"]) == ("error", "unavailable")
    assert "reward" not in answers[1] and answers[1]["trace_id"] == name
    assert verifier.asked[name] == 2


async def test_a_single_trace_that_breaks_the_verifier_is_our_error(serve: Any) -> None:
    client = await serve()
    response = await client.post("/v1/verify", json=item("lost"))
    assert response.status_code == 200
    assert response.json()["outcome"] == "error" and "reward" not in response.json()


@pytest.mark.parametrize("ndjson", [False, True])
async def test_a_reward_that_does_not_belong_to_its_outcome_goes_no_further(serve: Any, ndjson: bool) -> None:
    client = await serve()
    [answer] = await batch(client, [item("lying")], ndjson=ndjson)
    assert answer["outcome"] == "error" and "reward" not in answer


async def test_without_any_verifier_a_batch_is_answered_and_a_single_trace_refused(serve: Any) -> None:
    client = await serve(peers=PeerSettings(verifier="127.0.0.1:1", coordinator=""))
    [answer] = await batch(client, [item("right")], ndjson=False)
    assert (answer["outcome"], answer["reason"]) == ("error", "unavailable")
    response = await client.post("/v1/verify", json=item("right"))
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) >= 1
    listed = await client.get("/v1/verifiers")
    assert listed.status_code == 503


async def test_a_full_verifier_refuses_a_single_trace_with_429(serve: Any) -> None:
    client = await serve()
    response = await client.post("/v1/verify", json=item("full"))
    assert response.status_code == 429 and "retry-after" in response.headers


async def test_an_item_past_its_deadline_is_our_error(serve: Any) -> None:
    client = await serve(verify_deadline_s=0.2, batch_deadline_s=0.2)
    answers = [(await client.post("/v1/verify", json=item("hang"))).json()]
    answers += await batch(client, [item("hang")], ndjson=False)
    assert [(a["outcome"], a["reason"]) for a in answers] == [("error", "queue_timeout")] * 2


async def test_kinds_go_to_their_own_rooms(serve: Any, verifier_address: str) -> None:
    peers = PeerSettings(verifier="", coordinator="", verifier_kinds={"right": verifier_address})
    client = await serve(peers=peers)
    right, unknown = await batch(client, [item("right"), item("alchemy")], ndjson=False)
    assert right["outcome"] == "correct"
    assert (unknown["outcome"], unknown["reason"]) == ("invalid", "unknown_verifier")
    single = await client.post("/v1/verify", json=item("alchemy"))
    assert single.status_code == 200 and single.json()["reason"] == "unknown_verifier"
    listed = (await client.get("/v1/verifiers")).json()["verifiers"]
    assert listed == [{"name": "right", "version": "1.0.0", "spec_schema": {}, "available": {"workers": 2}}]


async def test_verdicts_are_streamed_while_items_still_come(serve: Any) -> None:
    client = await serve()
    more = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield json.dumps(item("right", "first")).encode() + b"\n"
        await more.wait()
        yield json.dumps(item("right", "second")).encode()

    headers = {"content-type": "application/x-ndjson"}
    # httpx reads only after it has sent; a connection of our own does both.
    reader, writer = await asyncio.open_connection("127.0.0.1", int(str(client.base_url).rsplit(":", 1)[1].strip("/")))
    writer.write(b"POST /v1/verify/batch HTTP/1.1\r\nhost: localhost\r\nTransfer-Encoding: chunked\r\n")
    writer.write("".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n")
    pieces = body()
    first = await anext(pieces)
    writer.write(f"{len(first):x}\r\n".encode() + first + b"\r\n")
    answer = await asyncio.wait_for(reader.readuntil(b'"cached":false}\n'), 60)
    assert b'"trace_id":"first"' in answer
    more.set()
    second = await anext(pieces)
    writer.write(f"{len(second):x}\r\n".encode() + second + b"\r\n0\r\n\r\n")
    answer = await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 60)
    assert b'"trace_id":"second"' in answer and b'"index":1' in answer
    writer.close()


@pytest.mark.parametrize("ndjson", [False, True])
async def test_a_caller_who_leaves_cancels_its_items(serve: Any, verifier: Any, ndjson: bool) -> None:
    client = await serve()
    asking = asyncio.create_task(batch(client, [item("hang")], ndjson=ndjson))
    await until(lambda: verifier.in_hand == 1)
    asking.cancel()
    await until(lambda: verifier.cancelled == 1)


async def test_a_caller_who_leaves_is_noticed_while_its_lines_wait_for_verifiers(serve: Any, verifier: Any) -> None:
    client = await serve(max_items_in_flight=2)
    items = [{**item("hang", f"{number}"), "spec": {"answer": "x" * 1_000}} for number in range(1_000)]
    asking = asyncio.create_task(batch(client, items, ndjson=True))
    await until(lambda: verifier.in_hand == 2)
    asking.cancel()
    await until(lambda: verifier.cancelled > 0 and verifier.in_hand == 0)


def num_left() -> float:
    labels = {"route": "/v1/verify", "code": "499"}
    return REGISTRY.get_sample_value("rlvr_http_request_duration_seconds_count", labels) or 0.0


async def test_a_caller_who_leaves_cancels_its_single_item(serve: Any, verifier: Any) -> None:
    client, before = await serve(), num_left()
    asking = asyncio.create_task(client.post("/v1/verify", json=item("hang")))
    await until(lambda: verifier.asked["hang"] == 1)
    asking.cancel()
    await until(lambda: verifier.cancelled == 1)
    await until(lambda: num_left() == before + 1)


async def test_a_caller_who_leaves_while_it_sends_is_no_failure_of_ours(serve: Any) -> None:
    client, before = await serve(), num_left()
    _reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(b'POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{"verifier"')
    await writer.drain()
    writer.close()
    await until(lambda: num_left() == before + 1)


@pytest.mark.parametrize("ndjson", [False, True])
async def test_items_with_verifiers_are_bounded(serve: Any, verifier: Any, ndjson: bool) -> None:
    client = await serve(max_items_in_flight=8)
    asking = asyncio.create_task(batch(client, [item("hang", f"{i}") for i in range(100)], ndjson=ndjson))
    await until(lambda: verifier.in_hand == 8)
    verifier.release.set()
    answers = await asking
    assert len(answers) == 100
    assert verifier.most_in_hand == 8


async def test_a_caller_who_does_not_read_stops_its_own_items(serve: Any, verifier: Any) -> None:
    client = await serve(max_unsent_bytes=10_000, max_items_in_flight=16)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(str(client.base_url).rsplit(":", 1)[1].strip("/")))
    transport = writer.transport
    transport.pause_reading()
    # Verdicts repeat the spec, so that a few of them fill every buffer on the way.
    one = json.dumps({**item("right"), "spec": {"answer": "x" * 100_000}, "trace_id": None}).encode() + b"\n"
    count = 400
    writer.write(b"POST /v1/verify/batch HTTP/1.1\r\nhost: localhost\r\nContent-Type: application/x-ndjson\r\n")
    writer.write(f"Content-Length: {count * len(one)}\r\n\r\n".encode())
    for _ in range(count):
        writer.write(one)
    graded = -1
    while graded != len(verifier.asked):
        graded = len(verifier.asked)
        await asyncio.sleep(0.5)
    assert graded < count
    transport.resume_reading()
    end = b""
    while not end.endswith(b"0\r\n\r\n"):
        end = end[-8:] + await asyncio.wait_for(reader.read(1 << 20), 60)
    assert len(verifier.asked) == count
    writer.close()
