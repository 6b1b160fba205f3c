"""Finding the answer to a puzzle in a completion."""

from __future__ import annotations

from rlvr.verifier.text import after_reasoning, boxed, fenced_blocks, tagged


class NoAnswer(ValueError):
    """Nothing in the completion asserts an answer."""


class ConflictingAnswers(ValueError):
    """The completion asserts two different answers."""


def extract_answer(completion: str, num_lines: int) -> str:
    r"""The answer that a completion asserts, from the first of these that its text after `</think>` has.

    1. `<answer>` tags, 2. `\boxed{}`: all of them must say the same. 3. The last code block. 4. The last
    `num_lines` lines that are not blank. A code block around the whole of a tagged answer is taken off.

    Raises:
        NoAnswer: there is none, or the reasoning never ends.
        ConflictingAnswers: tags or boxes disagree.
    """
    text = after_reasoning(completion)
    if text is None:
        raise NoAnswer("the reasoning is never closed with </think>")
    for asserted in (tagged(text, "answer"), boxed(text)):
        answers = {answer.strip() for answer in asserted}
        if len(answers) > 1:
            raise ConflictingAnswers(f"{len(answers)} different answers")
        if answers:
            return _nonempty(_unfenced(answers.pop()))
    blocks = fenced_blocks(text)
    if blocks:
        return _nonempty(blocks[-1].body)
    lines = [line for line in text.splitlines() if line.strip()]
    return _nonempty("\n".join(lines[-num_lines:]))


def _unfenced(answer: str) -> str:
    blocks = fenced_blocks(answer) if answer.startswith(("```", "~~~")) else []
    return blocks[0].body if len(blocks) == 1 and answer.endswith(("```", "~~~")) else answer


def _nonempty(answer: str) -> str:
    if not answer.strip():
        raise NoAnswer("the answer is empty")
    return answer.strip()
