"""Finding the program in a completion."""

from __future__ import annotations

from dataclasses import dataclass

from rlvr.verifier.text import after_reasoning, fenced_blocks

_PYTHON = {"python", "py", "python3"}


@dataclass(frozen=True, slots=True)
class Program:
    """A program and the rule that found it."""

    source: str
    rule: str


@dataclass(frozen=True, slots=True)
class NoProgram:
    """There is none, and why."""

    why: str


def extract_program(completion: str) -> Program | NoProgram:
    """The program that a completion offers.

    In the text after `</think>`: the last code block marked python; else the last one without a language;
    else, when there is no code block at all, the whole text.
    """
    text = after_reasoning(completion)
    if text is None:
        return NoProgram("the reasoning is never closed with </think>")
    blocks = fenced_blocks(text)
    marked = [block.body for block in blocks if block.language in _PYTHON]
    unmarked = [block.body for block in blocks if not block.language]
    if marked:
        program = Program(marked[-1], f"last of {len(marked)} python block(s)")
    elif unmarked:
        program = Program(unmarked[-1], f"last of {len(unmarked)} block(s) without a language")
    elif blocks:
        return NoProgram("no code block is python; found: " + ", ".join(sorted({b.language[:20] for b in blocks})[:5]))
    else:
        program = Program(text, "whole text, no code block")
    return program if program.source.strip() else NoProgram(f"the program is empty ({program.rule})")
