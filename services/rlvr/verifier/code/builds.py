"""Compilations: each in a jailed run of its own, once for equal sources, kept for as long as there is room."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
from collections import OrderedDict
from collections.abc import Mapping
from weakref import WeakValueDictionary

from rlvr.core.verdict import Reason
from rlvr.verifier.code.attempts import run_or_again
from rlvr.verifier.code.judging.failure import Failure
from rlvr.verifier.code.languages.language import Toolchain
from rlvr.verifier.code.made import HEAD_BYTES, Made, NotMade, read_made
from rlvr.verifier.code.runner import (
    Compile,
    End,
    Job,
    Limits,
    Runner,
    RunnerUnavailable,
    RunResult,
)
from rlvr.verifier.code.settings import CompileSettings
from rlvr.verifier.code.zygote.builder import DIAGNOSTICS_BYTES

Built = Mapping[str, bytes] | Failure
"""Files that a run needs, or why there are none."""
_STACK_MB = 64
_SHOWN_CHARS = 600
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SAYS_KILLED = (b"Killed signal", b"SIGKILL")
"""What compilers print whose children were killed, for want of memory perhaps that was not theirs to have."""


class Builds:
    """Compilations of one runner, and their cache."""

    def __init__(self, runner: Runner, settings: CompileSettings) -> None:
        self._runner = runner
        self._settings = settings
        self._kept: OrderedDict[str, Built] = OrderedDict()
        self._kept_bytes = 0
        self._under_way: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def build(self, toolchain: Toolchain, sources: list[str], files: Mapping[str, bytes], slot: int) -> Built:
        """Compile files, `sources` among them, unless that was done before or is being done in another slot.

        One that waits for another's compilation does its own if that is cancelled, or fails through our fault.

        Raises:
            RunnerUnavailable: the sandbox failed twice.
        """
        commands = tuple(
            toolchain.argv(command, sources, memory_mb=self._settings.memory_mb)
            for command in toolchain.language.compile
        )
        key = _digest(toolchain, commands, files)
        lock = self._under_way.setdefault(key, asyncio.Lock())
        async with lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            job = Job("", Compile(commands, toolchain.language.env), files)
            built, may_be_kept = await self._compiled(job, toolchain, slot)
            if may_be_kept:
                self._keep(key, built)
            return built

    async def _compiled(self, job: Job, toolchain: Toolchain, slot: int) -> tuple[Built, bool]:
        """What comes of a compilation, and whether it would come again."""
        made = await self._run(job, toolchain, slot)
        if isinstance(made, Made) and _may_have_been_killed(made):
            made = await self._run(job, toolchain, slot)
        if isinstance(made, Failure):
            return made, True
        if made.status != 0:
            return Failure(Reason.COMPILE_ERROR, _shown(made.diagnostics)), not _may_have_been_killed(made)
        program = toolchain.argv(toolchain.language.run, memory_mb=0, entry="")[0]
        if not program.startswith("/") and program not in made.files:
            return Failure(Reason.COMPILE_ERROR, "the compiler makes no program of it"), True
        return made.files, True

    async def _run(self, job: Job, toolchain: Toolchain, slot: int) -> Made | Failure:
        settings, language = self._settings, toolchain.language
        limits = Limits(
            settings.time_s,
            settings.memory_mb + language.overhead_mb,
            settings.artefact_mb * 2**20 + HEAD_BYTES + DIAGNOSTICS_BYTES,
            reserved_mb=language.reserved_mb,
            stack_mb=_STACK_MB,
            processes=settings.processes,
            scratch_mb=settings.scratch_mb,
        )
        result = await run_or_again(self._runner, job, limits, slot)
        if result.end is End.EXITED:
            try:
                return read_made(result.output)
            except NotMade as failure:
                raise RunnerUnavailable(f"the answer of a compilation cannot be read: {failure}") from failure
        return Failure(Reason.COMPILE_ERROR, self._limit(result))

    def _limit(self, result: RunResult) -> str:
        """Which limit a compilation broke. Raises RunnerUnavailable: none."""
        if result.end is End.TIME_LIMIT:
            return f"compiling takes over {self._settings.time_s:g} s"
        if result.end is End.MEMORY_LIMIT:
            return f"compiling takes over {self._settings.memory_mb} MB"
        if result.end is End.OUTPUT_LIMIT:
            return f"the compiled program is over {self._settings.artefact_mb} MB"
        if result.end is End.FAILED and result.exit_code is None:
            return f"compiling: {result.detail}"
        raise RunnerUnavailable(f"a compilation ended with {result.end} {result.detail}")

    def _keep(self, key: str, built: Built) -> None:
        self._kept[key] = built
        self._kept_bytes += _size(built)
        while self._kept_bytes > self._settings.cache_mb * 2**20:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= _size(oldest)


def _digest(toolchain: Toolchain, commands: tuple[tuple[str, ...], ...], files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for part in (toolchain.language.name, toolchain.version, *(word for argv in commands for word in (*argv, ""))):
        digest.update(part.encode() + b"\0")
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _size(built: Built) -> int:
    """With something for what each entry takes itself."""
    contents = built.values() if not isinstance(built, Failure) else ()
    return 1024 + sum(256 + len(content) for content in contents)


def _may_have_been_killed(made: Made) -> bool:
    by_signal = os.WIFSIGNALED(made.status) and os.WTERMSIG(made.status) == signal.SIGKILL
    return made.status != 0 and (by_signal or any(words in made.diagnostics for words in _SAYS_KILLED))


def _shown(diagnostics: bytes) -> str:
    text = _CONTROL.sub("", diagnostics.decode(errors="replace")).strip()
    return text[:_SHOWN_CHARS] or "the compiler fails and does not say why"
