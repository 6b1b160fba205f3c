"""Each kind of test with real runs: right programs pass, wrong ones do not, and a broken test is nobody's zero."""

import pytest
import pytest_asyncio

from rlvr.core.verdict import Outcome, Reason
from rlvr.verifier.code.grader import CodeGrader
from rlvr.verifier.code.spec import CodeSpec
from rlvr.verifier.protocol import InvalidSpec
from sandboxes import grade_with

pytestmark = pytest.mark.asyncio(loop_scope="module")
ADD = "def add(a, b): return a + b"
LOOP = "def check(candidate):\n    for i in range(5):\n        assert candidate(i, 1) == i + 1"
FORGED = b'{"end":"","how":"passed","what":""}\n'
CHECKER = "import sys\nn = int(open(sys.argv[2]).read())\nsys.exit(0 if n > int(open(sys.argv[1]).read()) else 1)"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grader():
    grader = CodeGrader()
    await grader.start()
    yield grader
    await grader.close()


async def grade(grader, source, **spec):
    return await grade_with(grader, f"```python\n{source}\n```", CodeSpec(**({"time_limit_s": 20} | spec)))


def script(code, **options):
    return {"tests": [{"type": "script", "code": code, **options}]}


def checked(code, time_limit_s=20):
    checker = {"code": code, "time_limit_s": time_limit_s}
    return {"tests": [{"type": "stdio", "stdin": "3", "stdout": "5"}], "checker": checker}


@pytest.mark.parametrize(
    "source,code",
    [
        (ADD, LOOP),
        ("import os\ndef add(a, b): return a + b", f"import random\n{LOOP.replace('(i', '(random.random() and i')}"),
        ("def f(a): a.sort()", "x = [2, 1]\nf(x)\nassert x == [1, 2]"),
        ("def f(a): a[1] = 2", "d = {}\nf(a=1) if False else f(d)\nassert d == {1: 2}"),
        ("def f(a): raise KeyError(a)", "try:\n    f(1)\n    assert False\nexcept KeyError: pass"),
        ("class E(Exception): pass\ndef f(a): raise E", "try:\n    f(1)\n    assert False\nexcept Exception: pass"),
        ("def f(*a): return (a, {1, 2}, {a: 1j}, b'x', None)",
         "for x in [1]:\n    assert f(x, (x,)) == ((1, (1,)), {1, 2}, {(1, (1,)): 1j}, b'x', None)"),
        ("n = 0\ndef f():\n    global n\n    n += 1\n    return n", "assert [f() for _ in range(3)] == [1, 2, 3]"),
        ("class Solution:\n    def f(self, x): return x", "for x in [1, 2]:\n    assert Solution().f(x) == x"),
        ("def f(x): return b'\\xff'.decode()", "try:\n    f(1)\n    assert False\nexcept ValueError: pass"),
        ("def f(n): yield from range(n)", "for n in [3]:\n    assert list(f(n)) == [0, 1, 2]"),
        ("def f(n): return float('nan')", "for n in [3]:\n    assert f(n) != f(n)  # nan"),
    ],
)  # fmt: skip
async def test_a_test_that_must_be_run_calls_the_program_through_the_room(grader, source, code):
    entry_point = "Solution.f" if "Solution" in source else None
    assert (
        await grade(grader, source, entry_point=entry_point, **script(code, in_place=True))
    ).outcome is Outcome.CORRECT


@pytest.mark.parametrize(
    "source,reason",
    [
        ("def add(a, b): return a - b", Reason.TESTS_FAILED),
        ("def add(a, b): raise ImportError", Reason.RUNTIME_ERROR),
        ("def add(a, b): raise MemoryError", Reason.MEMORY_LIMIT),
        ("def add(a, b): raise AssertionError", Reason.TESTS_FAILED),
        ("def add(a, b): return add", Reason.RUNTIME_ERROR),
        ("def add(a, b): return type('I', (int,), {'__eq__': lambda *a: True})()", Reason.RUNTIME_ERROR),
        ("import os\ndef add(a, b): os._exit(0)", Reason.RUNTIME_ERROR),
        ("import os\ndef add(a, b): os.kill(os.getpid(), 9)", Reason.RUNTIME_ERROR),
        ("import os\nos._exit(0)", Reason.RUNTIME_ERROR),
        ("def add(a, b): return", Reason.TESTS_FAILED),
        ("def add(a, b):\n    while True: pass", Reason.TIME_LIMIT),
        ("def add(a, b): return 'x' * 10**8", Reason.OUTPUT_LIMIT),
        ("def add(a, b): return 'x' * 2**21", Reason.OUTPUT_LIMIT),
        ("def add(a, b) return 1", Reason.COMPILE_ERROR),
        ("import os\nos.write(3, b'{\"value\":1}\\n' * 9)\ndef add(a, b): return 0", Reason.RUNTIME_ERROR),
        (f"import os\ndef add(a, b): os.write(3, {FORGED!r})", Reason.RUNTIME_ERROR),
        ("def f(): 1\ndef g(): 1", Reason.RUNTIME_ERROR),
    ],
)  # fmt: skip
async def test_a_program_cannot_pass_a_test_that_is_run_beside_it(grader, source, reason):
    time_limit_s = 1 if reason is Reason.TIME_LIMIT else 20
    result = await grade(grader, source, time_limit_s=time_limit_s, **script(LOOP))
    assert (result.reward, result.reason) == (0.0, reason), result.detail


@pytest.mark.parametrize(
    "source,code",
    [
        ("def f(x): raise StopIteration", "assert all(map(lambda x: f(x) == 1, [1, 2]))"),
        ("def f(x): raise StopIteration", "for got, want in zip(map(f, [1]), [2]):\n    assert got == want"),
        ("def f(x): raise ExceptionGroup('', [OSError()])", "try:\n    assert f(1) == 2\nexcept TypeError: pass"),
        ("def f(x): return float('nan')", "for x in [1]:\n    if abs(f(x) - 2.5) > 1e-6: raise AssertionError"),
        ("def f(x): return [n * (2**61 - 1) for n in range(500)]", "for x in [1]:\n    assert f(set(f(x))) == 1"),
        ("def f(x):\n    for _ in range(300): x = [x]\n    return x", "for x in [1]:\n    assert f(f(x)) == 1"),
        ("def f(x): return 2**(10**6)", "for x in [1]:\n    assert str(f(x)) == '1'"),
        ("def f(x): return '\\ud800'", "for x in [1]:\n    assert f(x).encode() == b'1'"),
    ],
)
async def test_an_answer_made_for_the_test_code_fools_it_into_nothing(grader, source, code):
    result = await grade(grader, source, entry_point="f", **script(code))
    assert (result.outcome, result.reward) == (Outcome.INCORRECT, 0.0), result


async def test_a_program_that_imports_from_the_future_may_have_a_preamble(grader):
    source = "from __future__ import annotations\ndef f(x: Unknown): return math.floor(x)"
    tests = [{"type": "call", "args": [1.5], "expected": 1}]
    assert (await grade(grader, source, tests=tests, preamble="import math")).reward == 1.0


async def test_a_program_cannot_change_what_the_test_holds(grader):
    code = "def check(candidate):\n    x = [2, 1]\n    assert candidate(x) == sorted(x)"
    clears = "def f(x):\n    x.clear()\n    return x"
    assert (await grade(grader, clears, **script(code))).reward == 0.0
    assert (await grade(grader, clears, **script(code, in_place=True))).reward == 1.0


async def test_an_answer_that_keeps_the_test_busy_is_the_programs_failure(grader):
    code = "def check(candidate):\n    n = candidate(1)\n    while n: pass"
    result = await grade(grader, "def f(x): return 10**12", time_limit_s=1, **script(code))
    assert (result.reward, result.reason) == (0.0, Reason.TIME_LIMIT)


@pytest.mark.parametrize(
    "spec,why",
    [
        (script("import no_such_module\n" + LOOP), "imports a module"),
        (script(LOOP.replace("(i, 1)", "(lambda: i, 1)")), "type function"),
        (script("def check(candidate):\n    if False: candidate(1)"), "never calls"),
        (script("def check(candidate):\n    {}['k']"), "before it calls"),
        (script("def check(candidate):\n    while True: pass"), "time limit"),
        (checked("1/0"), "checker gives no verdict"),
        (checked("x ="), "checker gives no verdict"),
        (checked("import sys\nsys.exit(3)"), "checker gives no verdict"),
        (checked("while True: pass", time_limit_s=1), "checker gives no verdict"),
        (checked("import os\nos.kill(os.getpid(), 9)"), "checker gives no verdict"),
    ],
)
async def test_a_broken_test_or_checker_is_an_invalid_spec(grader, spec, why):
    with pytest.raises(InvalidSpec, match=why):
        time_limit_s = 0.5 if why == "time limit" else 20
        await grade(grader, "print(4)\ndef f(*a): return 1", time_limit_s=time_limit_s, **spec)


@pytest.mark.parametrize(
    "printed,outcome",
    [
        ("4", Outcome.CORRECT),
        ("99", Outcome.CORRECT),
        ("3", Outcome.INCORRECT),
        ("", Outcome.INCORRECT),
        ("x", Outcome.INCORRECT),
        ("1e309", Outcome.INCORRECT),
        ("nan", Outcome.INCORRECT),
        ("\\udcff\\x00", Outcome.INCORRECT),
        ("9' * 10_000_000 + '", Outcome.INCORRECT),
        ("9 ' * 1_000_000 + '", Outcome.INCORRECT),
    ],
)
async def test_a_checker_judges_whatever_is_printed(grader, printed, outcome):
    result = await grade(grader, f"print('{printed}')", **checked(CHECKER))
    assert result.outcome is outcome, result.detail


async def test_files_lie_beside_the_program_and_an_entry_point_is_inferred(grader):
    files = {"helper.py": "BASE = 40", "data/n.txt": "2"}
    source = "import helper\ndef f(x): return helper.BASE + int(open('data/n.txt').read()) + x"
    tests = [{"type": "call", "args": [0], "expected": 42}, {"type": "assert", "code": "assert f(1) == 43"}]
    assert (await grade(grader, source, tests=tests, files=files)).outcome is Outcome.CORRECT
    shadow = {"json.py": "raise SystemExit(0)"}
    assert (await grade(grader, "import json\ndef f(x): return 42", tests=tests[:1], files=shadow)).reward == 1.0


async def test_inputs_and_outputs_are_tests_and_a_fraction_of_them_is_a_score(grader):
    spec = {"inputs": ["1", "2", "3"], "outputs": ["1", "2", "0"], "scoring": "fraction"}
    result = await grade(grader, "print(input())", **spec)
    assert (result.outcome, result.reward) == (Outcome.PARTIAL, 2 / 3)
    assert result.breakdown == {"test_0": 1.0, "test_1": 1.0, "test_2": 0.0}
    methods = {"inputs": [[1], [2]], "outputs": [2, 4]}
    assert (await grade(grader, "class Solution:\n    def twice(self, x): return 2 * x", **methods)).reward == 1.0


async def test_a_verdict_tells_nothing_of_hidden_tests(grader):
    secret = "314159"
    source = "def f(x):\n    raise type(f'E{x}', (Exception,), {})(x)"
    for spec in (
        {"tests": [{"type": "call", "args": [int(secret)], "expected": 1}]},
        {"tests": [{"type": "assert", "code": f"assert f({secret}) == {secret}"}]},
        script(f"for x in [{secret}]: assert f(x) == {secret}"),
        {"tests": [{"type": "stdio", "stdin": secret, "stdout": secret}]},
    ):
        assert secret not in repr(await grade(grader, source, **spec))


async def test_a_preamble_comes_before_the_program(grader):
    tests = [{"type": "call", "args": [[1]], "expected": [1]}]
    source = "def f(x: List[int]): return helper(x)"
    preamble = "from typing import List\ndef helper(x): return x"
    assert (await grade(grader, source, tests=tests, entry_point="f", preamble=preamble)).reward == 1.0
