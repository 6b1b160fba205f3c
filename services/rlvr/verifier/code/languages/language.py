"""What there is to know about a language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rlvr.verifier.code.zygote.builder import MADE


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """Any language."""

    name: str
    tags: frozenset[str]
    """What people write after the fence of a code block in it, in lower case."""


def always(name: str) -> Callable[[str], str]:
    """The `source_file` of a language in which a program's file may have any name."""
    return lambda source: name


@dataclass(frozen=True, slots=True, kw_only=True)
class External(Language):
    """A language that takes a tool chain of the host's.

    Commands are words between white space. They may name in braces: each of `tools`; `{source}`, the program's file;
    `{sources}`, a whole word, that and all files of the spec's that end in one of `suffixes`; `{entry}`; `{made}`, the
    folder whose files are all that a compilation leaves to the runs; `{memory_mb}`, what they may take.
    """

    tools: Mapping[str, str]
    """Name -> program to look for in PATH or, where there is a slash in it, below the tool chain's home (a glob)."""
    home: str = ""
    """Command whose output is the tool chain's own folder, which candidates may read; none if the tools are where the
    system's are."""
    shows: tuple[str, ...] = ()
    """Globs of other folders that the tools or programs read and candidates may."""
    cache: str = ""
    """Folder of the room's own that `prepare` fills, if need be, and candidates may read; empty if there is none."""
    version: str
    """Command; the first number with a dot in its output is the version."""
    source_file: Callable[[str], str]
    """Name of the file that a program goes into."""
    entry: Callable[[str], str] = lambda source: ""
    """What a run has to be told of a program's source."""
    suffixes: tuple[str, ...] = ()
    prepare: Callable[[Toolchain], Mapping[str, bytes]] = lambda toolchain: {}
    """Files that each compilation needs beside the program's, or each run where nothing is compiled; made by the room
    once. May take long; raises OSError."""
    compile: tuple[str, ...] = ()
    """Commands, one after the other; none where there is nothing to compile."""
    run: str
    env: Mapping[str, str] = field(default_factory=dict)
    reserved_mb: int | None = None
    """None if a bound on the address space suits its processes; else see `runner.Limits`."""
    overhead_mb: int = 0
    """Memory that the language's own run time takes; granted beside the program's."""
    processes: int = 0
    """Processes and threads of the run time's own, granted likewise."""
    stack_mb: int = 8
    hello: str
    """A program that prints `ready`."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A language's tools on this host."""

    language: External
    tools: Mapping[str, str]
    """Name of a tool -> its path."""
    home: str = ""
    folders: tuple[str, ...] = ()
    """What candidates must be able to read besides the system's folders."""
    version: str = ""
    """As they say themselves, asked where candidates run."""

    def argv(self, command: str, sources: Sequence[str] = (), **values: object) -> tuple[str, ...]:
        """A command of the language's, with what it names filled in; the first of `sources` is the program's file."""
        known = {**self.tools, **values, "source": sources[0] if sources else "", "made": MADE}
        argv: list[str] = []
        for word in command.split():
            argv += sources if word == "{sources}" else [word.format_map(known)]
        return tuple(argv)
