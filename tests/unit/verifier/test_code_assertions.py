"""Assertions are cut so that the program sees arguments and we do the judging. Pure: no sandbox."""

import math

import pytest

from rlvr.core.verdict import Reason
from rlvr.verifier.code.judging.answers import NoValue, Value
from rlvr.verifier.code.judging.assertions import Assertions, BadTest
from rlvr.verifier.code.judging.plan import Proxied, plan


def judged(code, *answers, setup="", entry_point="f"):
    """Whether an assertion holds when the program answers so."""
    planned = plan(code, setup, entry_point)
    assert isinstance(planned, Assertions), planned
    assert len(planned.requests) == len(answers)
    return planned.judge([Value(answer) for answer in answers]) is None


@pytest.mark.parametrize(
    "code,requests",
    [
        ("assert f(1, 2) == 3", ["f(1, 2)"]),
        ("assert not f([3, 5])", ["f([3, 5])"]),
        ("assert f(1) is True and f(2) != [7]", ["f(1)", "f(2)"]),
        ("assert set(f(1)) == {1, 2}", ["f(1)"]),
        ("import math\nassert math.isclose(f(1), 2.5, rel_tol=1e-3)", ["f(1)"]),
        ("assert abs(f(x=1) - 1.5) < 1e-6", ["f(x=1)"]),
        ("assert f(f(2)) == f(4)", ["f(f(2))", "f(4)"]),
        ("assert f(lambda x: x + 1, [y for y in (1, 2)]) == 3", ["f(lambda x: x + 1, [y for y in (1, 2)])"]),
        ("assert f(1).startswith('ab')", ["f(1)"]),
        ("assert f(1)[0]['k'][1:] == [2]", ["f(1)"]),
        ("assert f(1) == 2, f'wrong: {f(1)}'", ["f(1)"]),
        ("def check(candidate):\n    assert candidate(1) == 2\n    assert True", ["__entry__(1)"]),
    ],
)
def test_requests_hold_calls_and_arguments_only(code, requests):
    planned = plan(code, "", "f")
    assert isinstance(planned, Assertions) and list(planned.requests) == requests


@pytest.mark.parametrize(
    "code,answer,holds",
    [
        ("assert f(1) == 3", 3, True),
        ("assert f(1) == 3", 3.0, True),
        ("assert f(1) == True", 1, True),
        ("assert f(1) == (1, 2)", [1, 2], False),
        ("assert f(1) == [1, 2]", (1, 2), False),
        ("assert f(1) is True", 1, False),
        ("assert f(1) is None", None, True),
        ("assert f(1) == {1: 'a'}", {1: "a"}, True),
        ("assert f(1) == {3, 4}", {4, 3}, True),
        ("assert set(f(1)) == {3, 4}", [4, 3, 3], True),
        ("assert sorted(f(1)) == [3, 4]", (4, 3), True),
        ("assert sorted(f(1), reverse=True) == [4, 3]", {4, 3}, True),
        ("assert math.isclose(f(1), 1.5)", 1.5 + 1e-12, True),
        ("assert math.isclose(f(1), 1.5)", 1.6, False),
        ("assert abs(f(1) - 1.5) < 1e-6", math.nan, False),
        ("assert round(f(1), 2) == 1.33", 1.3333, True),
        ("assert len(f(1)) == 2 and all(f(1)[:1])", [1, 2], True),
        ("assert isinstance(f(1), (int, str))", "a", True),
        ("assert type(f(1)) is int", True, False),
        ("assert f(1) in [1, 2]", 2, True),
        ("assert 1 < f(1) <= 2", 2, True),
        ("assert f(1).lower() == 'ab'", "AB", True),
        ("assert f(1) == 1 + 2j", 1 + 2j, True),
        ("assert f(1) == b'a'", b"a", True),
        ("assert f(1) == float('inf')", math.inf, True),
        ("assert (f(1) if f(1) else 0) == 0", [], True),
        ("assert f(1).keys() == {'a'} and sorted(f(1).values()) == [2]", {"a": 2}, True),
        ("assert list(f(1).items()) == [('a', 2)]", {"a": 2}, True),
        ("assert f(1).index('b') == 1", "ab", True),
        ("assert f(1).index(98) == 1", b"ab", True),
        ("assert f(1).union({2}) == {1, 2}", frozenset({1}), True),
    ],
)
def test_what_is_left_means_what_it_means_in_python(code, answer, holds):
    code = f"import math\n{code}"
    planned = plan(code, "", "f")
    assert judged(code, *[answer] * len(planned.requests)) is holds


@pytest.mark.parametrize(
    "code,answer",
    [
        ("assert f(1) + 1 == 2", "1"),
        ("assert f(1)[5] == 1", [1]),
        ("assert f(1)['k'] == 1", {}),
        ("assert 1 / f(1) == 1", 0),
        ("assert len(f(1)) == 1", 1),
        ("assert f(1).lower() == 'a'", 1),
        ("assert f(1) ** f(1) > 0", 10**9),
        ("assert f(1) * 'a' != ''", 10**9),
        ("assert f(1) * [0] != 0", 2**70),
        ("assert 1 << f(1)", 10**12),
        ("assert list(range(f(1)))", 10**12),
        ("assert sum(range(f(1)))", 10**12),
        ("assert round(1, f(1)) == 1", -(10**12)),
        ("assert f(1) % 7 >= 0", 2**1_000_000),
        ("assert f(1) % 3 == '3'", "%0999999999d"),
        ("assert set(f(1)) == {1}", [n * (2**61 - 1) for n in range(5_000)]),
        ("assert str(f(1))", 2**1_000_000),
        ("assert f(1) + 0 == 1", float("nan")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_that_does_not_fit_or_would_cost_too_much_fails_the_assertion(code, answer):
    planned = plan(code, "", "f")
    failure = planned.judge([Value(answer)] * len(planned.requests))
    assert failure is not None and failure.reason is Reason.TESTS_FAILED


@pytest.mark.parametrize("code", ["assert list(f(1)) == [1, 2]", "assert sum(f(1)) == 3", "assert 2 in f(1)"])
def test_what_is_iterated_over_is_no_list_until_the_test_makes_one_of_it(code):
    answer = Value([1, 2], is_iterated=True)
    assert plan(code, "", "f").judge([answer]) is None
    assert plan("assert f(1) == [1, 2]", "", "f").judge([answer]) is not None


def test_nan_is_an_answer_only_to_a_test_that_speaks_of_it():
    assert not plan("assert not abs(f(1) - 2.5) > 1e-6", "", "f").nan
    assert not plan("for x in [1]: assert not abs(f(x) - 2.5) > 1e-6", "", "f").nan
    assert plan("import math\nassert math.isnan(f(1))", "", "f").nan
    assert plan("for x in [1]: assert repr(f(x)) == 'NaN'", "", "f").nan


def test_a_request_without_a_value_fails_only_the_assertion_that_needs_it():
    planned = plan("assert f(1) == 1 or f(2) == 2", "", "f")
    assert planned.judge([Value(1), NoValue("raised KeyError")]) is None
    failure = planned.judge([Value(0), NoValue("raised KeyError")])
    assert (failure.reason, failure.detail) == (Reason.RUNTIME_ERROR, "raised KeyError")


def test_deeply_nested_answers_fail_an_assertion_and_nothing_else():
    deep, deeper = [], []
    for _ in range(100_000):
        deep, deeper = [deep], [deeper]
    assert plan("assert f(1) == f(2)", "", "f").judge([Value(deep), Value(deeper)]) is not None


@pytest.mark.parametrize(
    "code",
    [
        "for x in [1, 2]:\n    assert f(x) == x",
        "x = sorted([2, 1])\nassert f(x) == 1",
        "def check(candidate):\n    x = [1]\n    assert candidate(x) == x",
        "assert all(f(x) == x for x in (1, 2))",
        "from math import isclose\nassert isclose(f(1), 2.0)",
        "def close(a, b): return abs(a - b) < 1\nassert close(f(1), 2)",
        "def abs(a): return 0\nassert abs(f(1) - 5) == 0",
        "import numpy as math\nassert math.isclose(f(1), 5)",
        "assert sorted(f(1), key=len) == []",
        "assert f(1).__eq__(2)",
        "assert '{}'.format(f(1)) == '2'",
        "assert '%.2f' % f(1) == '2.00'",
        "assert f(1) == '%s-%d' % ('a', 1)",
        "assert f(1) in range(10**7)",
        "assert f(1) == 2**200_000",
        "try:\n    f(1)\n    assert False\nexcept ValueError: pass",
    ],
)
def test_what_cannot_be_cut_is_run_beside_the_program(code):
    planned = plan(code, "", "f")
    assert isinstance(planned, Proxied) and set(planned.called) <= {"f"}


@pytest.mark.parametrize(
    "code,setup,entry_point,why",
    [
        ("assert True", "", "f", "calls the program"),
        ("assert 1 == 2", "", "f", "false whatever"),
        ("assert 1 / 0 == f(1)", "", "f", "ZeroDivisionError"),
        ("x = 1", "", "f", "calls the program"),
        ("for x in []: assert x", "", "f", "never calls"),
        ("assert f(1 ==", "", "f", "not Python"),
        ("assert isclose(f(1), 2)", "", "f", "isclose is defined neither"),
        ("assert isclose(f(1), 2)", "", None, "name entry_point"),
        ("from math import *\nassert f(4) == sqrt(16)", "", None, "name entry_point"),
        ("def check(): pass", "", "f", "one argument"),
        ("assert [x for x in [f(root)]]", "root = Node(1)", "f", "setup makes objects"),
        ("for x in [1]: assert f.cache == x", "", "f", "only call functions"),
        ("assert " + "-" * 50_000 + "f(1)", "", "f", "not Python"),
    ],
)
def test_a_test_that_can_tell_nothing_is_refused(code, setup, entry_point, why):
    with pytest.raises(BadTest, match=why):
        plan(code, setup, entry_point)


def test_setup_is_the_programs_business_and_a_builtins_name_the_programs_only_if_it_is_the_entry_point():
    planned = plan("assert f(root, 2) == 3", "root = Node(1)", None)
    assert planned.requests == ("f(root, 2)",)
    assert plan("assert sum(1, 2) == 3", "", "sum").requests == ("sum(1, 2)",)
    with pytest.raises(BadTest):
        plan("assert max(1, 2) == 2", "", None)
    assert plan("assert Solution().f(1) == 2", "", "Solution.f").requests == ("__entry__(1)",)
