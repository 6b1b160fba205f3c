"""The isolation tiers, best first, and which of them this host gets."""

from __future__ import annotations

from collections.abc import Sequence

from rlvr.core.telemetry import get_logger
from rlvr.verifier.code.runner import Runner, RunnerUnavailable
from rlvr.verifier.code.runners.box_runner import BoxRunner
from rlvr.verifier.code.runners.docker import DockerRunner
from rlvr.verifier.code.runners.gvisor import GvisorRunner
from rlvr.verifier.code.runners.jail import JailRunner
from rlvr.verifier.code.runners.landlock import LandlockRunner
from rlvr.verifier.code.runners.unsafe import UnsafeRunner
from rlvr.verifier.code.runners.zygote_runner import ZygoteRunner
from rlvr.verifier.code.settings import CodeSettings

log = get_logger("code")

_TIERS: dict[str, type[ZygoteRunner] | type[BoxRunner]] = {
    runner.tier: runner for runner in (JailRunner, LandlockRunner, DockerRunner, GvisorRunner, UnsafeRunner)
}
_ISOLATING = ("jail", "landlock", "docker", "gvisor")
_ADVICE = (
    "run where unprivileged user namespaces are permitted, or as root with CAP_SYS_ADMIN, or on a kernel with "
    "Landlock (5.13), or beside a Docker engine, or as root where gVisor's runsc is installed; or leave `code` out of "
    "RLVR_VERIFIER__KINDS; or, for candidates that you trust with the network and this user's files, set "
    "RLVR_VERIFIER__CODE__TIER=unsafe"
)


async def start_runner(settings: CodeSettings, toolchains: Sequence[str] = ()) -> Runner:
    """The runner of the tier that the settings ask for, or of the best that works here, started.

    `toolchains`: folders that candidates may read besides the system's.

    Raises:
        RuntimeError: there is none; the message says what was tried and what can be done.
    """
    failures = []
    for tier in _ISOLATING if settings.tier == "best" else (settings.tier,):
        runner = _TIERS[tier](settings, toolchains)
        try:
            await runner.start()
        except RunnerUnavailable as unavailable:
            failures.append(f"{tier}: {unavailable}")
            continue
        log.info("candidates are isolated", tier=tier)
        return runner
    raise RuntimeError(f"this host cannot isolate Python programs. {'; '.join(failures)}. {_ADVICE}")
