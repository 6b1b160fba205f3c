"""Programs in every language, by what they do: `code_languages/<language>.md`."""

from __future__ import annotations

import re
from pathlib import Path

_SECTION = re.compile(r"^(##|###) ([^\n]+)\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)

PROGRAMS: dict[str, dict[str, str]] = {}
"""Language -> what it does -> source. Only `right`, `wrong` and `counts input` read their input."""
FILES: dict[str, dict[str, str]] = {}
"""Language -> the files that `uses files` needs, beside `data.txt`."""
for path in Path(__file__).with_name("code_languages").glob("*.md"):
    sections = _SECTION.findall(path.read_text())
    PROGRAMS[path.stem] = {title: source for level, title, source in sections if level == "##"}
    FILES[path.stem] = {title: source for level, title, source in sections if level == "###"}

BOMBS = {title: source for title, source in PROGRAMS["cpp"].items() if title.startswith("bomb: ")}
"""C++ whose compilation must end, and not well (C28)."""
BOMBS["bomb: many errors"] = "\n".join(f"undeclared{n} x;" for n in range(10_000))
