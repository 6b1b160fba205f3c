"""The `puzzle` grader."""

from __future__ import annotations

from pydantic import ValidationError

from rlvr.core.verdict import Grade, Reason, correct, incorrect
from rlvr.verifier.protocol import InvalidSpec
from rlvr.verifier.puzzle.extract import ConflictingAnswers, NoAnswer, extract_answer
from rlvr.verifier.puzzle.instance import PuzzleInstance, RuleViolated, UnreadableAnswer
from rlvr.verifier.puzzle.registry import PUZZLES
from rlvr.verifier.puzzle.spec import PuzzleSpec

MAX_COMPLETION_CHARS = 2_000_000


class PuzzleGrader:
    """Checks answers by the puzzle's rules; see `Grader`."""

    name = "puzzle"
    version = "1.0.0"
    spec = PuzzleSpec
    warm: tuple[str, ...] = ()

    def prepare(self, spec: PuzzleSpec) -> PuzzleInstance:
        """The instance, ready to check answers.

        Raises:
            InvalidSpec: there is no such puzzle, or the instance is not well posed.
        """
        kind = PUZZLES.get(spec.puzzle)
        if kind is None:
            raise InvalidSpec(f"puzzle: no {spec.puzzle[:100]!r}; there are {', '.join(sorted(PUZZLES))}")
        try:
            return kind.model_validate(spec.instance)
        except ValidationError as invalid:
            problem = invalid.errors(include_url=False, include_input=False)[0]
            field = ".".join(["instance", *map(str, problem["loc"])])
            raise InvalidSpec(f"{field}: {problem['msg']}") from None

    def judge(self, completion: str, gold: PuzzleInstance) -> Grade:
        """Grade one completion."""
        if len(completion) > MAX_COMPLETION_CHARS:
            return incorrect(Reason.TOO_LARGE, f"the completion is over {MAX_COMPLETION_CHARS} characters")
        try:
            answer = extract_answer(completion, gold.answer_lines)
        except NoAnswer as none:
            return incorrect(Reason.NO_ANSWER, str(none))
        except ConflictingAnswers as conflict:
            return incorrect(Reason.CONFLICTING_ANSWERS, str(conflict))
        if len(answer) > gold.max_answer_chars:
            return incorrect(Reason.TOO_LARGE, f"the answer is over {gold.max_answer_chars} characters")
        try:
            gold.check(answer)
        except UnreadableAnswer as unreadable:
            return incorrect(Reason.UNPARSEABLE, str(unreadable), extracted=answer)
        except RuleViolated as violated:
            return incorrect(Reason.RULE_VIOLATED, str(violated), extracted=answer)
        return correct(Reason.PASSED, extracted=answer)
