"""JavaScript, by Node.js."""

import re

from rlvr.verifier.code.languages.language import External

_MODULE = re.compile(r"^\s*(import\s*[\w{*\"']|export\s)", re.MULTILINE)


def _source_file(source: str) -> str:
    """A program that imports or exports is an ECMAScript module, any other one a script of CommonJS."""
    return "main.mjs" if _MODULE.search(source) else "main.js"


JAVASCRIPT = External(
    name="javascript",
    tags=frozenset({"javascript", "js", "node", "nodejs", "mjs"}),
    tools={"node": "node"},
    version="{node} --version",
    source_file=_source_file,
    run="{node} --max-old-space-size={memory_mb} {source}",
    reserved_mb=64,
    overhead_mb=128,
    processes=16,
    hello='console.log("ready")\n',
)
