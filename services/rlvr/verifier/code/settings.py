"""Settings of the `code` verifier, nested under the verifier room's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from rlvr.core.settings import Block
from rlvr.verifier.code.languages.known import Name


class CompileSettings(Block):
    """What the host grants to one compilation."""

    time_s: float = Field(default=30.0, gt=0)
    """By the parent's clock, as a candidate's."""
    memory_mb: int = Field(default=2048, ge=256)
    """Memory of one compiler."""
    artefact_mb: int = Field(default=64, ge=1)
    """Size of what is compiled."""
    scratch_mb: int = Field(default=256, ge=1)
    """Files that compilers may write on their way."""
    processes: int = Field(default=64, ge=1)
    """Processes and threads."""
    cache_mb: int = Field(default=512, ge=0)
    """Compiled programs that are kept for the next test or trace that needs them."""


class DockerSettings(Block):
    """Of the tier `docker`: a container for each run, by any engine that speaks Docker's API."""

    host: str | None = None
    """`unix://` path of the engine's socket, or `tcp://` address; None is DOCKER_HOST, or Docker's own socket."""
    image: str = "rlvr-sandbox"
    """What candidates run in: any with Python 3.10 or later. `deploy/docker/sandbox.Dockerfile` makes this one."""
    python: str = "python3"
    """Interpreter in the image."""
    runtime: str = "auto"
    """OCI runtime of the containers; `default` is the engine's own choice, and `auto` gVisor's `runsc` where the engine
    has it and it works."""
    cpus: float = Field(default=1.0, gt=0)
    """Cores that a container may use at a time."""
    memory_mb: int = Field(default=4608, ge=256)
    """Memory of a container: the most that any spec's run may take, with its files and some 100 MB of our own."""


class GvisorSettings(Block):
    """Of the tier `gvisor`: a sandbox of `runsc` for each run."""

    runsc: str = "runsc"
    """Path or name of the program."""
    platform: str | None = None
    """How system calls are caught: `systrap`, `kvm` or `ptrace`; None is the program's own choice."""


class CodeSettings(Block):
    """What the host grants to candidates, whatever a spec asks for."""

    concurrency: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=200)
    """Candidates that run at the same time; more of them wait their turn, which costs them nothing."""
    max_queue: int = Field(default=4096, ge=0)
    """Candidates that may wait their turn; more are refused with RESOURCE_EXHAUSTED."""
    tier: Literal["best", "jail", "landlock", "docker", "gvisor", "unsafe"] = "best"
    """How candidates are isolated; `best` is the first of jail, landlock, docker and gvisor that works here. `unsafe`
    isolates nothing: such a candidate has the network and what its user can read, and with Redis in reach it can write
    its own verdict. Only for candidates that you trust."""
    output_limit_bytes: int = Field(default=16 * 2**20, ge=1024)
    """Standard output of one stdio test; a byte more is `output_limit`, at once."""
    result_limit_bytes: int = Field(default=2**20, ge=1024)
    """JSON text of the value that one call test returns."""
    source_limit_chars: int = Field(default=256 * 1024, ge=1)
    """Length of a program; a longer one is `too_large`."""
    total_time_s: float = Field(default=120.0, gt=0)
    """Time all tests of one program may take together; the tests that are left then count as failed."""
    processes: int = Field(default=16, ge=1)
    """Processes and threads of one run."""
    scratch_mb: int = Field(default=64, ge=1)
    """Files a run may write in its working folder."""
    compile: CompileSettings = CompileSettings()
    languages: tuple[Name, ...] | None = None
    """Languages that are offered beside Python; None for each whose tool chain is on this host."""
    toolchain_folders: tuple[Path, ...] = ()
    """Folders that hold tool chains, e.g. /opt/java/openjdk; candidates may read them. The system's (/usr, /bin, /lib)
    and those that rustc and go say they live in need no mention."""
    python: Path | None = None
    """Interpreter of the candidates; None is our own. Its site-packages are not importable."""
    startup_s: float = Field(default=15.0, gt=0)
    """How long the sandbox may take to reach the candidate's first line before it counts as broken."""
    warm_boxes: int | None = Field(default=None, ge=0, le=400)
    """Containers, or sandboxes of gVisor, that are started ahead of their runs on these tiers; None: `concurrency`."""
    docker: DockerSettings = DockerSettings()
    gvisor: GvisorSettings = GvisorSettings()
