"""What the launcher starts: each child's command and environment, and the order in which they end. Pure."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rlvr.core.settings import ROOMS

REDIS = "redis"

STOP_ORDER = (("gateway",), ("sampler", "verifier", "trainer"), ("coordinator",), (REDIS,))
"""No new requests first; then those who work finish what is in hand, while what they report to is still there."""

CLIENT_KEYS = ("RLVR_URL", "RLVR_API_KEY")
"""Environment variables of the client commands. They are no settings, so no room must see them."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process to run, and to run again when it dies."""

    name: str
    command: list[str]
    env: dict[str, str]
    grpc: str = ""
    """`host:port` of its gRPC server; empty without one."""
    metrics: str = ""
    """`host:port` of its Prometheus endpoint; empty without one."""


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a room may see of the environment."""
    return {key: value for key, value in environ.items() if key not in CLIENT_KEYS}


def room_environment(environ: Mapping[str, str], room: str) -> dict[str, str]:
    """`environ` without the other rooms' settings: the verifier has no use for the gateway's keys."""
    others = [f"RLVR_{other.upper()}" for other in ROOMS if other != room]
    return {key: value for key, value in environ.items() if key.upper().partition("__")[0] not in others}


def room_children(
    environ: Mapping[str, str],
    *,
    home: Path,
    redis_url: str,
    gateway: str,
    ports: Iterable[int],
    cores: int,
    log_format: str,
) -> list[Child]:
    """One child for each room, each knowing where the others are. Takes up to two of `ports` for each.

    What the user set in the environment holds, except for the addresses, which are the launcher's to give:
    `gateway` is the `host:port` of the HTTP API.
    """
    free = iter(ports)
    grpc = {room: f"127.0.0.1:{next(free)}" for room in ROOMS if room != "gateway"}
    metrics = {room: f"127.0.0.1:{next(free)}" for room in ROOMS}
    defaults = {
        "RLVR_LOG__FORMAT": log_format,
        "RLVR_GRPC__DRAIN_S": "3",
        "RLVR_GATEWAY__DRAIN_S": "3",
        "TOKENIZERS_PARALLELISM": "false",
    }
    addresses = {
        "RLVR_HOME": str(home),
        "RLVR_REDIS__URL": redis_url,
        "RLVR_GATEWAY__LISTEN": gateway,
        **{f"RLVR_PEERS__{room.upper()}": address for room, address in grpc.items()},
    }
    python = {
        # Rooms import what is installed, not what happens to lie in the directory that `rlvr up` was called from.
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
    }
    children = []
    for room in ROOMS:
        threads = str(max(1, cores // 2) if room in ("sampler", "trainer") else 1)
        own = {
            "RLVR_METRICS__LISTEN": metrics[room],
            "RLVR_STREAMS__CONSUMER": f"{room}-0",
            **({"RLVR_GRPC__LISTEN": grpc[room]} if room in grpc else {}),
        }
        libraries = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        env = {**defaults, **libraries, **clean_environment(environ), **addresses, **python, **own}
        command = [sys.executable, "-m", f"rlvr.{room}"]
        children.append(Child(room, command, room_environment(env, room), grpc.get(room, ""), metrics[room]))
    return children


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
