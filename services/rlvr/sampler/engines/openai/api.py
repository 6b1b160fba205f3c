"""The two routes of an OpenAI-compatible server that the engine uses, and the three ways in which they fail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from rlvr.sampler.engines.openai.settings import OpenAiSettings

_CONNECT_S = 5.0
_PROBE_S = 10.0
_SHOWN = 500
"""Characters of the server's words that are passed on."""


class ServerAway(Exception):
    """The server cannot be reached, is broken, or gives what cannot be read. It may be back later."""


class ServerBusy(Exception):
    """The server works and takes no more for now."""

    def __init__(self, message: str, retry_after_s: float | None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """How long it asks to be left alone; None when it does not say."""


class Refused(Exception):
    """The server understood this request and said no."""


class Misconfigured(Exception):
    """No request will do: the key, the model or the URL is wrong. Names the setting."""


class _NotThere(Misconfigured):
    """There is nothing under this URL."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One sample as the server gives it."""

    text: str
    finish_reason: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What one request came to."""

    samples: list[Drawn]
    prompt_tokens: int
    completion_tokens: int
    """Of all samples, as the server counts them; 0 when it does not say."""


class OpenAiApi:
    """A client of one server. Its methods raise the four errors above, nothing else."""

    def __init__(self, settings: OpenAiSettings) -> None:
        self.url = settings.url.rstrip("/")
        key = settings.api_key.get_secret_value()
        self._settings = settings
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            proxy=settings.proxy or None,
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def models(self) -> list[str]:
        """Names of the models that it offers; of some servers not all, or none."""
        try:
            reply = await self._call("GET", "/models", _PROBE_S)
        except _NotThere:
            return []
        try:
            return [model["id"] for model in reply["data"]]
        except (KeyError, TypeError) as failure:
            raise ServerAway(f"the models of {self.url} cannot be read: {failure!r}") from failure

    async def complete(self, body: dict[str, Any]) -> Completion:
        """`POST /chat/completions`. Cancelling closes the connection, at which most servers stop drawing."""
        reply = await self._call("POST", "/chat/completions", self._settings.request_timeout_s, json=body)
        try:
            # A model that reasons in a field of its own may end before it says anything.
            samples = [Drawn(c["message"]["content"] or "", c["finish_reason"]) for c in reply["choices"]]
            usage = reply.get("usage") or {}
            counted = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
        except (KeyError, TypeError, AttributeError) as failure:
            raise ServerAway(f"an answer of {self.url} cannot be read: {failure!r}") from failure
        if not samples or not all(isinstance(sample.text, str) for sample in samples):
            raise ServerAway(f"an answer of {self.url} cannot be read: no choice, or one without a text")
        return Completion(samples, *counted)

    async def _call(self, method: str, path: str, seconds: float, **content: Any) -> Any:
        url = f"{self.url}{path}"
        try:
            reply = await self._http.request(
                method, url, timeout=httpx.Timeout(seconds, connect=_CONNECT_S, pool=None), **content
            )
        except httpx.InvalidURL as failure:
            raise Misconfigured(f"RLVR_SAMPLER__OPENAI__URL={self.url!r} is not a URL: {failure}") from failure
        except (httpx.HTTPError, RuntimeError) as failure:
            # httpx says with a RuntimeError that the client was closed meanwhile.
            raise ServerAway(f"{url}: {failure or type(failure).__name__}") from failure
        if reply.is_success:
            try:
                return reply.json()
            except ValueError as failure:
                raise ServerAway(f"an answer of {url} cannot be read: {failure}") from failure
        raise self._failure(url, reply)

    def _failure(self, url: str, reply: httpx.Response) -> Exception:
        code, said = reply.status_code, _message(reply)
        message = f"{url} answered {code}: {said}"
        wait = _retry_after(reply)
        if code in (401, 403):
            return Misconfigured(f"{message}: set RLVR_SAMPLER__OPENAI__API_KEY to a key that may use it")
        if code in (301, 302, 307, 308, 404, 405):
            return _NotThere(
                f"{message}: set RLVR_SAMPLER__OPENAI__URL to a base URL (it mostly ends in /v1) and "
                f"RLVR_SAMPLER__OPENAI__MODEL, now {self._settings.model!r}, to a model of that server"
            )
        if code in (408, 425, 429) or (code == 503 and wait is not None):
            return ServerBusy(message, wait)
        if reply.is_client_error or code == 501:
            return Refused(message)
        return ServerAway(message)


def _retry_after(reply: httpx.Response) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3: seconds or a date); None when there is none to be read."""
    value = reply.headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _message(reply: httpx.Response) -> str:
    """What the server says is wrong, short enough for a log line."""
    try:
        error = reply.json()["error"]
        return str(error["message"] if isinstance(error, dict) else error)[:_SHOWN]
    except (ValueError, KeyError, TypeError):
        return reply.text[:_SHOWN]
