"""The spec of the `code` verifier."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from rlvr.verifier.code.judging.output import CompareMode
from rlvr.verifier.code.judging.values import ABS_TOL, REL_TOL, Tolerance
from rlvr.verifier.code.languages.known import LANGUAGES, Name
from rlvr.verifier.code.languages.language import External
from rlvr.verifier.protocol import Spec

MAX_TESTS = 1_000
MAX_FILES = 64
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}){0,7}")
_PRINTED_REL_TOL = 1e-6


class StdioTest(Spec):
    """The program is run with `stdin`; its standard output must be `stdout`, or please the checker."""

    type: Literal["stdio"]
    stdin: str = ""
    stdout: str = ""
    """Compared as `compare` says."""


class CallTest(Spec):
    """`entry_point(*args)` must return `expected`, both as JSON values (see `judging.values.same_value`)."""

    model_config = ConfigDict(strict=True)

    type: Literal["call"]
    args: list[Any] = Field(default_factory=list)
    expected: Any

    @field_validator("args", "expected")
    @classmethod
    def _json_value(cls, value: Any) -> Any:
        problem = _not_json(value)
        if problem:
            raise ValueError(f"must be a JSON value: {problem}")
        return value


class AssertTest(Spec):
    """Python assertions on what the program's functions return. The program sees the arguments and no more."""

    type: Literal["assert"]
    code: str
    setup: str = ""
    """Code that makes arguments, e.g. of the program's own classes. It is run in the program's process and so is seen
    by it: it must not hold what is expected."""


class ScriptTest(Spec):
    """Test code that never shares a process with the program. If it defines `check(candidate)`, that is called with the
    entry point; helpers that it needs must be in it. What cannot be judged as assertions are is run in a process of its
    own, where the program's functions are called through the room with plain values."""

    type: Literal["script"]
    code: str
    in_place: bool = False
    """Whether the test sees what a call makes of lists, dicts and sets that it is given. Only for tasks that ask for
    that: else a program that empties its argument would pass `assert candidate(x) == sorted(x)`."""


CodeTest = Annotated[StdioTest | CallTest | AssertTest | ScriptTest, Field(discriminator="type")]


class Checker(Spec):
    """A program that decides whether an output is right, for problems with several right ones.

    It is run as `checker input.txt output.txt answer.txt`: the test's `stdin`, what the program printed (also on the
    checker's standard input) and the test's `stdout`. Exit code 0 accepts, 1 and 2 reject, as in testlib. A checker
    that does anything else on an output is tried on the expected one: if it fails there too, the spec is `invalid`.
    """

    language: Name = "python"
    code: str = Field(min_length=1)
    time_limit_s: float = Field(default=10.0, gt=0, le=60)


class CodeSpec(Spec):
    """How to check a program."""

    language: Name = "python"
    """One that the host has (see `ListVerifiers`). Other languages than Python take stdio tests only."""
    tests: list[CodeTest] = Field(default_factory=list, max_length=MAX_TESTS)
    """Run in order, each in a fresh process. No tests at all is a spec that cannot be graded."""
    inputs: list[str | list[Any]] | None = Field(default=None, max_length=MAX_TESTS)
    """Short for `tests`, with `outputs`: text for stdio tests, lists of arguments for call tests."""
    outputs: list[Any] | None = Field(default=None, max_length=MAX_TESTS)
    """As many as `inputs`: standard outputs, or returned values."""
    scoring: Literal["all", "fraction"] = "all"
    """`all`: 1 if every test passes, stopping at the first failure; `fraction`: passed / number of tests."""
    runs: int = Field(default=1, ge=1, le=5)
    """How often each test is run, all of which must pass. A test that is passed first and then not is counted as
    `unsteady` in the breakdown: the program's answers differ from run to run."""
    compare: CompareMode = "lines"
    """How standard outputs are compared (see `judging.output.same_output`)."""
    rel_tol: float | None = Field(default=None, ge=0, le=1)
    """Relative tolerance of expected floats; None: 1e-9 where returned, 1e-6 where printed with `compare` float."""
    abs_tol: float = Field(default=ABS_TOL, ge=0, allow_inf_nan=False)
    """Absolute tolerance of expected floats."""
    checker: Checker | None = None
    """Judges standard outputs instead of `compare`."""
    time_limit_s: float = Field(default=5.0, gt=0, le=60)
    """Wall time of one test, by the parent's clock, from the moment the candidate's code may run."""
    memory_limit_mb: int = Field(default=512, ge=64, le=4096)
    """Address space of one process of the candidate."""
    entry_point: str | None = Field(
        default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,199}(\.[A-Za-z_][A-Za-z0-9_]{0,199})?$"
    )
    """What tests call: `f`, or `Class.f` for a method of a fresh instance. None: the program's only public function, or
    the only public method of its class `Solution`."""
    blocks: Literal["last", "all"] = "last"
    """Which code blocks of the completion are the program: the last, or all of them one after the other."""
    preamble: str = ""
    """Code put before the program, e.g. the imports that its prompt began with."""
    files: dict[str, str] = Field(default_factory=dict, max_length=MAX_FILES)
    """Relative path -> text: files in the program's working folder, e.g. modules that it imports."""

    @field_validator("files")
    @classmethod
    def _inside_the_working_folder(cls, files: dict[str, str]) -> dict[str, str]:
        for name in files:
            if not _FILE_NAME.fullmatch(name):
                raise ValueError(f"{name[:100]!r}: must be a relative path of plain names, such as data/a.txt")
        folders = {name.rpartition("/")[0] for name in files}
        if clash := folders & files.keys():
            raise ValueError(f"{min(clash)!r}: cannot be a file and a folder")
        return files

    @model_validator(mode="after")
    def _outputs_are_judged(self) -> CodeSpec:
        for index, test in enumerate(self.tests):
            if isinstance(test, StdioTest) and "stdout" not in test.model_fields_set and self.checker is None:
                raise ValueError(f"tests[{index}].stdout: must be given where there is no checker")
        return self

    @model_validator(mode="after")
    def _tests_suit_the_language(self) -> CodeSpec:
        language = LANGUAGES[self.language]
        if not isinstance(language, External):
            return self
        for index, test in enumerate(self.tests):
            if not isinstance(test, StdioTest):
                raise ValueError(f"tests[{index}].type: must be stdio, since {test.type} tests are for python only")
        for index, given in enumerate(self.inputs or ()):
            if not isinstance(given, str):
                raise ValueError(f"inputs[{index}]: must be text, since call tests are for python only")
        if (name := language.source_file("")) in self.files:
            raise ValueError(f"files: {name!r} is the name of the program's own file")
        return self

    @model_validator(mode="after")
    def _inputs_pair_with_outputs(self) -> CodeSpec:
        num_inputs, num_outputs = len(self.inputs or ()), len(self.outputs or ())
        if num_inputs != num_outputs:
            raise ValueError(f"inputs: there are {num_inputs} of them, and {num_outputs} outputs")
        self.all_tests()
        return self

    def all_tests(self) -> list[StdioTest | CallTest | AssertTest | ScriptTest]:
        """`tests`, and those that `inputs` and `outputs` stand for."""
        paired = zip(self.inputs or (), self.outputs or (), strict=True)
        return [*self.tests, *(_paired_test(given, expected) for given, expected in paired)]

    @property
    def returned_tolerance(self) -> Tolerance:
        """For floats that a call returns."""
        return Tolerance(REL_TOL if self.rel_tol is None else self.rel_tol, self.abs_tol)

    @property
    def printed_tolerance(self) -> Tolerance:
        """For floats on standard output."""
        return Tolerance(_PRINTED_REL_TOL if self.rel_tol is None else self.rel_tol, self.abs_tol)


def _paired_test(given: str | list[Any], expected: Any) -> StdioTest | CallTest:
    if isinstance(given, list):
        return CallTest(type="call", args=given, expected=expected)
    if not isinstance(expected, str):
        raise ValueError("outputs: must be text where the input is text")
    return StdioTest(type="stdio", stdin=given, stdout=expected)


def _not_json(value: Any) -> str | None:
    """What in `value` JSON cannot carry, or None."""
    pending = [value]
    while pending:
        item = pending.pop()
        if type(item) is list:
            pending.extend(item)
        elif type(item) is dict:
            bad = next((key for key in item if type(key) is not str), None)
            if bad is not None:
                return f"object key {bad!r} is not a string"
            pending.extend(item.values())
        elif type(item) is float:
            if not math.isfinite(item):
                return f"{item} is not a JSON number"
        elif item is not None and type(item) not in (bool, int, str):
            return f"type {type(item).__name__}"
    return None
