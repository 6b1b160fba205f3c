"""Long completions that are made to be slow to search."""

from __future__ import annotations

import time

import pytest

from rlvr.verifier.math import MathGrader, MathSpec

GRADER = MathGrader()
GOLD = GRADER.prepare(MathSpec(answer="42"))
SIZE = 1_000_000

REPEATED = {
    "boxes": r"\boxed{1}", "open boxes": r"\boxed{", "phantoms": r"\phantom{", "cancelled": r"\cancel{}",
    "mixed": r"\boxed{\cancel{", "denied boxes": r"not \boxed{1} ", "clauses": "n't a \\boxed{1} ",
    "examples": r"e.g. \boxed{1} ", "or": r"\boxed{1} or 1 ", "units": r"\boxed{1} \quad\quad\quad ",
    "text units": r"\boxed{1}\text{ab} ", "answers": "answer ", "headings": "answer\n", "is": "answer is ",
    "denied": "the answer is not 4. ", "might": "might ", "if": "if the ", "think": "<think>",
    "closed think": "</think>", "thin": "</thin", "tags": "<answer>", "answers in tags": "<answer>1</answer>",
    "half a tag": "<answer ", "less": "<", "spaced less": "<  ", "fences": "```\n", "ticks": "`", "tildes": "~",
    "struck": "~~a ", "s": "<s>", "ss": "<s>a</s>", "comments": "<!--", "closed comments": "<!---->", "percent": "%\n",
    "colours": r"\color{", "zero width": "\u200b", "tag characters": "\U000e0034", "waits": "the answer is 1. wait ",
    "scratch": "the answer is 1. scratch that ", "wrong": "that is wrong. ", "Chinese": "答案是4。", "dotted": "\u0130",
    "backslashes": "\\", "lines": "A: 1\n", "headed": "## Answer\n\n", "harmony": "<|channel|>final",
}  # fmt: skip
SHORT = {
    "copulas": "x is " * 40, "value": "the x is " + "(" * 150, "values": "the x is " + "1 " * 80,
    "stars": "the x is **" + "*a" * 60, "dollars": "we have " + "$1" * 80, "gives": "gives " * 33,
    "alternatives": "The answer is " + "1 or " * 200, "asides": "The answer is 1 " + "(or " * 250,
    "commas": "The answer is " + "1," * 480, "for": "The answer is 1 " + "for " * 240, "sentences": "A. " * 66,
    "adverbs": "The answer is " + "definitely " * 90, "nots": "The answer is " + "not a " * 150 + "but",
}  # fmt: skip


@pytest.mark.parametrize("piece", REPEATED.values(), ids=REPEATED.keys())
def test_a_megabyte_is_read_in_linear_time(piece: str) -> None:
    completion = (piece * (SIZE // len(piece)))[-SIZE:]
    started = time.process_time()
    grade = GRADER.judge(completion, GOLD)
    assert time.process_time() - started < 2  # two orders of magnitude above what it takes, and below what is quadratic
    assert grade.reward == 0


@pytest.mark.parametrize("completion", SHORT.values(), ids=SHORT.keys())
def test_no_sentence_is_searched_in_more_than_linear_time(completion: str) -> None:
    started = time.process_time()
    for _ in range(20):
        GRADER.judge(completion, GOLD)
    assert time.process_time() - started < 2
