"""C++, by GCC."""

from rlvr.verifier.code.languages.c import STACK_MB
from rlvr.verifier.code.languages.language import External, always

CPP = External(
    name="cpp",
    tags=frozenset({"cpp", "c++", "cxx", "cc"}),
    tools={"gxx": "g++"},
    version="{gxx} -dumpfullversion",
    source_file=always("main.cpp"),
    suffixes=(".cpp", ".cc", ".cxx"),
    compile=(
        """{gxx} -std=gnu++17 -O2 -w -pipe -fdiagnostics-color=never -fmax-errors=5 -I. -o {made}/program {sources}
        -pthread""",
    ),
    run="{made}/program",
    stack_mb=STACK_MB,
    hello='#include <cstdio>\nint main() { std::puts("ready"); }\n',
)
