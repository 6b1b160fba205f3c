import re

import pytest
from pydantic import ValidationError

from rlvr.core.verdict import Outcome, Reason
from rlvr.verifier.format.grader import MAX_PATTERN_TEXT_CHARS, FormatGrader
from rlvr.verifier.format.spec import FormatSpec
from rlvr.verifier.protocol import InvalidSpec

GRADER = FormatGrader()


def judge(completion, **spec):
    return GRADER.judge(completion, GRADER.prepare(FormatSpec(**spec)))


@pytest.mark.parametrize(
    "completion",
    [
        "<think>a</think><answer>b</answer>",
        "\n<think>\na\n</think>\n\n<answer>\nb\n</answer>\n",
        "<think>if a < b</think> <answer><b>4</b></answer>",
    ],
)
def test_think_answer_accepts_the_asked_for_shape(completion):
    assert judge(completion, style="think_answer").outcome is Outcome.CORRECT


@pytest.mark.parametrize(
    "completion",
    [
        "",
        "4",
        "<answer>b</answer>",
        "<think>a</think>",
        "<think>a</think>b",
        "<think></think><answer>b</answer>",
        "<think>a</think><answer> </answer>",
        "<think>a</think>so<answer>b</answer>",
        "so <think>a</think><answer>b</answer>",
        "<think>a</think><answer>b</answer> so",
        "<answer>b</answer><think>a</think>",
        "<think>a<answer>b</think></answer>",
        "<think>a<answer>b</answer></think>",
        "<think>a</think><answer>b</answer><answer>c</answer>",
        "<think>a</think><think>a</think><answer>b</answer>",
        "<think>a<think>a</think><answer>b</answer>",
        "<THINK>a</THINK><answer>b</answer>",
        "<think>a</think><answer>b",
        "<think>" * 100_000,
    ],
)
def test_think_answer_rejects_any_other_shape(completion):
    grade = judge(completion, style="think_answer")
    assert (grade.outcome, grade.reason, grade.reward) == (Outcome.INCORRECT, Reason.FORMAT_MISMATCH, 0.0)


def test_a_pattern_must_match_the_whole_completion():
    assert judge("42", pattern=r"\d+").outcome is Outcome.CORRECT
    assert judge("42\n", pattern=r"\d+").reason is Reason.FORMAT_MISMATCH
    assert judge("x42", pattern=r"\d+").reason is Reason.FORMAT_MISMATCH


def test_the_text_given_to_a_pattern_is_bounded():
    assert judge("1" * (MAX_PATTERN_TEXT_CHARS + 1), pattern=r"\d+").reason is Reason.TOO_LARGE


@pytest.mark.parametrize("pattern", ["(", "[", "(?P<a>x)(?P<a>y)", "a{99999999999999999999}", "(" * 900])
def test_a_pattern_that_does_not_compile_is_an_invalid_spec(pattern):
    with pytest.raises(InvalidSpec, match=re.escape("pattern: ")):
        GRADER.prepare(FormatSpec(pattern=pattern))


@pytest.mark.parametrize("spec", [{}, {"style": "think_answer", "pattern": "a"}, {"style": "xml"}, {"pattern": ""}])
def test_a_spec_asks_for_exactly_one_shape(spec):
    with pytest.raises(ValidationError):
        FormatSpec(**spec)
