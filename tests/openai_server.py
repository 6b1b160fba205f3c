"""A server with OpenAI's routes, of a few lines, that misbehaves on request: real HTTP on a real port."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from rooms import free_port


@dataclass(frozen=True)
class Answer:
    """What a request gets instead of a completion."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


CUT = Answer(status=0)
"""The connection breaks."""
SILENCE = Answer(status=-1)
"""No answer, for as long as the caller waits."""


def error(status: int, message: str = "no", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, json.dumps({"error": {"message": message}}).encode(), named)


class OpenAiServer:
    """Answers `<prompt> <seed>#<i>`, where i counts the samples that have no seed."""

    def __init__(self, models: Sequence[str] = ("tiny",)) -> None:
        self.models: list[str] | Answer = list(models)
        self.instead: deque[Answer | Callable[[], Answer]] = deque()
        """For the next completions, one each; or what makes it when it is asked for."""
        self.always: Answer | None = None
        """For every completion."""
        self.most_samples = 1 << 20
        """It draws no more than this at a request, whatever n says."""
        self.finish_reason = "stop"
        self.requests: list[dict[str, Any]] = []
        """Bodies of the completions asked for."""
        self.times: list[float] = []
        """When they came."""
        self.keys: set[str] = set()
        """Authorization headers that came."""
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.port = free_port()
        self._drawn = 0
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def down(self) -> None:
        """Refuse connections and break those there are."""
        if self._server is not None:
            self._server.close()
        for call in list(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        try:
            await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._calls.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.keys.add(headers.get("authorization", ""))
        if head.split()[1] == "/v1/models":
            answer = self._list()
        elif head.split()[1] == "/v1/chat/completions":
            gone = asyncio.create_task(reader.read())
            answering = asyncio.create_task(self._complete(json.loads(body)))
            try:
                await asyncio.wait([gone, answering], return_when=asyncio.FIRST_COMPLETED)
                if not answering.done():
                    return
                answer = answering.result()
            finally:
                gone.cancel()
                answering.cancel()
        else:
            answer = error(404, "no such route")
        if answer is CUT:
            return
        lines = [f"HTTP/1.1 {answer.status} x", f"Content-Length: {len(answer.body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + answer.body)
        await writer.drain()

    def _list(self) -> Answer:
        if isinstance(self.models, Answer):
            return self.models
        return Answer(body=json.dumps({"data": [{"id": name} for name in self.models]}).encode())

    async def _complete(self, request: dict[str, Any]) -> Answer:
        self.requests.append(request)
        self.times.append(asyncio.get_running_loop().time())
        answer = self.instead.popleft() if self.instead else self.always
        if callable(answer):
            answer = answer()
        if answer is SILENCE:
            await asyncio.Event().wait()
        if answer is not None:
            return answer
        await self.may_answer.wait()
        prompt = request["messages"][-1]["content"]
        choices = []
        for index in range(min(request.get("n", 1), self.most_samples)):
            mark = f"{request['seed']}#{index}" if "seed" in request else f"#{self._drawn}"
            self._drawn += 1
            choices.append({"message": {"content": f"{prompt} {mark}"}, "finish_reason": self.finish_reason})
        usage = {"prompt_tokens": len(prompt), "completion_tokens": 3 * len(choices)}
        return Answer(body=json.dumps({"choices": choices, "usage": usage}).encode())


@asynccontextmanager
async def openai_server() -> AsyncIterator[OpenAiServer]:
    server = OpenAiServer()
    await server.up()
    try:
        yield server
    finally:
        await server.down()
