"""Settings that every room has, read from the environment: `RLVR_REDIS__URL`, `RLVR_GRPC__LISTEN`, ...

A room adds its own block under its own name (`RLVR_VERIFIER__KINDS`). Every key with the prefix must be known
to some room, so a misspelt key stops the room instead of being ignored.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

ROOMS = ("coordinator", "sampler", "verifier", "trainer", "gateway")
_PREFIX = "RLVR_"


class Block(BaseModel):
    """A group of settings: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class RedisSettings(Block):
    url: str = "redis://127.0.0.1:6379/0"
    """Where Redis is; `redis://`, `rediss://` or `unix://`."""
    max_connections: int = Field(64, ge=4)
    """Connections that one process may hold."""
    connect_timeout_s: float = Field(5.0, gt=0)
    """Seconds to wait for a connection before it counts as failed."""


class GrpcSettings(Block):
    listen: str = "127.0.0.1:0"
    """Address of this room's gRPC server. Port 0 takes a free one; it is in the log."""
    max_message_mb: int = Field(16, ge=1, le=256)
    """Largest message in either direction, MiB."""
    reflection: bool = True
    """Let tools such as grpcurl ask which services there are."""
    default_deadline_s: float = Field(60.0, gt=0)
    """Deadline of calls that do not set their own."""
    drain_s: float = Field(10.0, ge=0)
    """Seconds that running calls and work get to finish after SIGTERM."""


class PeerSettings(Block):
    """Where the other rooms' gRPC servers are (`host:port` or `dns:///name:port`)."""

    coordinator: str = "127.0.0.1:50051"
    sampler: str = "127.0.0.1:50052"
    verifier: str = "127.0.0.1:50053"
    trainer: str = "127.0.0.1:50054"
    verifier_kinds: dict[str, str] = Field(default_factory=dict)
    """Verifier kind -> address, for kinds that are served apart (JSON in the environment)."""


class MetricsSettings(Block):
    listen: str = "127.0.0.1:0"
    """Address of the Prometheus endpoint, on a port of its own. Empty switches it off; port 0 takes a free one."""


class LogSettings(Block):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"
    """`auto` is console on a terminal and JSON elsewhere."""


class StreamSettings(Block):
    consumer: str = ""
    """This worker's name in its consumer groups; stable over restarts (a pod name). Empty: host name and room."""
    min_idle_s: float = Field(30.0, gt=0)
    """Work whose worker has not been heard of for this long is taken over by another."""
    heartbeat_s: float = Field(5.0, gt=0)
    """How often a worker says that it still has its entries. Well below `min_idle_s`."""
    max_deliveries: int = Field(5, ge=1)
    """An entry that was handed out more often than this goes to rlvr:dead."""
    result_ttl_s: float = Field(6 * 3600.0, gt=0)
    """How long claim-checked bulk and results are kept."""


class CoreSettings(BaseSettings):
    """What every room reads. A room's own class adds a field with the room's name."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    redis: RedisSettings = RedisSettings()
    grpc: GrpcSettings = GrpcSettings()
    peers: PeerSettings = PeerSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()
    streams: StreamSettings = StreamSettings()
    home: Path = Path(".rlvr")
    """Where this machine's files go: published weights, checkpoints, logs."""


T = TypeVar("T", bound=CoreSettings)


class SettingsError(Exception):
    """The environment is not a valid configuration. The message names each key and the fix."""


def load(kind: type[T], **overrides: Any) -> T:
    """Read a room's settings from the environment; `overrides` (from the command line) win.

    Raises:
        SettingsError: a key with the prefix is unknown, or a value is out of range.
    """
    known = set(kind.model_fields) | set(ROOMS)
    problems = [
        f"{key}: unknown setting; the groups are {', '.join(sorted(known))}"
        for key in os.environ
        if key.startswith(_PREFIX) and key.removeprefix(_PREFIX).split("__")[0].lower() not in known
    ]
    if problems:
        raise SettingsError("\n".join(problems))
    try:
        return kind(**overrides)
    except SourceError as failure:
        # Lists and maps are JSON in the environment.
        raise SettingsError(f"{failure}: {failure.__cause__}") from None
    except ValidationError as failure:
        lines = []
        for problem in failure.errors():
            key = _PREFIX + "__".join(str(part) for part in problem["loc"]).upper()
            lines.append(f"{key}: {problem['msg']} (got {problem['input']!r})")
        raise SettingsError("\n".join(lines)) from None
