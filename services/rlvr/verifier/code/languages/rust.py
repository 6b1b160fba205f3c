"""Rust, by rustc and GCC as its linker. Of rustup's tool chains the default one, without rustup, which needs a home."""

from rlvr.verifier.code.languages.c import STACK_MB
from rlvr.verifier.code.languages.language import External, always

RUST = External(
    name="rust",
    tags=frozenset({"rust", "rs"}),
    tools={"rustc": "bin/rustc", "gcc": "gcc"},
    home="rustc --print sysroot",
    version="{rustc} --version",
    source_file=always("main.rs"),
    compile=(
        """{rustc} --edition 2021 -O -C debuginfo=0 -C strip=symbols -C linker={gcc} --cap-lints allow --color never
        -o {made}/program {source}""",
    ),
    run="{made}/program",
    stack_mb=STACK_MB,
    hello='fn main() { println!("ready"); }\n',
)
