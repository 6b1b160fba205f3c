"""Finding the program in a completion."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rlvr.verifier.code.languages.known import LANGUAGES
from rlvr.verifier.text import after_reasoning, fenced_blocks

_FUTURE_IMPORT = re.compile(r"^from __future__ import [\w, ]+(?:#.*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Program:
    """A program and the rule that found it."""

    source: str
    rule: str


@dataclass(frozen=True, slots=True)
class NoProgram:
    """There is none, and why."""

    why: str


def extract_program(
    completion: str,
    language: str = "python",
    entry_point: str | None = None,
    which: Literal["last", "all"] = "last",
) -> Program | NoProgram:
    """The program that a completion offers, in the text after `</think>`.

    Code blocks marked with the language count; else those without a language; else, when there is no code block at
    all, the whole text is the program. Of the blocks that count the program is the last, or with an entry point the
    last of those that define it, if any does; with `which` all, it is all of them in order.
    """
    text = after_reasoning(completion)
    if text is None:
        return NoProgram("the reasoning is never closed with </think>")
    blocks = fenced_blocks(text)
    marked = [block.body for block in blocks if block.language in LANGUAGES[language].tags]
    unmarked = [block.body for block in blocks if not block.language]
    if marked:
        program = _choose(marked, f"{language} block(s)", entry_point, which)
    elif unmarked:
        program = _choose(unmarked, "block(s) without a language", entry_point, which)
    elif blocks:
        found = ", ".join(sorted({block.language[:20] for block in blocks})[:5])
        return NoProgram(f"no code block is {language}; found: {found}")
    else:
        program = Program(text, "whole text, no code block")
    return program if program.source.strip() else NoProgram(f"the program is empty ({program.rule})")


def joined(parts: list[str]) -> str:
    """Python code as one program: what it imports from `__future__` goes before everything else."""
    futures = [line for part in parts for line in _FUTURE_IMPORT.findall(part)]
    return "\n".join([*futures, *(_FUTURE_IMPORT.sub("", part) for part in parts)])


def _choose(bodies: list[str], kind: str, entry_point: str | None, which: Literal["last", "all"]) -> Program:
    if which == "all":
        return Program(joined(bodies), f"all {len(bodies)} {kind}")
    if entry_point is not None and len(bodies) > 1:
        definition = _definition(entry_point.partition(".")[0])
        defining = [body for body in bodies if definition.search(body)]
        if defining and defining[-1] is not bodies[-1]:
            return Program(defining[-1], f"last of {len(bodies)} {kind} that defines the entry point")
    return Program(bodies[-1], f"last of {len(bodies)} {kind}")


def _definition(name: str) -> re.Pattern[str]:
    return re.compile(rf"^(?:(?:async[ \t]+)?(?:def|class)[ \t]+{name}\b|{name}[ \t]*[:=](?!=))", re.MULTILINE)
