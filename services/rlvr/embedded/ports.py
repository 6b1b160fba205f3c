"""Free loopback ports for the rooms.

They are taken from below the range that the kernel gives to outgoing connections. A port from inside it could be
taken while its room is being restarted: even by a client's attempt to reach that room, which then finds itself.
"""

from __future__ import annotations

import errno
import random
import socket
from pathlib import Path

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 20_000
_DEFAULT_HIGHEST = 32_767


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """`count` different ports that nothing listens on now.

    Raises:
        OSError: there are not that many.
    """
    candidates = list(range(_LOWEST, max(_highest(), _LOWEST + 1000) + 1))
    random.SystemRandom().shuffle(candidates)
    found: list[int] = []
    for port in candidates:
        if is_free(host, port):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"no {count} free ports between {candidates[0]} and {candidates[-1]} on {host}")


def first_free(host: str, wanted: int, attempts: int = 100) -> int:
    """`wanted`, or the next port after it that is free.

    Raises:
        OSError: the host is not an address of this machine, or all of them are taken.
    """
    for port in range(wanted, min(wanted + attempts, 65_536)):
        try:
            if is_free(host, port):
                return port
        except OSError as failure:
            raise OSError(f"cannot listen on {host}: {failure.strerror}") from None
    raise OSError(f"cannot listen on {host}: ports {wanted} to {wanted + attempts - 1} are taken")


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there.

    Raises:
        OSError: the host is not an address of this machine.
    """
    family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError:
            return False
        except OSError as failure:
            if failure.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def _highest() -> int:
    try:
        return int(_EPHEMERAL.read_text().split()[0]) - 1
    except OSError:
        return _DEFAULT_HIGHEST
