"""From a source to a program that can be run: Python as it is, every other language through its tool chain."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from platform import python_version
from typing import Protocol

from rlvr.core.telemetry import get_logger
from rlvr.verifier.code.attempts import run_or_again
from rlvr.verifier.code.builds import Builds
from rlvr.verifier.code.judging.failure import Failure
from rlvr.verifier.code.languages.known import LANGUAGES
from rlvr.verifier.code.languages.language import External, Toolchain
from rlvr.verifier.code.languages.toolchains import find_toolchain
from rlvr.verifier.code.runner import (
    End,
    Exec,
    Job,
    Limits,
    Runner,
    RunnerUnavailable,
    Stdio,
)
from rlvr.verifier.code.settings import CodeSettings

log = get_logger("code")

_VERSION = re.compile(r"\d+(\.\d+)+")
_TRIAL_LIMITS = Limits(10, 512, 4096)
_SLOT_S = 60.0


class Program(Protocol):
    """A program that reads its standard input and writes to its standard output."""

    def run(
        self, stdin: bytes, files: Mapping[str, bytes], limits: Limits, arguments: Sequence[str] = ()
    ) -> tuple[Job, Limits]:
        """The job that runs it beside some files, and its limits with what its language takes for itself."""
        ...


@dataclass(frozen=True, slots=True)
class Script:
    """A program in Python."""

    source: str

    def run(
        self, stdin: bytes, files: Mapping[str, bytes], limits: Limits, arguments: Sequence[str] = ()
    ) -> tuple[Job, Limits]:
        """See `Program`."""
        return Job(self.source, Stdio(stdin, ("program", *arguments)), files), limits


@dataclass(frozen=True, slots=True)
class Executable:
    """A program in another language."""

    toolchain: Toolchain
    source_file: str
    entry: str
    files: Mapping[str, bytes]
    """Its own: what was compiled, or its source."""
    settings: CodeSettings

    def run(
        self, stdin: bytes, files: Mapping[str, bytes], limits: Limits, arguments: Sequence[str] = ()
    ) -> tuple[Job, Limits]:
        """See `Program`."""
        language = self.toolchain.language
        argv = self.toolchain.argv(language.run, [self.source_file], entry=self.entry, memory_mb=limits.memory_mb)
        granted = replace(
            limits,
            memory_mb=limits.memory_mb + language.overhead_mb,
            reserved_mb=language.reserved_mb,
            stack_mb=language.stack_mb,
            processes=self.settings.processes + language.processes,
            scratch_mb=self.settings.scratch_mb + math.ceil(sum(map(len, self.files.values())) / 2**20),
        )
        return Job("", Exec((*argv, *arguments), stdin, language.env), {**files, **self.files}), granted


def find_toolchains(settings: CodeSettings) -> dict[str, Toolchain | str]:
    """Language -> its tools on this host, or what is missing; takes some processes' time."""
    wanted = LANGUAGES if settings.languages is None else settings.languages
    return {
        name: find_toolchain(language, settings.toolchain_folders) if name in wanted else "it is not in languages"
        for name, language in LANGUAGES.items()
        if isinstance(language, External)
    }


def folders_of(toolchains: Mapping[str, Toolchain | str]) -> list[str]:
    """What candidates must be able to read for them."""
    return sorted({folder for found in toolchains.values() if isinstance(found, Toolchain) for folder in found.folders})


class Programs:
    """The languages of one runner."""

    def __init__(self, runner: Runner, settings: CodeSettings, toolchains: Mapping[str, Toolchain | str]) -> None:
        self._runner = runner
        self._settings = settings
        self._builds = Builds(runner, settings.compile)
        self._toolchains = {name: found for name, found in toolchains.items() if isinstance(found, Toolchain)}
        self._missing = {name: why for name, why in toolchains.items() if isinstance(why, str)}
        self._prepared: dict[str, Mapping[str, bytes]] = {}
        """Language that was tried -> files that each of its compilations or runs needs."""
        self._trials = {name: asyncio.Lock() for name in self._toolchains}

    async def start(self) -> None:
        """Ask each tool chain for its version, where candidates run; what does not answer is not offered."""
        async with self._runner.slot(_SLOT_S) as slot:
            for name, toolchain in list(self._toolchains.items()):
                version = await self._version(toolchain, slot)
                if version is None:
                    self._lose(name, "its tools cannot be executed where candidates run")
                else:
                    self._toolchains[name] = replace(toolchain, version=version)
        log.info("languages", found=self.describe(), missing=self._missing)

    def describe(self) -> dict[str, str]:
        """Language -> version of its tool chain."""
        return {"python": python_version()} | {name: found.version for name, found in self._toolchains.items()}

    async def prepare(self, language: str, source: str, files: Mapping[str, bytes], slot: int) -> Program | Failure:
        """Make a program of a source and the files beside it, or say why it is none.

        Raises:
            RunnerUnavailable: the sandbox failed, or this host does not have the language.
        """
        if language == "python":
            return Script(source)
        self._check_there(language)
        async with self._trials[language]:
            if language not in self._prepared:
                await self._try(self._toolchains[language], slot)
        return await self._made(self._toolchains[language], source, files, slot)

    async def _made(
        self, toolchain: Toolchain, source: str, files: Mapping[str, bytes], slot: int
    ) -> Executable | Failure:
        language = toolchain.language
        name = language.source_file(source)
        own = {**self._prepared[language.name], name: source.encode("utf-8", "surrogatepass")}
        if language.compile:
            sources = [name, *sorted(other for other in files if other.endswith(language.suffixes) and other != name)]
            built = await self._builds.build(toolchain, sources, {**files, **own}, slot)
            if isinstance(built, Failure):
                return built
            own = dict(built)
        return Executable(toolchain, name, language.entry(source), own, self._settings)

    async def _try(self, toolchain: Toolchain, slot: int) -> None:
        """Compile and run a program that is known to be right, before the first one that is not.

        Raises:
            RunnerUnavailable: it fails; a tool chain that lacks a part must not make programs wrong.
        """
        name = toolchain.language.name
        try:
            self._prepared[name] = await asyncio.to_thread(toolchain.language.prepare, toolchain)
            program = await self._made(toolchain, toolchain.language.hello, {}, slot)
            if isinstance(program, Failure):
                self._lose(name, f"a trial program does not compile: {program.detail}")
            else:
                result = await run_or_again(self._runner, *program.run(b"", {}, _TRIAL_LIMITS), slot)
                if result.end is not End.EXITED or result.output.strip() != b"ready":
                    self._lose(name, f"a trial program ended with {result.end} {result.detail}")
        except OSError as failure:
            self._lose(name, str(failure))
        except BaseException:
            self._prepared.pop(name, None)
            raise
        self._check_there(name)

    async def _version(self, toolchain: Toolchain, slot: int) -> str | None:
        language = toolchain.language
        executable = Executable(toolchain, "", "", {}, self._settings)
        _, limits = executable.run(b"", {}, _TRIAL_LIMITS)
        try:
            result = await self._runner.run(Job("", Exec(toolchain.argv(language.version))), limits, slot)
        except RunnerUnavailable as unavailable:
            log.debug("no version", language=language.name, why=str(unavailable))
            return None
        found = _VERSION.search(result.output.decode(errors="replace"))
        return found[0] if found and result.end is End.EXITED else None

    def _lose(self, name: str, why: str) -> None:
        log.warning("a language is not offered", language=name, why=why)
        self._toolchains.pop(name, None)
        self._prepared.pop(name, None)
        self._missing[name] = why

    def _check_there(self, language: str) -> None:
        if language not in self._toolchains:
            why, there = self._missing.get(language, "it is not started"), ", ".join(self.describe())
            raise RunnerUnavailable(f"this host cannot run {language}: {why}; it has {there}")
