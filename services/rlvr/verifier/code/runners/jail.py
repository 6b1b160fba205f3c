"""The jail: namespaces, a private read-only root and a system-call filter. For root, and where users may unshare."""

from __future__ import annotations

import os
from typing import Any

from rlvr.core.telemetry import get_logger
from rlvr.verifier.code.isolation.namespaces import CANDIDATE, ZYGOTE
from rlvr.verifier.code.runner import RunnerUnavailable
from rlvr.verifier.code.runners.users import zygote_of
from rlvr.verifier.code.runners.zygote_runner import ZygoteRunner

log = get_logger("code")


class JailRunner(ZygoteRunner):
    """See `zygote.jail`."""

    tier = "jail"
    isolation = (
        "user_namespace",
        "pid_namespace",
        "mount_namespace",
        "network_namespace",
        "ipc_namespace",
        "uts_namespace",
        "private_root",
        "seccomp",
    )
    _privileged = True

    async def start(self) -> None:
        """Try as root first, if we are: only root can give candidates a user of their own."""
        if os.geteuid() == 0:
            try:
                await super().start()
                return
            except RunnerUnavailable as unavailable:  # e.g. root of a container without CAP_SYS_ADMIN
                log.debug("no jail with root's privileges", why=str(unavailable))
        self._privileged = False
        await super().start()

    def _config(self, slot: int) -> dict[str, Any]:
        owner = self._owner(slot)
        uids = {ZYGOTE: zygote_of(owner), CANDIDATE: owner} if owner is not None else None
        return super()._config(slot) | {
            "uids": uids if self._privileged else None,
            "uid": owner,
            "scratch_mb": self._settings.scratch_mb,
        }
