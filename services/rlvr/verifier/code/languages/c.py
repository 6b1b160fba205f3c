"""C, by GCC."""

from rlvr.verifier.code.languages.language import External, always

STACK_MB = 64
"""Depth-first searches recurse deep, and a program's own stack costs nothing until it is used."""

C = External(
    name="c",
    tags=frozenset({"c"}),
    tools={"gcc": "gcc"},
    version="{gcc} -dumpfullversion",
    source_file=always("main.c"),
    suffixes=(".c",),
    compile=(
        """{gcc} -std=gnu17 -O2 -w -pipe -fdiagnostics-color=never -fmax-errors=5 -I. -o {made}/program {sources}
        -lm -pthread""",
    ),
    run="{made}/program",
    stack_mb=STACK_MB,
    hello='#include <stdio.h>\nint main(void) { puts("ready"); }\n',
)
