"""Channels to other rooms: keepalive, size limits, retries of calls that never reached a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from rlvr.core.errors import from_rpc_error
from rlvr.core.settings import GrpcSettings

_RETRY = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                # Every unary call here is idempotent, so one that may have arrived can be made again.
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}


def channel(address: str, settings: GrpcSettings) -> grpc.aio.Channel:
    """A channel to a room. Connecting is lazy and goes on in the background for ever."""
    limit = settings.max_message_mb * 1024 * 1024
    return grpc.aio.insecure_channel(
        address,
        options=[
            ("grpc.max_receive_message_length", limit),
            ("grpc.max_send_message_length", limit),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.min_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            ("grpc.enable_retries", 1),
            ("grpc.service_config", json.dumps(_RETRY)),
            # A proxy from the environment is for the outside world, never for rooms.
            ("grpc.enable_http_proxy", 0),
        ],
    )


@contextmanager
def rlvr_errors() -> Iterator[None]:
    """Turn a failed call's status back into the RlvrError that the other side raised."""
    try:
        yield
    except grpc.aio.AioRpcError as failure:
        raise from_rpc_error(failure) from failure
