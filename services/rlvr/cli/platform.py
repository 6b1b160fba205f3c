"""Which gateway a client command talks to."""

from __future__ import annotations

from pathlib import Path

from rlvr.cli.api import Gateway
from rlvr.cli.failure import Failure
from rlvr.embedded import platform_file


def connect(url: str, api_key: str, home: Path) -> Gateway:
    """A client of the gateway at `url`, or of the platform that runs in `home`.

    Raises:
        Failure: there is neither.
    """
    if not url:
        platform = platform_file.read(home)
        if platform is None:
            raise Failure(f"no platform runs in {home}: start one with `rlvr up`, or name a gateway with --url")
        url = platform.gateway
    return Gateway(url, api_key)
