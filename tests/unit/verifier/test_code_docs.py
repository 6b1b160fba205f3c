"""The chapter on `code` in docs/verifiers.md: its examples get the verdicts it says, and nothing is left out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import pytest_asyncio

from code_exploits import battery
from rlvr.core.verdict import Reason
from rlvr.verifier.code.grader import CodeGrader
from rlvr.verifier.code.judging.failure import _REASONS
from rlvr.verifier.code.spec import AssertTest, CallTest, Checker, CodeSpec, ScriptTest, StdioTest
from rlvr.verifier.protocol import InvalidSpec
from sandboxes import grade_with

PAGE = (Path(__file__).resolve().parents[3] / "docs/verifiers.md").read_text()
CHAPTER = PAGE[PAGE.index("\n## code\n") : PAGE.index("\n## puzzle\n")]
EXAMPLES = [
    json.loads(line)
    for block in re.findall(r"^```json\n(.*?)^```$", CHAPTER, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grader():
    grader = CodeGrader()
    await grader.start()
    yield grader
    await grader.close()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["program"][:30])
async def test_every_example_gets_its_verdict(grader, example):
    try:
        grade = await grade_with(grader, f"```python\n{example['program']}\n```", CodeSpec(**example["spec"]))
        found = (grade.outcome, grade.reason)
    except InvalidSpec as invalid:
        found = ("invalid", invalid.reason)
    assert found == (example["outcome"], example["reason"])


def test_every_kind_of_test_has_an_example():
    kinds = {test["type"] for example in EXAMPLES for test in example["spec"].get("tests", ())}
    assert kinds == {"stdio", "call", "assert", "script"}


def test_every_field_and_mode_of_the_spec_is_documented():
    names = {name for kind in (CodeSpec, StdioTest, CallTest, AssertTest, ScriptTest) for name in kind.model_fields}
    modes = CodeSpec.model_json_schema()["properties"]["compare"]["enum"]
    for name in (names - {"language", "tests", "type", "code"}) | set(modes) | set(Checker.model_fields) - {"language"}:
        assert re.search(rf"[`\"*\[]{name}\b", CHAPTER), f"{name} is not in the chapter on code"


def test_every_reason_is_in_the_table():
    table = re.findall(r"^\| (`.*?) \|", CHAPTER, re.MULTILINE)
    ours = {Reason.PASSED, Reason.PARTIALLY_PASSED, Reason.TESTS_FAILED, Reason.NO_ANSWER, Reason.TOO_LARGE}
    ours |= {Reason.NO_TESTS, Reason.BAD_SPEC, Reason.SANDBOX_UNAVAILABLE, Reason.QUEUE_TIMEOUT, *_REASONS.values()}
    assert ours <= set(re.findall(r"`(\w+)`", " ".join(table)))


def test_the_size_of_the_battery_is_what_the_page_says():
    [size] = re.findall(r"\((\d+) wrong programs", CHAPTER)
    assert int(size) == len(battery("f", "", ""))
