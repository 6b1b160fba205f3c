"""Tables for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rlvr.quality.report import LEGEND, Section

_LONGEST = 200
"""Characters of a cell; candidate text may be long."""
_NO_TERMINAL = 200
"""Columns where nobody says how many there are."""


def print_tables(sections: Sequence[Section]) -> None:
    """To the terminal."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_NO_TERMINAL)
    for section in sections:
        table = Table(*section.headers, title=section.title, title_justify="left", box=None, header_style="bold")
        previous = ""
        for row in section.rows:
            first = row[0] if row[0] != previous else ""
            table.add_row(*(Text(_plain(cell)) for cell in (first, *row[1:])))
            previous = row[0]
        console.print(table)
        console.print()
    console.print(Text(LEGEND, style="dim"))


def markdown(sections: Sequence[Section]) -> str:
    """The tables as GitHub Markdown."""
    parts = []
    for section in sections:
        lines = [f"**{section.title}**", "", _line(section.headers), _line(["---"] * len(section.headers))]
        lines += [_line([_escaped(cell) for cell in row]) for row in section.rows]
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, LEGEND]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escaped(text: str) -> str:
    """On one line, and with nothing in it that Markdown or HTML would take for its own."""
    plain = _plain(text)
    for character in "\\`*_{}[]<>|$~":
        plain = plain.replace(character, "\\" + character)
    return plain


def _plain(text: str) -> str:
    """Without control characters, which an answer may hold, and not longer than a reader wants."""
    printable = "".join(character if character.isprintable() else " " for character in text[: _LONGEST + 1])
    return printable if len(printable) <= _LONGEST else printable[: _LONGEST - 1] + "…"
