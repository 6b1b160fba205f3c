"""Countdown (and 24): reach a target from given numbers with + - * / and parentheses."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from rlvr.verifier.puzzle.instance import PuzzleInstance, RuleViolated, UnreadableAnswer

_SPELLINGS = str.maketrans({"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-"})
_LATEX = re.compile(r"\\(times|cdot|div|left|right)(?![a-zA-Z])")
_LATEX_MEANING = {"times": "*", "cdot": "*", "div": "/", "left": "", "right": ""}
_TOKEN = re.compile(r"\s*(?:([0-9]{1,20})(?![0-9.,_])|([-+*/()]))", re.ASCII)
_LABEL = re.compile(r"\s*(?:final )?answer\s*:", re.IGNORECASE)
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}

Number = Annotated[int, Field(ge=0, le=10**12)]


class Countdown(PuzzleInstance):
    """An expression over `numbers` that equals `target`, in exact arithmetic.

    Each given number may be used at most once (exactly once with `use_all`). There are no other numbers, no
    signs, no powers and no digits put side by side. A trailing `= value` must repeat the target.
    """

    numbers: list[Number] = Field(min_length=1, max_length=100)
    target: int = Field(ge=-(10**15), le=10**15)
    use_all: bool = False

    @property
    def max_answer_chars(self) -> int:
        return 200 + 60 * len(self.numbers)

    def check(self, answer: str) -> None:
        label = _LABEL.match(answer)
        text = answer[label.end() if label else 0 :].strip().strip("$").removesuffix(".").strip()
        left, equals, right = _plain_operators(text).partition("=")
        if equals and right.strip() != str(self.target):
            raise RuleViolated("what follows the = is not the target")
        postfix = _to_postfix(_tokens(left))
        self._check_numbers([token for token in postfix if isinstance(token, int)])
        if _evaluate(postfix) != self.target:
            raise RuleViolated("the expression does not equal the target")

    def _check_numbers(self, used: list[int]) -> None:
        over = Counter(used) - Counter(self.numbers)
        if over:
            number = next(iter(over))
            raise RuleViolated(f"{number} is not given, or not that often")
        if self.use_all and len(used) != len(self.numbers):
            raise RuleViolated("not every given number is used")


def _plain_operators(text: str) -> str:
    return _LATEX.sub(lambda match: _LATEX_MEANING[match[1]], text.translate(_SPELLINGS))


def _tokens(text: str) -> list[int | str]:
    tokens: list[int | str] = []
    text, position = text.rstrip(), 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise UnreadableAnswer(f"not an expression of numbers, + - * / and parentheses at {position}")
        tokens.append(int(match[1]) if match[1] else match[2])
        position = match.end()
    return tokens


def _to_postfix(tokens: list[int | str]) -> list[int | str]:
    """Shunting-yard (Dijkstra 1961), for binary operators alone: operands and operators must alternate."""
    output: list[int | str] = []
    waiting: list[str] = []
    operand_next = True
    for token in tokens:
        if isinstance(token, int) or token == "(":
            if not operand_next:
                raise UnreadableAnswer("an operator is missing between two terms")
            if token == "(":
                waiting.append("(")
            else:
                output.append(token)
                operand_next = False
            continue
        if operand_next:
            raise UnreadableAnswer(f"{token!r} where a number belongs (signs are not part of the puzzle)")
        if token == ")":
            while waiting and waiting[-1] != "(":
                output.append(waiting.pop())
            if not waiting:
                raise UnreadableAnswer("unbalanced parentheses")
            waiting.pop()
        else:
            while waiting and waiting[-1] != "(" and _PRECEDENCE[waiting[-1]] >= _PRECEDENCE[token]:
                output.append(waiting.pop())
            waiting.append(token)
            operand_next = True
    if operand_next or "(" in waiting:
        raise UnreadableAnswer("the expression is not complete")
    return output + waiting[::-1]


def _evaluate(postfix: list[int | str]) -> Fraction:
    """Exact value. Operands are given numbers, so its size is bounded by theirs."""
    stack: list[Fraction] = []
    for token in postfix:
        if isinstance(token, int):
            stack.append(Fraction(token))
            continue
        right, left = stack.pop(), stack.pop()
        if token == "+":
            stack.append(left + right)
        elif token == "-":
            stack.append(left - right)
        elif token == "*":
            stack.append(left * right)
        elif right == 0:
            raise RuleViolated("division by zero")
        else:
            stack.append(left / right)
    return stack.pop()
