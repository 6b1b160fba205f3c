"""From the assertions of a completion to its one answer.

Equal assertions agree, different ones are a conflict. The items of one list that are boxed one by one are no
conflict where the gold answer is such a list (`Settled.items`): every box is needed, so none is a try of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlvr.core.verdict import Grade, Reason, incorrect
from rlvr.verifier.math.comparing.statements import assigned
from rlvr.verifier.math.extraction import EXPLICIT, Assertion
from rlvr.verifier.math.gold import is_bare_list, one_of_alternatives, same_value
from rlvr.verifier.math.limits import MAX_ASSERTIONS, OverBudget, Unparseable
from rlvr.verifier.math.reading.parser import parse_answer
from rlvr.verifier.math.tree import Node, Percent, Quantity, Sequence, Words

SHOWN_CHARS = 200
"""Of an answer or a cause in a verdict."""
_MAX_BARE_WORDS = 3
"""A completion that is nothing but so few words is an answer in words."""
_UNMARKED = frozenset({"last line", "closing sentence"})


@dataclass(frozen=True, slots=True)
class Settled:
    """The answer that the assertions agree on."""

    answer: Node
    rule: str
    shown: str
    items: tuple[Node, ...] = ()
    """Where the boxes differ: what each holds. `answer` is then the list of them."""


def settle(assertions: tuple[Assertion, ...]) -> Settled | Grade:
    """The one answer of a completion, or the grade of one without."""
    distinct = list(assertions)
    if len(distinct) > 1:
        distinct = list({(one.text, one.unit): one for one in reversed(assertions)}.values())[::-1]
    if len(distinct) > MAX_ASSERTIONS:
        return incorrect(Reason.CONFLICTING_ANSWERS, f"more than {MAX_ASSERTIONS} different answers")
    parsed: list[tuple[Assertion, Node]] = []
    refused: list[tuple[Assertion, Unparseable | OverBudget]] = []
    for assertion in distinct:
        try:
            parsed.append((assertion, _parse(assertion)))
        except (Unparseable, OverBudget) as problem:
            refused.append((assertion, problem))
    # Prose after "the answer is" may be no answer at all; what is in a box or a tag was meant as one.
    explicit = [assertion for assertion, _ in refused if assertion.rule in EXPLICIT]
    if explicit and len(distinct) > 1:
        return _conflict(explicit[0], next(other for other in distinct if other is not explicit[0]))
    if not parsed:
        return refusal(refused[0][1], refused[0][0].rule, shown(refused[0][0]))
    first, answer = parsed[0]
    if first.rule in _UNMARKED and isinstance(answer, Words) and answer.text.count(" ") >= _MAX_BARE_WORDS:
        return incorrect(Reason.NO_ANSWER, "nothing is marked or stated as the answer")
    if final := _after_named_steps(parsed):
        return final
    for other, value in parsed[1:]:
        if not same_value(answer, value):
            return _one_by_one(parsed) or _conflict(first, other)
    return Settled(answer, first.rule, shown(first))


def refusal(problem: Unparseable | OverBudget, rule: str, extracted: str) -> Grade:
    """The grade of an answer that cannot be read or compared."""
    if rule in _UNMARKED and isinstance(problem, Unparseable):
        return incorrect(Reason.NO_ANSWER, "nothing is marked or stated as the answer")
    reason = Reason.TOO_LARGE if isinstance(problem, OverBudget) else Reason.UNPARSEABLE
    return incorrect(reason, f"{rule}: {problem}"[:SHOWN_CHARS], extracted=extracted)


def conflict(settled: Settled) -> Grade:
    """The grade of boxes that are not the items of the gold answer."""
    return incorrect(Reason.CONFLICTING_ANSWERS, "boxed and boxed assert different answers", extracted=settled.shown)


def shown(assertion: Assertion) -> str:
    """The assertion as it is quoted in a verdict."""
    return f"{assertion.text} {assertion.unit}".rstrip()[:SHOWN_CHARS]


def _parse(assertion: Assertion) -> Node:
    node = parse_answer(assertion.text)
    if assertion.unit and not isinstance(node, Quantity | Percent):
        try:
            return parse_answer(f"{assertion.text} {assertion.unit}")
        except (Unparseable, OverBudget):
            return node  # what follows the box was no unit
    return one_of_alternatives(node, assertion.text)


def _after_named_steps(parsed: list[tuple[Assertion, Node]]) -> Settled | None:
    r"""The last box after boxes of named steps, as in `\boxed{x = 4}`, `\boxed{y = 6}`, the sum is `\boxed{10}`."""
    *steps, (last, answer) = parsed
    names = [named[0] for one, node in steps if one.rule == "boxed" and (named := assigned(node))]
    if not steps or last.rule != "boxed" or assigned(answer) or len(set(names)) != len(steps):
        return None
    return Settled(answer, last.rule, shown(last))


def _one_by_one(parsed: list[tuple[Assertion, Node]]) -> Settled | None:
    """The list whose items are boxed one by one; None where the assertions are anything else."""
    singles = [(one, node) for one, node in parsed if not is_bare_list(node)]
    lists = [(one, node) for one, node in parsed if is_bare_list(node)]
    if len(singles) < 2 or any(one.rule != "boxed" for one, _ in singles):
        return None
    items: list[Node] = []
    for _, node in singles:
        if not any(same_value(item, node) for item in items):
            items.append(node)
    answer = Sequence("", "", tuple(items))
    if all(same_value(answer, node) for _, node in lists):
        if lists:  # the items, and then all of them together
            return Settled(lists[-1][1], lists[-1][0].rule, shown(lists[-1][0]))
        return Settled(answer, "boxed", ", ".join(shown(one) for one, _ in singles)[:SHOWN_CHARS], tuple(items))
    return None


def _conflict(first: Assertion, other: Assertion) -> Grade:
    detail = f"{first.rule} and {other.rule} assert different answers"
    return incorrect(Reason.CONFLICTING_ANSWERS, detail, extracted=f"{shown(first)} | {shown(other)}")
