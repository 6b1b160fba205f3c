"""Java, by a JDK."""

from __future__ import annotations

import re

from rlvr.verifier.code.languages.language import External

_NO_CODE = re.compile(r'"""(?:\\.|.)*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*.*?\*/', re.DOTALL)
_PACKAGE = re.compile(r"^\s*package\s+([\w.]+)\s*;", re.MULTILINE)
_PARTS = re.compile(
    r"[{}]|(?P<public>\bpublic\b[\w\s-]*?)?\b(?:class|interface|enum|record)\s+(?P<name>\w+)|\bvoid\s+(?P<main>main)\s*\("
)


def _classes(source: str) -> tuple[str, str]:
    """The public class, which names the file, and the class whose `main` is run; `Main` where there is none."""
    depth, current, public, main = 0, "", "", ""
    for part in _PARTS.finditer(_NO_CODE.sub(" ", source)):
        if part[0] in "{}":
            depth += 1 if part[0] == "{" else -1
        elif depth == 0 and part["name"]:
            current = part["name"]
            public = public or (current if part["public"] else "")
        elif depth == 1 and part["main"]:
            main = main or current
    return public or main or "Main", main or public or "Main"


def _source_file(source: str) -> str:
    return f"{_classes(source)[0]}.java"


def _entry(source: str) -> str:
    package = _PACKAGE.search(_NO_CODE.sub(" ", source))
    return f"{package[1]}.{_classes(source)[1]}" if package else _classes(source)[1]


JAVA = External(
    name="java",
    tags=frozenset({"java"}),
    tools={"java": "java", "javac": "javac"},
    shows=("/etc/java-*-openjdk",),  # Debian's configuration of the run time
    version="{java} --version",
    source_file=_source_file,
    entry=_entry,
    suffixes=(".java",),
    compile=(
        """{javac} -J-Xshare:auto -J-XX:+UseSerialGC -J-XX:-UsePerfData -J-XX:TieredStopAtLevel=1 -J-Xmx{memory_mb}m
        -proc:none -nowarn -encoding UTF-8 -Xmaxerrs 5 -d {made} {sources}""",
    ),
    run="""{java} -Xshare:auto -XX:+UseSerialGC -XX:-UsePerfData -XX:-UseContainerSupport -Xmx{memory_mb}m -Xss64m
        -Dfile.encoding=UTF-8 -cp {made} {entry}""",
    reserved_mb=2048,  # of each thread its whole stack
    overhead_mb=192,
    processes=32,
    hello='public class Main {\n    public static void main(String[] args) { System.out.println("ready"); }\n}\n',
)
