"""The `format` grader.

A pattern is the spec's author's, and Python's `re` can take exponential time on a text chosen against it. The
length of the text is bounded here; its time only by the deadline of the process that judges, which is
killed, and then the trace is masked rather than scored. Authors should not nest unbounded repeats.
"""

from __future__ import annotations

import re

from rlvr.core.verdict import Grade, Reason, correct, incorrect
from rlvr.verifier.format.spec import FormatSpec
from rlvr.verifier.protocol import InvalidSpec

MAX_PATTERN_TEXT_CHARS = 200_000
_TAGS = ("<think>", "</think>", "<answer>", "</answer>")


class FormatGrader:
    """Checks the shape of a completion, whatever it says; see `Grader`."""

    name = "format"
    version = "1.0.0"
    spec = FormatSpec
    warm: tuple[str, ...] = ()

    def prepare(self, spec: FormatSpec) -> re.Pattern[str] | None:
        """The compiled pattern; None for the think/answer style.

        Raises:
            InvalidSpec: the pattern does not compile.
        """
        if spec.pattern is None:
            return None
        try:
            return re.compile(spec.pattern)
        except (re.error, RecursionError, OverflowError) as bad:
            raise InvalidSpec(f"pattern: not a Python regular expression: {bad}") from None

    def judge(self, completion: str, gold: re.Pattern[str] | None) -> Grade:
        """Grade one completion."""
        if gold is None:
            problem = _think_answer_problem(completion)
        elif len(completion) > MAX_PATTERN_TEXT_CHARS:
            return incorrect(Reason.TOO_LARGE, f"the completion is over {MAX_PATTERN_TEXT_CHARS} characters")
        else:
            problem = None if gold.fullmatch(completion) else "the completion does not match the pattern"
        return incorrect(Reason.FORMAT_MISMATCH, problem) if problem else correct(Reason.PASSED)


def _think_answer_problem(completion: str) -> str | None:
    text = completion.strip()
    for tag in _TAGS:
        if text.count(tag) != 1:
            return f"{tag} occurs {text.count(tag)} times; must occur once"
    before, _, rest = text.partition("<think>")
    reasoning, closed, rest = rest.partition("</think>")
    between, opened, rest = rest.partition("<answer>")
    answer, ended, after = rest.partition("</answer>")
    if not (closed and opened and ended):
        return "the tags are not in the order " + " ".join(_TAGS)
    if before.strip() or between.strip() or after.strip():
        return "there is text outside of the tags"
    if not reasoning.strip() or not answer.strip():
        return "the reasoning or the answer is empty"
    return None
