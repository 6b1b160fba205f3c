"""Finding the part of a completion that asserts an answer. Linear in the text, whatever it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Possessive, so that a line of fence characters is not tried at every length.
_FENCE = re.compile(r"^[ ]{0,3}(`{3,}+|~{3,}+)([^\n`]*+)$", re.MULTILINE)


def after_reasoning(completion: str) -> str | None:
    """The text after the last `</think>`; all of it if there is no reasoning; None if that never ends."""
    text = completion.rpartition("</think>")[2]
    return None if "<think>" in text else text


@dataclass(frozen=True, slots=True)
class FencedBlock:
    """A Markdown code block."""

    language: str
    """First word after the opening fence, in lower case; empty if there is none."""
    body: str


def fenced_blocks(text: str) -> list[FencedBlock]:
    """Code blocks in order. As in CommonMark a closing fence is bare and at least as long as the opening
    one, and a block that is never closed runs to the end of the text."""
    blocks = []
    opening: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opening is None:
            opening = fence
        elif fence[1].startswith(opening[1]) and not fence[2].strip():
            blocks.append(_block(opening, text[opening.end() + 1 : fence.start()]))
            opening = None
    if opening is not None:
        blocks.append(_block(opening, text[opening.end() + 1 :]))
    return blocks


def _block(opening: re.Match[str], body: str) -> FencedBlock:
    words = opening[2].split(maxsplit=1)
    return FencedBlock(words[0].lower() if words else "", body)


def tagged(text: str, tag: str) -> list[str]:
    """Contents of the closed `<tag>...</tag>` elements, in order; the innermost where they nest."""
    opening, closing = f"<{tag}>", f"</{tag}>"
    pieces = text.split(closing)[:-1]
    return [piece.rpartition(opening)[2] for piece in pieces if opening in piece]


def boxed(text: str) -> list[str]:
    r"""Contents of the outermost balanced `\boxed{...}`, in order."""
    opening = "\\boxed{"
    found = []
    start = text.find(opening)
    while start != -1:
        end = _closing_brace(text, start + len(opening))
        if end is None:  # nothing after an unbalanced box is balanced by rule: what it encloses is unknown
            break
        found.append(text[start + len(opening) : end])
        start = text.find(opening, end)
    return found


_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def _closing_brace(text: str, start: int) -> int | None:
    depth = 1
    for brace in _BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return brace.start()
    return None
