"""Go, by its compiler and linker themselves: the go command wants a home, a cache and, from 1.20 on, to build the
standard library for each new cache. The room has it built once, and programs are linked with what that gave."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rlvr.verifier.code.languages.language import External, Toolchain, always

_CONFIG = ".importcfg"
_LIST = "{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}"
_CACHE = f"/var/tmp/rlvr-go-{os.geteuid()}"
"""Not in a home, which the candidates' user may not enter."""
_BUILD_S = 600


def _standard_library(toolchain: Toolchain) -> Mapping[str, bytes]:
    """Where the compiled packages of the standard library are, as the compiler and the linker want to be told.

    Before 1.20 they are part of the tool chain. Since then the first program on a host has them built,
    with nothing of a stranger's in sight, which takes a minute of two cores.
    """
    packages = Path(toolchain.home) / "pkg"
    if folder := next((path.parent for path in packages.glob("*_*/fmt.a")), None):
        entries = {path.relative_to(folder).with_suffix(""): path for path in folder.rglob("*.a")}
        return {_CONFIG: "".join(f"packagefile {name}={path}\n" for name, path in entries.items()).encode()}
    return {_CONFIG: _built(f"{toolchain.home}/bin/go")}


def _built(go: str) -> bytes:
    """Raises OSError."""
    env = {"PATH": os.defpath, "HOME": _CACHE, "GOCACHE": _CACHE, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    try:
        return subprocess.run(
            [go, "list", "-export", "-f", _LIST, "std"],
            env=env,
            cwd=_CACHE,
            capture_output=True,
            check=True,
            timeout=_BUILD_S,
        ).stdout
    except subprocess.SubprocessError as failure:
        raise OSError(f"go cannot build its standard library: {failure}") from failure


GO = External(
    name="go",
    tags=frozenset({"go", "golang"}),
    tools={"compile": "pkg/tool/*/compile", "link": "pkg/tool/*/link"},
    home="go env GOROOT",
    cache=_CACHE,
    version="{compile} -V",
    source_file=always("main.go"),
    suffixes=(".go",),
    prepare=_standard_library,
    compile=(
        "{compile} -p main -complete -importcfg .importcfg -o main.a {sources}",
        "{link} -s -w -importcfg .importcfg -o {made}/program main.a",
    ),
    run="{made}/program",
    reserved_mb=128,
    overhead_mb=64,
    processes=16,
    hello='package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("ready") }\n',
)
