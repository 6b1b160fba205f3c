"""Short sums as chat problems with worked solutions: what a preset's policy is warm-started on.

Questions have the text of reasoning-gym's `chain_sum`, so that its data sets can go on where the warm-start
ends. The question space is small, therefore it is split by a hash of the text: warm-start takes only questions
for which `in_warm_start` is true, and an evaluation that leaves those out measures problems never seen.
"""

from __future__ import annotations

import random
import re
import zlib
from dataclasses import dataclass

_QUESTION = "State the final answer to the following arithmetic problem: {expression} ="
_EXPRESSION = re.compile(r"(\d+(?: [+-] \d+)+) =")


@dataclass(frozen=True, slots=True)
class WorkedExample:
    """A question, the solution written out, and its answer."""

    question: str
    solution: str
    """Every intermediate result, the last one boxed: `4 - 1 = 3, 3 - 7 = \\boxed{-4}`."""
    answer: str


def worked_example(question: str, *, rng: random.Random | None = None, slip_rate: float = 0.0) -> WorkedExample:
    """Solve a `chain_sum` question.

    Args:
        rng, slip_rate: with this probability each result is off by one or two, and the solution goes on from
            there, as a hurried pupil's would.

    Raises:
        ValueError: the text does not end in a sum of integers joined by + and -.
    """
    match = _EXPRESSION.search(question)
    if match is None:
        raise ValueError(f"no sum such as '4 - 1 - 7 =' in question {question!r}")
    first, *rest = match.group(1).split(" ")
    total = int(first)
    steps = []
    for operator, term in zip(rest[::2], rest[1::2], strict=True):
        result = total + int(term) if operator == "+" else total - int(term)
        if rng is not None and rng.random() < slip_rate:
            result += rng.choice((-2, -1, 1, 2))
        steps.append((f"{total} {operator} {term}", result))
        total = result
    written = [f"{expression} = {result}" for expression, result in steps[:-1]]
    written.append(f"{steps[-1][0]} = \\boxed{{{total}}}")
    return WorkedExample(question=question, solution=", ".join(written), answer=str(total))


def random_question(rng: random.Random, *, num_terms: int = 3) -> str:
    """A question with `num_terms` one-digit terms, as `chain_sum` with min_digits = max_digits = 1 draws them."""
    terms = [str(rng.randint(0, 9))]
    for _ in range(num_terms - 1):
        terms += [rng.choice("+-"), str(rng.randint(0, 9))]
    return _QUESTION.format(expression=" ".join(terms))


def in_warm_start(question: str) -> bool:
    """Whether the question belongs to the half of all questions that warm-starts draw from."""
    return zlib.crc32(question.encode()) % 2 == 0
