"""The right answers of a spec, made ready once and compared with many."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rlvr.verifier.math.comparing.compare import compare, equivalent
from rlvr.verifier.math.comparing.exact import rational
from rlvr.verifier.math.comparing.rules import Match, Rules
from rlvr.verifier.math.comparing.statements import letter_of
from rlvr.verifier.math.extraction import extract
from rlvr.verifier.math.limits import OverBudget, Unparseable
from rlvr.verifier.math.reading.parser import parse_answer
from rlvr.verifier.math.spec import MathSpec
from rlvr.verifier.math.tree import Choice, Equation, Node, Number, Sequence
from rlvr.verifier.protocol import InvalidSpec

_SHOWN_CHARS = 200
_OR = re.compile(r"\bor\b", re.IGNORECASE)
SAME_VALUE = Rules(allow_unevaluated=True)
"""When two texts are the same answer, whatever a spec asks for."""


@dataclass(frozen=True, slots=True)
class MathGold:
    """A spec made ready: the trees of its accepted answers, its policies and its choices."""

    answers: tuple[Node, ...]
    rules: Rules
    choices: dict[str, Node]
    letters: frozenset[str]
    """The right ones of the choices."""

    def matches(self, answer: Node) -> Match:
        """Whether an answer is one of the accepted ones.

        Raises:
            Unparseable: the answer is a statement that says nothing (`41 = 42`, 1/0).
            OverBudget: a value is out of bounds.
        """
        if self.choices:
            return self._matches_choice(answer)
        match = Match(False)
        for accepted in self.answers:
            match = equivalent(accepted, answer, self.rules)
            if match:
                break
        return match

    def matches_items(self, items: tuple[Node, ...]) -> Match:
        """Whether the items that a completion gives one by one are those of an accepted answer that is their list.

        Every item is needed, so that none of them is a try of its own. The components of a pair have an order, which
        they show only where both sides name them: `x = 3` and `y = 4`.
        """
        labelled = all(isinstance(item, Equation) for item in items)
        for accepted in () if self.choices else self.answers:
            if not isinstance(accepted, Sequence) or len(accepted.items) != len(items):
                continue
            if labelled != all(isinstance(item, Equation) for item in accepted.items):
                continue
            whole = Sequence("", "", accepted.items)
            if (labelled or is_bare_list(accepted)) and equivalent(whole, Sequence("", "", items), self.rules):
                return Match(True, "its items one by one")
        return Match(False)

    def _matches_choice(self, answer: Node) -> Match:
        letter, content = letter_of(answer), answer
        if isinstance(answer, Choice):
            letter, content = answer.letter, answer.content
            if letter in self.choices and not equivalent(self.choices[letter], content, self.rules):
                return Match(False, "the letter of one choice with the text of another")
        if letter not in self.choices:
            letter = _only_choice(self.choices, content, self.rules)
        if not letter:
            return Match(False, "not one of the choices")
        return Match(letter in self.letters, "one of the choices")


def prepare_gold(spec: MathSpec) -> MathGold:
    """Parse the answers and choices of a spec.

    Raises:
        InvalidSpec: one of them is empty or in no form that is read (reason `gold_unparseable`).
    """
    texts = spec.answer if isinstance(spec.answer, list) else [spec.answer]
    if not texts:
        raise InvalidSpec("answer: the list is empty; give at least one accepted answer")
    rules = rules_of(spec)
    answers = tuple(read_gold(text, "answer") for text in texts)
    choices = {_letter(key): read_gold(text, f"choices.{key}") for key, text in (spec.choices or {}).items()}
    letters = frozenset(_right_choice(choices, answer, rules) for answer in answers) if choices else frozenset()
    return MathGold(answers, rules, choices, letters)


def rules_of(spec: MathSpec) -> Rules:
    """The policies of a spec."""
    return Rules(
        units=spec.units,
        tolerance=spec.tolerance,
        allow_unevaluated=spec.allow_unevaluated,
        round_decimals=spec.rounding == "decimal",
        bare_percent=spec.percent == "either",
        keep_order=spec.order == "given",
        any_variables=spec.variables == "any",
        optional_constant=spec.constant_of_integration == "optional",
    )


def read_gold(text: str, field: str) -> Node:
    """The tree of a gold answer or choice.

    Raises:
        InvalidSpec: it cannot be read, or has no definite value.
    """
    try:
        text = unboxed(text)
        node = one_of_alternatives(parse_answer(text), text)
        if isinstance(node, Number):
            return node
        rational(node)  # refuses 1/0 and powers that are never to be built
        if not compare(node, node, SAME_VALUE):
            raise Unparseable("it has no definite value")
    except (Unparseable, OverBudget) as problem:
        raise InvalidSpec(
            f"{field}: {text[:_SHOWN_CHARS]!r} cannot be read as an answer: {problem}; "
            "give a value in LaTeX or plain text",
            reason="gold_unparseable",
        ) from None
    return node


def one_of_alternatives(node: Node, text: str) -> Node:
    """`1/2 or 50%`, which gives one answer in two ways, as the first of them; anything else as it is."""
    if isinstance(node, Sequence) and not node.opening and node.items and _OR.search(text):
        first, *rest = node.items
        return first if all(same_value(first, other) for other in rest) else node
    return node


def same_value(first: Node, second: Node) -> bool:
    """Whether two texts are the same answer, whatever a spec asks for."""
    try:
        return bool(compare(first, second, SAME_VALUE))
    except (Unparseable, OverBudget):
        return False


def is_bare_list(node: Node) -> bool:
    """Whether it is a list or a set of answers, without an order."""
    return isinstance(node, Sequence) and node.opening + node.closing in ("", "{}")


def unboxed(text: str) -> str:
    """The content of the box, where a gold answer is given as one."""
    if r"\boxed" in text:
        assertions = extract(text).assertions
        if len(assertions) == 1:
            return assertions[0].text
    return text


def _letter(key: str) -> str:
    letter = key.strip().strip("().").upper()
    if len(letter) != 1 or not "A" <= letter <= "J":
        raise InvalidSpec(f"choices: {key[:20]!r} is no letter from A to J")
    return letter


def _right_choice(choices: dict[str, Node], answer: Node, rules: Rules) -> str:
    letter = answer.letter if isinstance(answer, Choice) else letter_of(answer)
    if letter in choices:
        return letter
    letter = _only_choice(choices, answer, rules)
    if not letter:
        raise InvalidSpec("answer: it is none of the choices, or more than one; give the letter")
    return letter


def _only_choice(choices: dict[str, Node], content: Node, rules: Rules) -> str:
    """The letter of the one choice that is this content; empty if there is none or several."""
    found = [letter for letter, choice in choices.items() if equivalent(choice, content, rules)]
    return found[0] if len(found) == 1 else ""
