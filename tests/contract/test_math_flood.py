"""Good requests among hostile ones, over HTTP: a real gateway before a real verifier with real workers."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from launched import wait_until
from math_attacks import ATTACKS, BOUNDED, CODE, HUGE, LONG
from math_triples import TRIPLES
from rooms import RoomProcess, free_port

MEMORY_MB = 256
WORKERS = 2
CONNECTIONS = 48


@pytest.fixture(scope="module")
def verifier(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoomProcess]:
    settings = {"KINDS": '["math"]', "WORKERS": WORKERS, "MEMORY_MB": MEMORY_MB, "CACHE_SIZE": 0}
    env = {f"RLVR_VERIFIER__{name}": str(value) for name, value in settings.items()}
    env["RLVR_METRICS__LISTEN"] = f"127.0.0.1:{free_port()}"
    room = RoomProcess("verifier", redis_server, tmp_path_factory.mktemp("verifier"), env)
    room.start()
    yield room
    room.stop()


@pytest.fixture(scope="module")
def url(verifier: RoomProcess, redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    listen = f"127.0.0.1:{free_port()}"
    env = {
        "RLVR_GATEWAY__LISTEN": listen,
        "RLVR_PEERS__VERIFIER": verifier.address,
        "RLVR_PEERS__COORDINATOR": f"127.0.0.1:{free_port()}",
        "RLVR_METRICS__LISTEN": "",
    }
    room = RoomProcess("gateway", redis_server, tmp_path_factory.mktemp("gateway"), env)
    room.spawn()
    wait_until(lambda: is_ready(f"http://{listen}"), "the gateway is ready")
    yield f"http://{listen}"
    room.stop()


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=30, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def request(completion: str, answer: str, **options: object) -> dict[str, Any]:
    return {"verifier": "math", "completion": completion, "spec": {"answer": answer, **options}}


def good(count: int) -> list[tuple[dict[str, Any], str]]:
    """Right and wrong answers in many forms, each in a completion of its own, with their outcomes."""
    found = []
    for number in range(count):
        gold, right, wrong = TRIPLES[number // 2 % len(TRIPLES)]
        answer, outcome = (right, "correct") if number % 2 else (wrong, "incorrect")
        found.append((request(rf"Attempt {number}. So it is \boxed{{{answer}}}.", gold), outcome))
    return found


def hostile(count: int) -> list[tuple[dict[str, Any], str]]:
    """Attacks, each in a completion of its own. All of them are incorrect."""
    texts = [(attack.text, attack.gold, attack.options) for attack in ATTACKS if is_sent(attack.row, attack.wanted)]
    texts += [(rf"\boxed{{{text}}}", gold, {}) for text in (*HUGE.values(), *CODE) for gold in ("42", r"\sqrt{x}+1")]
    texts += [(text, "42", {}) for text in LONG.values()]
    texts = [entry for entry in texts if len(entry[0]) < 1_000_000]
    chosen = [texts[number % len(texts)] for number in range(count)]
    return [
        (request(f"{number}\n{text}", gold, **options), "incorrect")
        for number, (text, gold, options) in enumerate(chosen)
    ]


def is_sent(row: str, wanted: str) -> bool:
    return row in BOUNDED and wanted == "incorrect"


def graders(verifier: RoomProcess) -> list[psutil.Process]:
    """The worker processes: the nursery's children."""
    assert verifier.process is not None
    return [process for child in psutil.Process(verifier.process.pid).children() for process in child.children()]


def lost(verifier: RoomProcess) -> float:
    """Workers that were lost or had grown; not those that stood in for a slow one and were let go."""
    url = f"http://{verifier.env['RLVR_METRICS__LISTEN']}/metrics"
    text = httpx.get(url, timeout=30, trust_env=False).text
    return sum(float(value) for value in re.findall(r"^rlvr_pool_restarts_total{.*} (\S+)$", text, re.MULTILINE))


def cpu_seconds(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:2])
    except psutil.NoSuchProcess:
        return 0.0


async def test_a_thousand_good_requests_among_two_hundred_hostile_ones_are_all_right(
    url: str, verifier: RoomProcess
) -> None:
    sent = good(1_000) + hostile(200)
    random.Random(0).shuffle(sent)
    assert verifier.process is not None
    [nursery] = psutil.Process(verifier.process.pid).children()
    cap = nursery.memory_info().rss + (MEMORY_MB << 20)
    largest = 0
    gate = asyncio.Semaphore(CONNECTIONS)
    done = asyncio.Event()

    async def watch() -> None:
        nonlocal largest
        while not done.is_set():
            for process in graders(verifier):
                try:
                    largest = max(largest, process.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue
            await asyncio.sleep(0.02)

    async with httpx.AsyncClient(base_url=url, timeout=100, trust_env=False) as client:

        async def ask(body: dict[str, Any]) -> dict[str, Any]:
            async with gate:
                response = await client.post("/v1/verify", content=json.dumps(body))
            assert response.status_code == 200, response.text
            verdict: dict[str, Any] = response.json()
            return verdict

        watching = asyncio.create_task(watch())
        verdicts = await asyncio.gather(*(ask(body) for body, _ in sent))
        done.set()
        await watching
        assert (await ask(request(r"\boxed{42}", "42")))["outcome"] == "correct"
    for (body, outcome), verdict in zip(sent, verdicts, strict=True):
        assert verdict["outcome"] == outcome, (str(body)[:300], verdict)
    assert 0 < largest < cap, "a worker is over its memory"
    wait_until(lambda: len(graders(verifier)) >= WORKERS, "all workers are there")
    # Orders of magnitude above what they take, and far below 200 deadlines.
    assert sum(map(cpu_seconds, graders(verifier))) < 100


async def test_the_batch_of_the_same_is_all_right(url: str) -> None:
    sent = good(300) + hostile(150)
    random.Random(1).shuffle(sent)
    async with httpx.AsyncClient(base_url=url, timeout=100, trust_env=False) as client:
        answer = await client.post("/v1/verify/batch", content=json.dumps({"items": [body for body, _ in sent]}))
    verdicts = answer.json()["verdicts"]
    for (body, outcome), verdict in zip(sent, verdicts, strict=True):
        assert verdict["outcome"] == outcome, (str(body)[:300], verdict)


async def test_fifty_megabytes_are_refused_and_the_next_one_is_graded(url: str, verifier: RoomProcess) -> None:
    before = lost(verifier)
    async with httpx.AsyncClient(base_url=url, timeout=100, trust_env=False) as client:
        huge = await client.post("/v1/verify", content=json.dumps(request("a" * 50_000_000 + r"\boxed{42}", "42")))
        assert huge.status_code == 413 or (huge.json()["outcome"], huge.json()["reason"]) == ("incorrect", "too_large")
        verdict = (await client.post("/v1/verify", content=json.dumps(request(r"\boxed{42}", "42")))).json()
    assert verdict["outcome"] == "correct"
    assert lost(verifier) == before
