"""The parts of the code verifier that need no sandbox."""

from collections import Counter, deque, namedtuple

import pytest
from pydantic import ValidationError

from rlvr.core.verdict import Reason
from rlvr.verifier.code.extract import NoProgram, Program, extract_program, joined
from rlvr.verifier.code.grader import CodeGrader
from rlvr.verifier.code.judging.answers import NoValue, Value, parse_answers
from rlvr.verifier.code.judging.output import same_output
from rlvr.verifier.code.judging.values import Tolerance, same_value
from rlvr.verifier.code.spec import CodeSpec
from rlvr.verifier.code.zygote.encoding import NotPlain, encode, items_of
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


def test_tolerance_widens_floats_and_nothing_else():
    loose = Tolerance(rel=0.01, abs=0.1)
    assert same_value([1.05, 0.05, "a"], [1.0, 0.0, "a"], loose)
    assert not same_value(5.01, 5, loose) and not same_value(True, 1.0, loose) and not same_value("1", 1.0, loose)


def test_a_result_channel_holds_exactly_one_answer_to_each_request():
    assert parse_answers(b'{"value": [1, true]}\n', 1) == [Value([1, True])]
    assert parse_answers(b'{"raised": "KeyError"}\n', 1) == [NoValue("raised KeyError", "KeyError")]
    assert parse_answers(b'{"value": 1}\n{"value": 2}\n', 2) == [Value(1), Value(2)]
    assert parse_answers(b'{"raised": "KeyError"}\n', 2) == [NoValue("raised KeyError", "KeyError")] * 2


@pytest.mark.parametrize(
    "channel",
    [
        b"",
        b'{"value": 3}',
        b'{"value": 3}{"value": 3}\n',
        b'{"value": 3}\n{"value": 3}\n',
        b'PASSED\n{"value": 3}\n',
        b'{"value": 3, "passed": true}\n',
        b'{"value": 3, "value": 4}\n',
        b'{"passed": true}\n',
        b'[{"value": 3}]\n',
        b"3\n",
        b"\x80\x04K\x03.\n",
        b"\xff\xfe\n",
        b'{"value": ' + b"[" * 100_000 + b"\n",
        b'{"value": ' + b"9" * 10_000 + b"}\n",
        b'{"value": {"a": 1}}\n',
        b'{"value": {"t": 1}}\n',
        b'{"value": {"s": [[1]]}}\n',
        b'{"value": {"d": [1]}}\n',
        b'{"value": {"b": "zz"}}\n',
        b'{"value": {"n": "x"}}\n',
        b'{"value": {"c": [1, 2, 3]}}\n',
        b'{"t": [1]}\n',
        b'{"items": 1}\n',
        b'{"items": [1], "value": 1}\n',
        b'{"type": "Fraction", "args": []}\n',
        b"{}\n",
    ],
)
def test_anything_else_on_the_result_channel_is_no_answer(channel):
    assert isinstance(parse_answers(channel, 1)[0], NoValue)


VALUES = [
    None,
    [True, 1, 1.5, -0.0, "a\n\u2028\ud800", [], [[]]],
    (1, (2, []), "x"),
    {1, 2.5, "a", (1, 2), frozenset({3})},
    {"a": {1: (2,)}, (1, 2): None, None: set()},
    1 + 2j,
    b"\x00\xff",
    float("inf"),
    -(2**200),
    2**20_000,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_keep_their_types_on_the_wire(value):
    (answer,) = parse_answers(f'{{"value":{encode(value)}}}\n'.encode(), 1)
    assert answer == Value(value) and type(answer.value) is type(value)


def test_only_exact_types_are_sent():
    five, always_equal = type("Five", (int,), {})(5), type("L", (list,), {"__eq__": lambda *_: True})()
    for value in (five, always_equal, object(), len, range(3), iter([]), [five], {five: 1}):
        with pytest.raises(NotPlain):
            encode(value)
    assert encode(Counter("aab")) == encode({"a": 2, "b": 1})


def test_a_named_tuple_is_a_tuple_on_the_wire():
    assert encode(namedtuple("P", "x y")(1, [2])) == encode((1, [2]))
    liar = type("Liar", (namedtuple("P", "x"),), {"__iter__": lambda self: iter([3])})
    with pytest.raises(NotPlain):
        encode(liar(1))


@pytest.mark.parametrize(
    "value",
    [range(2), iter([0, 1]), (n for n in (0, 1)), map(int, "01"), deque([0, 1]), {0: 1, 1: 1}.keys(), zip([0, 1])],
    ids=lambda value: type(value).__name__,
)
def test_what_is_made_to_be_iterated_over_is_known_by_its_type(value):
    assert items_of(value) in ([0, 1], [(0,), (1,)])
    assert items_of([0, 1]) is items_of("01") is items_of({0: 1}) is items_of((0, 1)) is None


def test_nan_is_told_from_other_values():
    nan, text = b'{"value":[1,{"c":[NaN,0.0]}]}\n', b'{"value":["NaN",Infinity]}\n'
    assert isinstance(parse_answers(nan, 1)[0], Value)
    assert "not-a-number" in parse_answers(nan, 1, nan=False)[0].why
    assert parse_answers(text, 1, nan=False) == [Value(["NaN", float("inf")])]


def test_a_type_is_named_where_that_tells_nothing_of_the_test():
    assert parse_answers(b'{"type": "Fraction"}\n', 1) == [NoValue("returned a Fraction that cannot be compared")]
    assert "s3cret" not in parse_answers(b'{"type": "s3cret"}\n', 1)[0].why


def test_members_chosen_to_have_one_hash_are_refused_at_once():
    prime = 2**61 - 1
    members = ",".join(str(number * prime) for number in range(2_000))
    for text in (f'{{"s":[{members}]}}', f'{{"d":[{members}]}}'):
        assert isinstance(parse_answers(f'{{"value":{text}}}\n'.encode(), 1)[0], NoValue)


def test_output_compares_without_trailing_white_space():
    assert same_output(b"1 2  \r\n3\r\n\r\n", "1 2\n3")
    assert same_output(b"", "\n")
    assert not same_output(b" 1", "1")
    assert not same_output(b"1  2", "1 2")
    assert not same_output(b"1\n\n2", "1\n2")
    assert not same_output(b"1\xff", "1")
    assert not same_output(b"1\x00", "1")


@pytest.mark.parametrize(
    "mode,answer,expected,same",
    [
        ("exact", b"1\n", "1\n", True),
        ("exact", b"1", "1\n", False),
        ("exact", b"1\r\n", "1\n", False),
        ("lines", b"1 \r\n", "1\n", True),
        ("tokens", b"1\n 2", "1 2", True),
        ("tokens", b"12", "1 2", False),
        ("float", b"0.333333 x", "0.3333333333 x", True),
        ("float", b"5.0", "5", True),
        ("float", b"1000000000001", "1000000000000", False),
        ("float", b"05", "5", True),
        ("float", b"nan", "1.0", False),
        ("float", b"inf", "1e308", False),
        ("float", b"1e309", "1e308", False),
        ("float", b"1e309", "1e310", False),
        ("float", b"0x10", "16", False),
        ("float", b"1_0", "10", False),
        ("float", b"1.0 2.0", "1.0", False),
        ("float", b"\xff", "1.0", False),
        ("unordered_lines", b"b\na \n", "a\nb", True),
        ("unordered_lines", b"a\na", "a\nb", False),
    ],
)
def test_each_mode_compares_outputs_its_way(mode, answer, expected, same):
    assert same_output(answer, expected, mode, Tolerance(1e-6)) is same


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


def test_with_an_entry_point_the_last_block_that_defines_it_is_the_program():
    completion = block("python", "def f(): 1") + block("python", "def f(): 2") + block("python", "print(f())")
    program = extract_program(completion, entry_point="f")
    assert isinstance(program, Program) and program.source.strip() == "def f(): 2" and "entry point" in program.rule
    assert extract_program(completion).source.strip() == "print(f())"
    assert extract_program(completion, entry_point="g").source.strip() == "print(f())"
    assert (
        extract_program(block("py", "class S: 1") + block("py", "S"), entry_point="S.f").source.strip() == "class S: 1"
    )


def test_all_blocks_of_the_language_can_be_the_program_together():
    program = extract_program(block("py", "a") + block("bash", "ls") + block("python", "b"), which="all")
    assert program.source.split() == ["a", "b"]
    assert extract_program(block("py", "a") + block("c++", "b"), "cpp").source.strip() == "b"


def test_what_comes_from_the_future_goes_before_a_preamble():
    joint = joined(["import math", "'doc'\nfrom __future__ import annotations\nx = 1"])
    assert joint.splitlines()[:2] == ["from __future__ import annotations", "import math"]
    compile(joint, "x", "exec")


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
        {"entry_point": "a.b.c"},
        {"compare": "fuzzy"},
        {"inputs": ["1"], "outputs": []},
        {"inputs": ["1"]},
        {"inputs": ["1"], "outputs": [1]},
        {"inputs": [[{1: 2}]], "outputs": [1]},
        {"files": {"../x": ""}},
        {"files": {"/etc/passwd": ""}},
        {"files": {"a/../../x": ""}},
        {"files": {"a//b": ""}},
        {"files": {"": ""}},
        {"files": {".": ""}},
        {"files": {"a\x00": ""}},
        {"files": {"a\n": ""}},
        {"files": {"a": "", "a/b": ""}},
        {"checker": {"code": ""}},
        {"rel_tol": -1},
        {"abs_tol": float("inf")},
        {"entry_point": "1f"},
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
