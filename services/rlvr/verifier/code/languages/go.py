"""Go, by its compiler and linker themselves: the go command wants a home, a cache and, from 1.20 on, to build the
standard library for each new cache. The room has it built once, and programs are linked with what that gave."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rlvr.verifier.code.languages.language import External, Toolchain, always

_LIST = "{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}"
_BUILD_S = 600


def _standard_library(toolchain: Toolchain) -> Mapping[str, bytes]:
    """Where the compiled packages of the standard library are, as the compiler and the linker want to be told.

    Before 1.20 they are part of the tool chain; then this takes a second, else a minute of two cores once per host.
    """
    cache = _cache()
    cache.mkdir(mode=0o755, exist_ok=True)
    owner = cache.lstat()
    if owner.st_uid != os.geteuid() or owner.st_mode & 0o022 or not cache.is_dir():
        raise PermissionError(f"{cache} is not a folder that only this user can write to")
    env = os.environ | {
        "GOCACHE": str(cache),
        "CGO_ENABLED": "0",
        "GOFLAGS": "",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    command = [f"{toolchain.home}/bin/go", "list", "-export", "-f", _LIST, "std"]
    try:
        listed = subprocess.run(command, env=env, cwd=cache, capture_output=True, check=True, timeout=_BUILD_S)
    except subprocess.SubprocessError as failure:
        raise OSError(f"go cannot list its standard library: {failure}") from failure
    return {_CONFIG: listed.stdout}


def _cache() -> Path:
    """Not in a home, which the candidates' user may not enter."""
    return Path("/var/tmp") / f"rlvr-go-{os.geteuid()}"


_CONFIG = ".importcfg"

GO = External(
    name="go",
    tags=frozenset({"go", "golang"}),
    tools={"compile": "pkg/tool/*/compile", "link": "pkg/tool/*/link"},
    home="go env GOROOT",
    shows=(str(_cache()),),
    version="{compile} -V",
    source_file=always("main.go"),
    suffixes=(".go",),
    prepare=_standard_library,
    compile=(
        "{compile} -p main -complete -importcfg .importcfg -o main.a {sources}",
        "{link} -s -w -importcfg .importcfg -o {made}/program main.a",
    ),
    run="{made}/program",
    address_space=False,
    overhead_mb=64,
    processes=16,
    hello='package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("ready") }\n',
)
