"""JavaScript, by Node.js."""

import re

from rlvr.verifier.code.languages.language import External

_MODULE = re.compile(r"^\s*(import\s*[\w{*\"']|export\s)", re.MULTILINE)


_BLOCKING = b"process.stdout._handle?.setBlocking?.(true);\n"
"""To a pipe Node.js writes in the background, so that a program that exits would lose all but the first 64 KiB of what
it has printed, and one that never stops printing would fill its memory instead of the pipe."""


def _source_file(source: str) -> str:
    """A program that imports or exports is an ECMAScript module, any other one a script of CommonJS."""
    return "main.mjs" if _MODULE.search(source) else "main.js"


JAVASCRIPT = External(
    name="javascript",
    tags=frozenset({"javascript", "js", "node", "nodejs", "mjs"}),
    tools={"node": "node"},
    version="{node} --version",
    source_file=_source_file,
    prepare=lambda toolchain: {".blocking.cjs": _BLOCKING},
    run="{node} --max-old-space-size={memory_mb} --require ./.blocking.cjs {source}",
    env={"OPENSSL_CONF": "/dev/null"},  # Node.js does not start where it may not read the host's
    reserved_mb=64,
    overhead_mb=128,
    processes=16,
    hello='console.log("ready")\n',
)
