"""Settings of the gateway room: `RLVR_GATEWAY__LISTEN=0.0.0.0:8080`, `RLVR_GATEWAY__API_KEYS='["..."]'`, ..."""

from __future__ import annotations

import ipaddress

from pydantic import Field, SecretStr

from rlvr.core.settings import Block, CoreSettings, SettingsError
from rlvr.gateway.auth import ApiKeys

_MIB = 1 << 20


class GatewaySettings(Block):
    listen: str = "127.0.0.1:8080"
    """Address of the HTTP server. Port 0 takes a free one; it is in the log."""
    api_keys: list[SecretStr] = Field(default_factory=list)
    """Keys that callers may use, each plain or as `sha256:<hex>` of it. Needed unless `listen` is this machine only."""
    max_requests: int = Field(512, ge=1)
    """Requests served at the same time; one more is answered with 429."""
    max_body_bytes: int = Field(64 * _MIB, ge=1024)
    """Largest JSON body. A stream of NDJSON has no end that is known; see `max_line_bytes`."""
    max_items: int = Field(20_000, ge=1)
    """Most items of a JSON batch; larger batches go as NDJSON, which has no limit."""
    max_completion_bytes: int = Field(_MIB, ge=1)
    """Longer completions are `incorrect`/`too_large`: the candidate's fault."""
    max_spec_bytes: int = Field(4 * _MIB, ge=1)
    """Longer specs are `invalid`/`bad_spec`."""
    max_line_bytes: int = Field(16 * _MIB, ge=1024)
    """Longer lines of NDJSON are not read; their verdict is `invalid`/`bad_spec`."""
    max_items_in_flight: int = Field(1024, ge=1)
    """Items of one batch that verifiers have at the same time; more are read when some are done."""
    max_unsent_bytes: int = Field(16 * _MIB, ge=1)
    """Verdicts kept for a caller who does not read its NDJSON response; beyond it, its items are not read."""
    verify_deadline_s: float = Field(60.0, gt=0)
    """Seconds until the verdict of a single trace is `error`/`queue_timeout`."""
    batch_deadline_s: float = Field(600.0, gt=0)
    """The same for each item of a batch, from when it was sent to a verifier."""
    reconnect_s: float = Field(2.0, ge=0)
    """Seconds to wait for a verifier that was lost before its items are sent again."""
    drain_s: float = Field(10.0, ge=0)
    """Seconds that running requests get to finish after SIGTERM."""


class GatewayRoomSettings(CoreSettings):
    gateway: GatewaySettings = GatewaySettings()


def listen_address(listen: str) -> tuple[str, int]:
    """`127.0.0.1:8080`, `[::1]:8080` or `:8080` -> host and port.

    Raises:
        SettingsError: it is none of these.
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise SettingsError(f"RLVR_GATEWAY__LISTEN: {listen!r} is not HOST:PORT, for example 127.0.0.1:8080")
    return host.strip("[]") or "0.0.0.0", int(port)


def api_keys(settings: GatewaySettings) -> ApiKeys:
    """The keys that callers may use, after checking that the API is not open to a network.

    Raises:
        SettingsError: it is, or a key is not one.
    """
    try:
        keys = ApiKeys([key.get_secret_value() for key in settings.api_keys])
    except ValueError as failure:
        raise SettingsError(f"RLVR_GATEWAY__API_KEYS: {failure}") from None
    host, _port = listen_address(settings.listen)
    if not keys and not is_loopback(host):
        raise SettingsError(
            f"RLVR_GATEWAY__LISTEN: {settings.listen} can be reached from other machines, so API keys are needed: "
            "set RLVR_GATEWAY__API_KEYS='[\"<a long random key>\"]', or listen on 127.0.0.1"
        )
    return keys


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
