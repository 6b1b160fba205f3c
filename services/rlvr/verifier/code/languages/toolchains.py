"""The tool chains of this host."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path

from rlvr.verifier.code.isolation.mounts import SYSTEM_FOLDERS
from rlvr.verifier.code.languages.language import External, Toolchain

_MORE_FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/go/bin", "~/.cargo/bin")
"""Looked into after PATH, which a service's may be short."""
_HOME_S = 30


def find_toolchain(language: External, folders: Iterable[Path] = ()) -> Toolchain | str:
    """A language's tools, or what is missing.

    `folders` hold tool chains that candidates may read; elsewhere than there, in the system's folders and in the tool
    chain's own home no tool is taken, as they could not execute it.
    """
    home = ""
    if language.home:
        try:
            home = _home(language.home.split())
        except (OSError, subprocess.SubprocessError) as failure:
            return f"{language.home.split()[0]} does not tell where its tool chain is: {failure}"
    shown = [*SYSTEM_FOLDERS, *map(str, folders), *([home] if home else [])]
    tools = {}
    for name, program in language.tools.items():
        path = _find(program, home)
        if path is None:
            return f"there is no {program}"
        if not any(Path(path).is_relative_to(folder) for folder in shown):
            return f"{path} is in no folder that candidates see; name one in toolchain_folders"
        tools[name] = path
    more = [path for pattern in language.shows for path in _below("/", pattern[1:])]
    if language.cache:
        try:
            _make_own(Path(language.cache))
        except OSError as failure:
            return str(failure)
        more.append(language.cache)
    more += [home] if home and not any(Path(home).is_relative_to(folder) for folder in SYSTEM_FOLDERS) else []
    return Toolchain(language, tools, home, tuple(more))


def _make_own(folder: Path) -> None:
    """Make a folder that others may read, unless it is there and only this user can write to it. Raises OSError."""
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o022 or not stat.S_ISDIR(found.st_mode):
        raise PermissionError(f"{folder} is not a folder that only this user can write to")


def _home(command: list[str]) -> str:
    """Raises OSError or SubprocessError."""
    program = _which(command[0])
    if program is None:
        raise FileNotFoundError(f"there is no {command[0]}")
    said = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=True, timeout=_HOME_S).stdout
    home = Path(said.strip()).resolve()
    if not home.is_dir() or Path.home().is_relative_to(home):
        raise FileNotFoundError(f"{home} is not a folder of its own")
    return str(home)


def _find(program: str, home: str) -> str | None:
    """With all links followed, since what they lead through may not be there for candidates."""
    found = _below(home, program) if "/" in program else [_which(program)]
    return str(Path(found[0]).resolve()) if found and found[0] else None


def _below(folder: str, pattern: str) -> list[str]:
    return sorted(map(str, Path(folder).glob(pattern)))


def _which(program: str) -> str | None:
    folders = [os.environ.get("PATH", ""), *map(os.path.expanduser, _MORE_FOLDERS)]
    return shutil.which(program, path=os.pathsep.join(folders))
