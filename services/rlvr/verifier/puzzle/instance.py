"""What a puzzle is: a model of its instances that checks answers by the rules."""

from __future__ import annotations

from abc import abstractmethod

from pydantic import BaseModel, ConfigDict


class UnreadableAnswer(ValueError):
    """The answer is not in any form the puzzle reads."""


class RuleViolated(ValueError):
    """The answer was understood and breaks the rule the message names."""


class PuzzleInstance(BaseModel):
    """One puzzle to solve. A subclass validates that it is well posed (as a pydantic model) and checks answers.

    Answers are hostile: `check` must be bounded in time, memory and recursion for any text of at most
    `max_answer_chars` characters, and must not evaluate it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @property
    def max_answer_chars(self) -> int:
        """Length beyond which no valid answer lies."""
        return 10_000

    @property
    def answer_lines(self) -> int:
        """How many of its last lines a completion without any mark-up gives its answer in."""
        return 1

    @abstractmethod
    def check(self, answer: str) -> None:
        """Return if `answer` is a solution.

        Raises:
            UnreadableAnswer: it has no form the puzzle reads.
            RuleViolated: it is not a solution.
        """
