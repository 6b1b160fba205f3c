"""Finding the part of a completion that asserts an answer. Linear in the text, whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Possessive, so that a line of fence characters is not tried at every length.
_FENCE = re.compile(r"^[ ]{0,3}(`{3,}+|~{3,}+)([^\n`]*+)$", re.MULTILINE)


_REASONING = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel|>analysis", "<|channel|>final"),
    ("[THINK]", "[/THINK]"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
)
"""How the families of models open and close their reasoning."""
_WORDS_OF_REASONING = ("think", "thought", "reasoning", "scratchpad", "THINK", "|channel|")
"""One of them is in each tag: most completions are done with after this look."""


def after_reasoning(completion: str) -> str | None:
    """The text after the reasoning's last closing tag; all of it if there is none; None if reasoning never ends.

    The opening tag may be missing, as a chat template may have put it into the prompt.
    """
    if not any(word in completion for word in _WORDS_OF_REASONING):
        return completion
    end = 0
    for _, closing in _REASONING:
        found = completion.rfind(closing)
        if found >= end:
            end = found + len(closing)
    text = completion[end:]
    return None if any(opening in text for opening, _ in _REASONING) else text


@dataclass(frozen=True, slots=True)
class FencedBlock:
    """A Markdown code block."""

    language: str
    """First word after the opening fence, in lower case; empty if there is none."""
    body: str


def fenced_blocks(text: str) -> list[FencedBlock]:
    """Code blocks in order. As in CommonMark a closing fence is bare and at least as long as the opening
    one, and a block that is never closed runs to the end of the text."""
    return [block for _, _, block in _fenced(text)]


def outside_fences(text: str) -> str:
    """The text without its code blocks."""
    pieces, position = [], 0
    for start, end, _ in _fenced(text):
        pieces.append(text[position:start])
        position = end
    return "".join([*pieces, text[position:]])


def _fenced(text: str) -> Iterator[tuple[int, int, FencedBlock]]:
    """Start and end of each code block, fences included, and the block."""
    opening: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opening is None:
            opening = fence
        elif fence[1].startswith(opening[1]) and not fence[2].strip():
            yield opening.start(), fence.end(), _block(opening, text[opening.end() + 1 : fence.start()])
            opening = None
    if opening is not None:
        yield opening.start(), len(text), _block(opening, text[opening.end() + 1 :])


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
        end = closing_brace(text, start + len(opening))
        if end is None:  # nothing after an unbalanced box is balanced by rule: what it encloses is unknown
            break
        found.append(text[start + len(opening) : end])
        start = text.find(opening, end)
    return found


_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def closing_brace(text: str, start: int) -> int | None:
    """Where the brace that was opened before `start` is closed; None if it never is. Escaped braces do not count."""
    depth = 1
    for brace in _BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return brace.start()
    return None
