"""The parts of the code verifier that need no sandbox."""

import pytest
from pydantic import ValidationError

from rlvr.core.verdict import Reason
from rlvr.verifier.code.extract import NoProgram, Program, extract_program
from rlvr.verifier.code.grader import CodeGrader
from rlvr.verifier.code.result import NoValue, Value, parse_result, same_output, same_value
from rlvr.verifier.code.spec import CodeSpec
from rlvr.verifier.protocol import InvalidSpec


@pytest.mark.parametrize(
    "answer,expected",
    [
        (1, 1),
        (4.0, 4),
        (4, 4.0),
        (0.1 + 0.2, 0.3),
        (1e-17, 0.0),
        ("a", "a"),
        (None, None),
        (True, True),
        ([1, [2, "x"]], [1, [2, "x"]]),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}),
        (10**40, 10**40),
    ],
)
def test_equal_json_values_are_the_same(answer, expected):
    assert same_value(answer, expected)


@pytest.mark.parametrize(
    "answer,expected",
    [
        (True, 1),
        (1, True),
        (False, 0),
        (0, False),
        (0, None),
        (None, False),
        ("1", 1),
        (1, "1"),
        ([], {}),
        ([], ""),
        ([1], [1, 1]),
        ([True], [1]),
        ({"a": 1}, {"a": 1, "b": None}),
        (5.0000000001, 5),
        (10**40 + 1, 10**40),
        (10**400, 1.0),
        (float("nan"), 1.0),
        (float("inf"), 1.7e308),
        (0.3001, 0.3),
    ],
)
def test_values_of_other_types_or_sizes_differ(answer, expected):
    assert not same_value(answer, expected)


def test_deep_values_are_compared_without_recursion():
    deep, deeper = [], []
    for _ in range(100_000):
        deep, deeper = [deep], [deeper]
    assert same_value(deep, deeper)


def test_a_result_channel_holds_exactly_one_result():
    assert parse_result(b'{"value": [1, true]}') == Value([1, True])
    assert parse_result(b'{"raised": "KeyError"}') == NoValue("raised KeyError")


@pytest.mark.parametrize(
    "channel",
    [
        b"",
        b'{"value": 3}{"value": 3}',
        b'{"value": 3}\n{"value": 3}',
        b'PASSED\n{"value": 3}',
        b'{"value": 3, "passed": true}',
        b'{"passed": true}',
        b'[{"value": 3}]',
        b"3",
        b"\x80\x04K\x03.",
        b"\xff\xfe",
        b'{"value": ' + b"[" * 100_000,
        b'{"value": ' + b"9" * 10_000 + b"}",
    ],
)
def test_anything_else_on_the_result_channel_is_no_answer(channel):
    assert isinstance(parse_result(channel), NoValue)


def test_output_compares_without_trailing_white_space():
    assert same_output(b"1 2  \r\n3\r\n\r\n", "1 2\n3")
    assert same_output(b"", "\n")
    assert not same_output(b" 1", "1")
    assert not same_output(b"1  2", "1 2")
    assert not same_output(b"1\n\n2", "1\n2")
    assert not same_output(b"1\xff", "1")
    assert not same_output(b"1\x00", "1")


def block(language, body):
    return f"```{language}\n{body}\n```\n"


@pytest.mark.parametrize(
    "completion,source",
    [
        (block("python", "a") + "then\n" + block("python", "b"), "b"),
        (block("python", "a") + block("", "out"), "a"),
        (block("Python3 title=x", "a") + block("bash", "ls"), "a"),
        (block("", "a") + block("", "b"), "b"),
        ("<think>" + block("python", "a") + "</think>" + block("py", "b"), "b"),
        ("print(1)", "print(1)"),
        ("```python\nprint(1)", "print(1)"),
        ("~~~python\ns = '''\n```\n'''\n~~~", "s = '''\n```\n'''"),
        ("````python\n```\n````", "```"),
    ],
)
def test_the_last_python_block_is_the_program(completion, source):
    program = extract_program(completion)
    assert isinstance(program, Program) and program.source.strip() == source


@pytest.mark.parametrize(
    "completion", ["", "  \n", block("python", ""), block("cpp", "x"), "<think>" + block("python", "a")]
)
def test_a_completion_may_hold_no_program(completion):
    assert isinstance(extract_program(completion), NoProgram)


async def test_a_completion_without_a_program_needs_no_sandbox():
    spec = CodeSpec(tests=[{"type": "stdio", "stdout": "1"}])
    assert (await CodeGrader().grade("", spec, 1)).grade.reason is Reason.NO_ANSWER
    assert (await CodeGrader().grade("x = 1\n" * 100_000, spec, 1)).grade.reason is Reason.TOO_LARGE


async def test_no_tests_is_an_invalid_spec():
    with pytest.raises(InvalidSpec) as raised:
        await CodeGrader().grade("print(1)", CodeSpec(tests=[]), 1)
    assert raised.value.reason == Reason.NO_TESTS


@pytest.mark.parametrize(
    "change",
    [
        {"language": "cobol"},
        {"entry_point": None},
        {"entry_point": "os.system"},
        {"time_limit_s": 0},
        {"time_limit_s": 1e9},
        {"memory_limit_mb": 10**6},
        {"scoring": "most"},
        {"tests": [{"type": "call", "args": 1, "expected": 1}]},
        {"tests": [{"type": "call", "args": [1]}]},
        {"tests": [{"type": "call", "args": [float("nan")], "expected": 1}]},
        {"tests": [{"type": "call", "args": [], "expected": float("inf")}]},
        {"tests": [{"type": "stdio", "stdin": "1"}]},
        {"tests": [{"type": "stdio", "stdout": "1", "files": {}}]},
        {"tests": [{"type": "pickle"}]},
    ],
)
def test_a_spec_out_of_bounds_is_refused(change):
    good = {"tests": [{"type": "call", "args": [1], "expected": 1}], "entry_point": "f"}
    CodeSpec(**good)
    with pytest.raises(ValidationError):
        CodeSpec(**(good | change))
