"""The OpenAI engine on a server that misbehaves. (tests/integration has it on a real one.)"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from engine_contract import (
    ENGINE_WITHOUT_WEIGHTS,
    Check,
    Subject,
    closing_fails_what_is_being_sampled,
    request,
    until,
)
from openai_server import CUT, SILENCE, Answer, OpenAiServer, error, openai_server
from rlvr.core.errors import InvalidRequest, Unavailable
from rlvr.core.process import CannotStart
from rlvr.sampler.engine import EngineFailed, EngineState
from rlvr.sampler.engines.choice import make_engine
from rlvr.sampler.engines.openai.engine import OpenAiEngine
from rlvr.sampler.engines.openai.settings import OpenAiSettings
from rlvr.sampler.settings import SamplerSettings

MakeEngine = Callable[..., OpenAiEngine]


@pytest.fixture
async def server() -> AsyncIterator[OpenAiServer]:
    async with openai_server() as server:
        yield server


@pytest.fixture
async def make(server: OpenAiServer) -> AsyncIterator[MakeEngine]:
    """An engine on the server, with other settings where they are given."""
    made = []

    def make(**settings: Any) -> OpenAiEngine:
        made.append(OpenAiEngine(OpenAiSettings(**{"url": server.url, **settings})))
        return made[-1]

    yield make
    for engine in made:
        await engine.close()


@pytest.mark.parametrize(
    "check", [*ENGINE_WITHOUT_WEIGHTS, closing_fails_what_is_being_sampled], ids=lambda check: check.__name__
)
async def test_the_openai_engine(
    check: Check, make: MakeEngine, server: OpenAiServer, policy_v0: Path, policy_v1: Path, tmp_path: Path
) -> None:
    @asynccontextmanager
    async def held_up() -> AsyncIterator[None]:
        server.may_answer.clear()
        try:
            yield
        finally:
            server.may_answer.set()

    await check(Subject(make(), make, policy_v0, policy_v1, tmp_path, held_up))


def texts(group: Any) -> list[str]:
    return [sample.text for sample in group.samples]


# How many samples a request is good for


async def test_a_group_is_one_request_where_the_server_counts_samples(make: MakeEngine, server: OpenAiServer) -> None:
    engine = make(extra_body={"top_k": -1})
    group = await engine.generate(request("1+2=", k=3, max_tokens=9, temperature=0.5))
    assert texts(group) == ["1+2= #0", "1+2= #1", "1+2= #2"]
    assert server.requests == [
        {
            "model": "tiny",
            "messages": [{"role": "user", "content": "1+2="}],
            "max_tokens": 9,
            "temperature": 0.5,
            "top_p": 1.0,
            "n": 3,
            "top_k": -1,
        }
    ]
    assert (engine.status().tokens_generated, engine.status().prompt_tokens_computed) == (9, 4)


@pytest.mark.parametrize("refuses", [False, True])
async def test_where_it_does_not_a_group_is_k_requests_and_none_of_its_samples_is_another_one_twice(
    make: MakeEngine, server: OpenAiServer, refuses: bool
) -> None:
    if refuses:
        server.instead.append(error(400, "n must be 1"))
    else:
        server.most_samples = 1
    engine = make()
    assert texts(await engine.generate(request("a", k=4))) == ["a #0", "a #1", "a #2", "a #3"]
    assert len(server.requests) == 4 + refuses
    server.requests.clear()
    assert len(set(texts(await engine.generate(request("a", k=4))))) == 4
    assert [body.get("n") for body in server.requests] == [None] * 4


async def test_with_a_seed_each_sample_has_its_own_and_keeps_it(make: MakeEngine, server: OpenAiServer) -> None:
    engine = make()
    first, again, other = [texts(await engine.generate(request("a", k=3, seed=seed))) for seed in (7, 7, 8)]
    assert first == again
    assert len({*first, *other}) == 6
    assert all("n" not in body for body in server.requests)


async def test_a_greedy_group_is_drawn_once(make: MakeEngine, server: OpenAiServer) -> None:
    assert texts(await make().generate(request("a", k=3, temperature=0.0))) == ["a #0"] * 3
    assert len(server.requests) == 1


async def test_no_more_requests_are_sent_at_a_time_than_may_be(make: MakeEngine, server: OpenAiServer) -> None:
    engine = make(max_requests=2)
    server.may_answer.clear()
    groups = [asyncio.create_task(engine.generate(request(f"{i}", k=4))) for i in range(5)]
    await until(lambda: len(server.requests) == 2)
    assert (engine.status().running, engine.status().waiting) == (8, 12)
    server.may_answer.set()
    assert [len(set(texts(group))) for group in await asyncio.gather(*groups)] == [4] * 5
    assert len(server.requests) == 5


# What is wrong for good


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (error(401, "bad key"), "RLVR_SAMPLER__OPENAI__API_KEY"),
        (error(403, "not yours"), "RLVR_SAMPLER__OPENAI__API_KEY"),
        (error(404, "no model tiny"), "RLVR_SAMPLER__OPENAI__MODEL, now 'x'"),
        (Answer(307, headers={"Location": "/elsewhere"}), "RLVR_SAMPLER__OPENAI__URL"),
    ],
)
async def test_a_wrong_key_model_or_url_ends_the_engine_and_names_the_setting(
    make: MakeEngine, server: OpenAiServer, answer: Answer, named: str
) -> None:
    engine = make(model="x")
    server.may_answer.clear()
    other = asyncio.create_task(engine.generate(request(k=2)))
    await until(lambda: len(server.requests) == 1)
    server.always = answer
    with pytest.raises(EngineFailed, match=named):
        await engine.generate(request(k=2))
    with pytest.raises(EngineFailed, match=named):
        await other
    assert engine.status().state is EngineState.FAILED
    assert named in engine.status().detail
    assert len(server.requests) == 2


async def test_a_key_that_the_server_does_not_take_is_found_out_before_anybody_asks(
    make: MakeEngine, server: OpenAiServer
) -> None:
    server.models = error(401, "who are you?")
    engine = make(api_key="secret")
    await until(lambda: engine.status().state is EngineState.FAILED)
    assert "who are you?" in engine.status().detail
    assert server.keys == {"Bearer secret"}
    assert "secret" not in engine.status().detail + repr(engine._settings)


@pytest.mark.parametrize(("offered", "says"), [(["a", "b"], "offers a, b"), ([], "offers no list")])
async def test_the_model_must_be_named_unless_there_is_one(
    make: MakeEngine, server: OpenAiServer, offered: list[str], says: str
) -> None:
    server.models = offered
    engine = make()
    await until(lambda: engine.status().state is EngineState.FAILED)
    assert "RLVR_SAMPLER__OPENAI__MODEL" in engine.status().detail
    assert says in engine.status().detail


async def test_a_server_that_lists_no_models_serves_the_one_that_is_named(
    make: MakeEngine, server: OpenAiServer
) -> None:
    server.models = error(404)
    await make(model="named").generate(request())
    assert server.requests[0]["model"] == "named"


@pytest.mark.parametrize("url", ["", "localhost:8000", "http:///v1", "http://me:password@host/v1"])
async def test_a_url_that_is_none_stops_the_room_and_is_not_shown(url: str) -> None:
    with pytest.raises(CannotStart, match="RLVR_SAMPLER__OPENAI__URL") as refusal:
        make_engine(SamplerSettings(engine="openai", openai=OpenAiSettings(url=url)))
    assert "password" not in str(refusal.value)


# What passes


@pytest.mark.parametrize(
    "answer",
    [
        error(500),
        error(502),
        error(503),
        Answer(body=b"<html>"),
        Answer(body=b"[]"),
        Answer(body=b'{"choices": []}'),
        Answer(body=b'{"choices": [{"message": {"content": 7}, "finish_reason": "stop"}]}'),
        CUT,
    ],
)
async def test_a_completion_that_is_lost_is_asked_for_again_and_the_group_finished_once(
    make: MakeEngine, server: OpenAiServer, answer: Answer
) -> None:
    server.instead.append(answer)
    engine = make()
    assert texts(await engine.generate(request("a", k=2))) == ["a #0", "a #1"]
    assert len(server.requests) == 2
    await until(lambda: engine.status().state is EngineState.READY)


async def test_of_a_group_of_k_requests_only_what_is_missing_is_asked_for_again(
    make: MakeEngine, server: OpenAiServer
) -> None:
    server.instead += [error(500), error(500)]
    group = await make().generate(request("a", k=5, seed=1))
    assert len(set(texts(group))) == 5
    assert len(server.requests) == 7


async def test_a_server_that_is_silent_for_too_long_is_asked_again(make: MakeEngine, server: OpenAiServer) -> None:
    server.instead.append(SILENCE)
    assert len(texts(await make(request_timeout_s=5.0).generate(request(k=2)))) == 2
    assert len(server.requests) == 2


async def test_while_nobody_answers_the_engine_is_loading_and_groups_wait(
    make: MakeEngine, server: OpenAiServer
) -> None:
    await server.down()
    engine = make()
    waiting = asyncio.create_task(engine.generate(request("a", k=2)))
    await until(lambda: "/v1/models" in engine.status().detail)
    assert engine.status().state is EngineState.LOADING
    assert (engine.status().running, engine.status().waiting) == (0, 2)
    await server.up()
    assert texts(await waiting) == ["a #0", "a #1"]
    assert engine.status().state is EngineState.READY


async def test_a_server_that_dies_in_the_middle_of_a_group_has_its_group_finished_when_it_is_back(
    make: MakeEngine, server: OpenAiServer
) -> None:
    engine = make()
    server.may_answer.clear()
    running = asyncio.create_task(engine.generate(request("a", k=2)))
    await until(lambda: len(server.requests) == 1)
    await server.down()
    await until(lambda: engine.status().state is EngineState.LOADING)
    server.may_answer.set()
    await server.up()
    assert texts(await running) == ["a #0", "a #1"]
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("as_date", [False, True])
async def test_a_server_that_asks_for_it_is_left_alone_for_so_long_by_all(
    make: MakeEngine, server: OpenAiServer, status: int, as_date: bool
) -> None:
    def busy() -> Answer:
        # A date is in whole seconds, so two of them are at least one.
        after = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True) if as_date else "1"
        return error(status, "slow down", Retry_After=after)

    server.instead.append(busy)
    engine = make()
    first = asyncio.create_task(engine.generate(request("a", k=2)))
    await until(lambda: "slow down" in engine.status().detail)
    assert engine.status().state is EngineState.READY
    groups = await asyncio.gather(first, engine.generate(request("b", k=2)))
    assert [len(set(texts(group))) for group in groups] == [2, 2]
    assert len(server.requests) == 3
    assert min(server.times[1:]) - server.times[0] >= (0.5 if as_date else 1.0)


async def test_a_group_is_given_up_at_once_when_the_server_asks_for_more_patience_than_there_is(
    make: MakeEngine, server: OpenAiServer
) -> None:
    server.always = error(429, "come back tomorrow", Retry_After="86400")
    with pytest.raises(Unavailable, match="come back tomorrow") as failure:
        await make(give_up_s=30).generate(request())
    assert failure.value.retry_after_seconds == pytest.approx(86400, abs=60)
    assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [error(500, "out of memory"), error(429, "out of memory")])
async def test_a_group_that_cannot_be_had_in_time_fails_with_the_server_s_words(
    make: MakeEngine, server: OpenAiServer, answer: Answer
) -> None:
    server.always = answer
    engine = make(give_up_s=3)
    await until(lambda: engine.status().state is EngineState.READY)
    with pytest.raises(Unavailable, match="out of memory"):
        await engine.generate(request())
    server.always = None
    await until(lambda: engine.status().state is EngineState.READY)
    assert (engine.status().running, engine.status().waiting) == (0, 0)


# What is the request's own fault


async def test_a_request_that_the_server_refuses_is_invalid_and_others_go_on(
    make: MakeEngine, server: OpenAiServer
) -> None:
    server.instead += [error(400, "longer than the context")] * 2
    engine = make()
    with pytest.raises(InvalidRequest, match="longer than the context"):
        await engine.generate(request(k=4))
    server.requests.clear()
    assert len(texts(await engine.generate(request(k=4)))) == 4
    assert len(server.requests) == 1


async def test_a_completion_that_somebody_cut_is_not_taken_for_the_model_s(
    make: MakeEngine, server: OpenAiServer
) -> None:
    server.finish_reason = "content_filter"
    with pytest.raises(Unavailable, match="content_filter"):
        await make().generate(request())
