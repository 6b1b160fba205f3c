"""Settings of the OpenAI engine: `RLVR_SAMPLER__OPENAI__URL=http://127.0.0.1:30000/v1`, ..."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SecretStr

from rlvr.core.settings import Block


class OpenAiSettings(Block):
    url: str = ""
    """The server's base URL as OpenAI's own clients take it, so mostly with `/v1` at its end."""
    model: str = ""
    """The model to ask for, by the server's name; empty takes the one that it offers, if it is one."""
    api_key: SecretStr = SecretStr("")
    """Sent as a bearer token; empty sends none."""
    proxy: str = ""
    """HTTP proxy on the way to the server; empty goes there directly, whatever the environment names."""
    max_requests: int = Field(32, ge=1, le=4096)
    """Requests that the server is sent at a time; others wait here, in order."""
    request_timeout_s: float = Field(600.0, gt=0)
    """A completion that is not there after this long counts as lost and is asked for again."""
    give_up_s: float = Field(300.0, gt=0)
    """A group whose completions could not be had for this long fails, with the server's last words."""
    extra_body: dict[str, Any] = Field(default_factory=dict)
    """More fields for each request, as a JSON object: what the server knows beyond OpenAI's fields, such as
    `{"top_k": -1}`. They win over the engine's own."""
