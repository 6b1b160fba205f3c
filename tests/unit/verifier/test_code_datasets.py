"""Reference solutions of public data sets, through the sandbox, as call tests where JSON can carry them."""

import ast
import asyncio
import json
from pathlib import Path

import pytest

from rlvr.core.verdict import Outcome
from rlvr.verifier.code.grader import CodeGrader
from rlvr.verifier.code.spec import CodeSpec

MBPP = Path(__file__).parents[4] / "shared/data/mbpp_dev.jsonl"
NUM_TASKS = 40
MUTANTS = [
    "def {}(*args): pass",
    "import sys\nsys.exit(0)",
    "class Always:\n    __eq__ = lambda *_: True\ndef {}(*args): return Always()",
]

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not MBPP.is_file(), reason="no shared data here"),
]


def call_test(assertion):
    """`assert f(*literals) == literal` as (f, call test); None for any other assertion."""
    match ast.parse(assertion).body:
        case [ast.Assert(ast.Compare(ast.Call(ast.Name(name), args, []), [ast.Eq()], [expected]))]:
            try:
                values = [ast.literal_eval(node) for node in (*args, expected)]
                text = json.dumps(values, allow_nan=False)
            except (ValueError, TypeError):
                return None
            *call_args, value = json.loads(text)
            unchanged = json.loads(json.dumps(values[:-1])) == values[:-1] and "{" not in text
            return (name, {"type": "call", "args": call_args, "expected": value}) if unchanged else None
    return None


def tasks():
    for line in MBPP.read_text().splitlines():
        task = json.loads(line)
        converted = [call_test(assertion) for assertion in task["test_list"]]
        if all(converted) and not task["test_setup_code"]:
            tests = [test for _, test in converted]
            spec = CodeSpec(tests=tests, entry_point=converted[0][0], time_limit_s=20)
            yield task["task_id"], task["code"], spec


async def test_mbpp_references_pass_and_their_mutants_do_not():
    grader = CodeGrader()
    await grader.start()
    try:
        sample = [task for _, task in zip(range(NUM_TASKS), tasks(), strict=False)]
        codes = [f"```python\n{code}\n```" for _, code, _ in sample]
        right = await asyncio.gather(
            *(grader.grade(code, task[2], 600) for code, task in zip(codes, sample, strict=True))
        )
        assert [
            task[0] for task, graded in zip(sample, right, strict=True) if graded.grade.outcome is not Outcome.CORRECT
        ] == []
        for mutant in (
            "def {}(*a): pass",
            "import sys\nsys.exit(0)",
            "class A:\n    __eq__ = lambda *_: True\ndef {}(*a): return A()",
        ):
            wrong = await asyncio.gather(
                *(grader.grade(mutant.format(spec.entry_point), spec, 600) for _, _, spec in sample)
            )
            assert {graded.grade.reward for graded in wrong} == {0.0}
    finally:
        await grader.close()
