"""The `math` grader: extraction, parsing and comparison put together."""

from __future__ import annotations

from dataclasses import dataclass

from rlvr.core.verdict import Grade, Reason, correct, incorrect
from rlvr.verifier.math.comparing.compare import compare
from rlvr.verifier.math.comparing.exact import rational
from rlvr.verifier.math.comparing.rules import Rules
from rlvr.verifier.math.extract import Assertion, extract
from rlvr.verifier.math.limits import MAX_ASSERTIONS, OverBudget, Unparseable
from rlvr.verifier.math.reading.parser import parse_answer
from rlvr.verifier.math.spec import MathSpec
from rlvr.verifier.math.tree import Node, Words
from rlvr.verifier.protocol import InvalidSpec

_SHOWN_CHARS = 200
"""Of an answer or a cause in a verdict."""
_MAX_BARE_WORDS = 3
"""A completion that is nothing but so few words is an answer in words."""
_EXPLICIT = frozenset({"boxed", "answer tag", "####"})
_SAME_VALUE = Rules(match_units=True, allow_unevaluated=True)
"""When two assertions of one completion are the same answer."""


@dataclass(frozen=True, slots=True)
class MathGold:
    """A spec made ready: the trees of its accepted answers and its policies."""

    answers: tuple[Node, ...]
    rules: Rules


class MathGrader:
    """Grades a final answer by its value. Pure: no state, no I/O, bounded memory."""

    name = "math"
    version = "1.0.0"
    spec = MathSpec
    warm = ("mpmath", "sympy")

    def prepare(self, spec: MathSpec) -> MathGold:
        """Parse the gold answers.

        Raises:
            InvalidSpec: one of them is empty or in no form that is read (reason `gold_unparseable`).
        """
        texts = spec.answer if isinstance(spec.answer, list) else [spec.answer]
        if not texts:
            raise InvalidSpec("answer: the list is empty; give at least one accepted answer")
        answers = tuple(_parse_gold(text) for text in texts)
        return MathGold(answers, Rules(spec.units == "match", spec.tolerance, spec.allow_unevaluated))

    def judge(self, completion: str, gold: MathGold) -> Grade:
        """Grade one completion: `correct` iff the one answer it asserts is equivalent to an accepted one."""
        extraction = extract(completion)
        if not extraction.assertions:
            return incorrect(extraction.reason, extraction.detail)
        if len({assertion.text for assertion in extraction.assertions}) > MAX_ASSERTIONS:
            return incorrect(Reason.CONFLICTING_ANSWERS, f"more than {MAX_ASSERTIONS} different answers")
        settled = _settle(extraction.assertions)
        if isinstance(settled, Grade):
            return settled
        assertion, answer = settled
        return _grade(assertion, answer, gold)


def _parse_gold(text: str) -> Node:
    try:
        node = parse_answer(_unboxed(text))
        rational(node)  # refuses 1/0 and powers that are never to be built
        if not compare(node, node, _SAME_VALUE):
            raise Unparseable("it has no definite value")
    except (Unparseable, OverBudget) as problem:
        shown = text[:_SHOWN_CHARS]
        raise InvalidSpec(
            f"answer: {shown!r} cannot be read as an answer: {problem}; give a value in LaTeX or plain text",
            reason="gold_unparseable",
        ) from None
    return node


def _unboxed(text: str) -> str:
    """The content of the box, where a gold answer is given as one."""
    if r"\boxed" in text:
        assertions = extract(text).assertions
        if len(assertions) == 1:
            return assertions[0].text
    return text


def _settle(assertions: tuple[Assertion, ...]) -> tuple[Assertion, Node] | Grade:
    """The one answer that the assertions agree on, or the grade of a completion without one."""
    distinct = tuple({assertion.text: assertion for assertion in reversed(assertions)}.values())[::-1]
    parsed: list[tuple[Assertion, Node]] = []
    refused: list[tuple[Assertion, Unparseable | OverBudget]] = []
    for assertion in distinct:
        try:
            parsed.append((assertion, parse_answer(assertion.text)))
        except (Unparseable, OverBudget) as problem:
            refused.append((assertion, problem))
    # Prose after "the answer is" may be no answer at all; what is in a box or a tag was meant as one.
    explicit = [(assertion, problem) for assertion, problem in refused if assertion.rule in _EXPLICIT]
    if explicit and len(distinct) > 1:
        return _conflict(explicit[0][0], next(other for other in distinct if other is not explicit[0][0]))
    if not parsed:
        return _refusal(refused[0][1], refused[0][0])
    first, answer = parsed[0]
    if first.rule == "last line" and isinstance(answer, Words) and answer.text.count(" ") >= _MAX_BARE_WORDS:
        return incorrect(Reason.NO_ANSWER, "nothing is marked or stated as the answer")
    for other, value in parsed[1:]:
        if not _same(answer, value):
            return _conflict(first, other)
    return first, answer


def _conflict(first: Assertion, other: Assertion) -> Grade:
    detail = f"{first.rule} and {other.rule} assert different answers"
    return incorrect(Reason.CONFLICTING_ANSWERS, detail, extracted=f"{_shown(first)} | {_shown(other)}")


def _same(first: Node, second: Node) -> bool:
    try:
        return bool(compare(first, second, _SAME_VALUE))
    except (Unparseable, OverBudget):
        return False


def _grade(assertion: Assertion, answer: Node, gold: MathGold) -> Grade:
    detail = ""
    for accepted in gold.answers:
        try:
            match = compare(accepted, answer, gold.rules)
        except (Unparseable, OverBudget) as problem:
            return _refusal(problem, assertion)
        detail = f"{assertion.rule}: {match.detail}" if match.detail else assertion.rule
        if match:
            return correct(Reason.EQUIVALENT, extracted=_shown(assertion), detail=detail)
    return incorrect(Reason.NOT_EQUIVALENT, detail, extracted=_shown(assertion))


def _refusal(problem: Unparseable | OverBudget, assertion: Assertion) -> Grade:
    if assertion.rule == "last line" and isinstance(problem, Unparseable):
        return incorrect(Reason.NO_ANSWER, "nothing is marked or stated as the answer")
    reason = Reason.TOO_LARGE if isinstance(problem, OverBudget) else Reason.UNPARSEABLE
    return incorrect(reason, f"{assertion.rule}: {problem}"[:_SHOWN_CHARS], extracted=_shown(assertion))


def _shown(assertion: Assertion) -> str:
    return assertion.text[:_SHOWN_CHARS]
