"""Public code data sets as specs of the code verifier, and a battery of wrong programs for each of their tasks."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rlvr.verifier.code.spec import CodeSpec

DATA = Path(__file__).resolve().parents[2] / "shared/data"
TIME_LIMIT_S = 20


@dataclass(frozen=True)
class Task:
    name: str
    solution: str
    spec: CodeSpec
    visible: str
    """A program that answers only the first test's call, as one would that has its arguments and answer by heart."""


def humaneval() -> Iterator[Task]:
    """Each task is one script; what the prompt defines beside the entry point belongs to the script as well."""
    for row in _rows("humaneval_dev.jsonl"):
        entry = row["entry_point"]
        given = [node for node in ast.parse(row["prompt"]).body if getattr(node, "name", None) != entry]
        script = "\n".join([*map(ast.unparse, given), row["test"]])
        spec = CodeSpec(tests=[{"type": "script", "code": script}], entry_point=entry, time_limit_s=TIME_LIMIT_S)
        yield Task(row["task_id"], row["prompt"] + row["canonical_solution"], spec, _by_heart(entry, row["test"]))


def mbpp() -> Iterator[Task]:
    """Each assertion is a test."""
    for row in _rows("mbpp_dev.jsonl"):
        codes = [*row["test_list"], *row["challenge_test_list"]]
        entry = _first_call(codes[0]).func.id
        tests = [{"type": "assert", "code": code, "setup": row["test_setup_code"]} for code in codes]
        spec = CodeSpec(tests=tests, entry_point=entry, time_limit_s=TIME_LIMIT_S)
        yield Task(f"MBPP/{row['task_id']}", row["code"], spec, _by_heart(entry, codes[0]))


def _rows(name: str) -> Iterator[dict]:
    for line in (DATA / name).read_text().splitlines():
        yield json.loads(line)


def _first_call(code: str) -> ast.Call:
    return next(
        node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )


def _by_heart(entry: str, test: str) -> str:
    for node in ast.walk(ast.parse(test)):
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Call) and isinstance(node.ops[0], ast.Eq):
            args, answer = map(ast.unparse, (ast.Tuple(node.left.args, ast.Load()), node.comparators[0]))
            return f"def {entry}(*args):\n    if args == {args}:\n        return {answer}\n"
    return f"def {entry}(*args): pass"
