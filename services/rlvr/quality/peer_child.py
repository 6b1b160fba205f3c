"""The process that Math-Verify runs in: a row per line on stdin, a judgement per line on stdout.

It gets a fair call: gold first, each text through `parse` and both through `verify`, all with its own defaults, in
the main thread, where its time limits work. The gold answer is given in a box, which is how verl gives it and, of the
ways to give it, the one with the most right answers accepted on HardVerify-Math.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import time
from importlib.metadata import version
from typing import Any

import math_verify

from rlvr.quality.rows import boxed
from rlvr.verifier.pool.nursery import die_with_parent

_MEMORY_BYTES = 4 << 30


def judge(golds: list[str], completion: str) -> dict[str, Any]:
    """The fields of a Judgement."""
    began = time.perf_counter()
    try:
        outcome, reason = _judge(golds, completion)
    except MemoryError:
        outcome, reason = "error", "memory"
    except Exception as failure:  # noqa: BLE001 - whatever the other grader raises is its error
        outcome, reason = "error", type(failure).__name__
    return {"outcome": outcome, "reason": reason, "ms": (time.perf_counter() - began) * 1000}


def _judge(golds: list[str], completion: str) -> tuple[str, str]:
    parsed = [gold for text in golds if (gold := math_verify.parse(boxed(text)))]
    if not parsed:
        return "invalid", "gold_unparseable"
    answer = math_verify.parse(completion)
    if not answer:
        return "incorrect", "no_answer"
    if any(math_verify.verify(gold, answer) for gold in parsed):
        return "correct", "equivalent"
    return "incorrect", "not_equivalent"


def main() -> None:
    """Serve until stdin closes."""
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    logging.disable(logging.CRITICAL)
    # What a library prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    judge(["1"], r"\boxed{1}")  # the first call builds its grammar
    answers.write(json.dumps({"version": version("math-verify")}) + "\n")
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(judge(request["golds"], request["completion"])) + "\n")


if __name__ == "__main__":
    main()
