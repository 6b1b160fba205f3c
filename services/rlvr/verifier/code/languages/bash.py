"""Bash, and the programs of the host's system folders."""

from rlvr.verifier.code.languages.language import External, always

BASH = External(
    name="bash",
    tags=frozenset({"bash", "sh", "shell"}),
    tools={"bash": "bash"},
    shows=("/etc/alternatives",),  # awk is a link into it
    version="{bash} --version",
    source_file=always("main.sh"),
    run="{bash} {source}",
    hello="echo ready\n",
)
