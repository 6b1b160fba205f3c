"""Programs in other languages than Python, through real tool chains. C28 is a row of the list of hostile inputs."""

import asyncio
import itertools
import json
import random
from dataclasses import replace

import pytest
import pytest_asyncio
from pydantic import ValidationError

from code_programs import BOMBS, FILES, PROGRAMS
from rlvr.core.verdict import Outcome, Reason
from rlvr.verifier.code.grader import CodeGrader
from rlvr.verifier.code.languages.known import LANGUAGES, Name
from rlvr.verifier.code.languages.language import External
from rlvr.verifier.code.made import NotMade, read_made
from rlvr.verifier.code.programs import Programs, find_toolchains
from rlvr.verifier.code.runner import Compile, Exec, Job, Limits, RunnerUnavailable, Stdio
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.spec import CodeSpec
from rlvr.verifier.protocol import InvalidSpec
from sandboxes import WAIT_S, grade_with, settled, started

pytestmark = pytest.mark.asyncio(loop_scope="module")
EXTERNAL = [name for name, language in LANGUAGES.items() if isinstance(language, External)]
COMPILED = [name for name in EXTERNAL if LANGUAGES[name].compile]
COMPILATION = {"memory_mb": 512, "artefact_mb": 16, "scratch_mb": 32}
BRIEF_COMPILATION = COMPILATION | {"time_s": 6}
"""For compilations that go on until their time is over; a right program may take a slow host as long."""


class Counted:
    """Notes the actions of the jobs that a runner is given."""

    def __init__(self, runner):
        self._run = runner.run
        self.actions = []
        runner.run = self.run

    async def run(self, job, limits, slot):
        self.actions.append(type(job.action))
        return await self._run(job, limits, slot)

    def taken(self):
        actions, self.actions = self.actions, []
        return actions


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def jail():
    async with started("jail", concurrency=2, languages=None, output_limit_bytes=2**20, compile=COMPILATION) as grader:
        runner = grader.runner
        async with runner.slot(WAIT_S) as one, runner.slot(WAIT_S) as other:
            for slot in (
                one,
                other,
            ):  # what a slot needs is made when it is first used, which `other_tier` would notice
                await runner.run(Job("", Stdio(b"")), Limits(20, 512, 1024), slot)
        yield grader


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def brief_jail(jail):
    await settled(jail)
    languages = ("c", "cpp")
    async with started("jail", concurrency=2, languages=languages, compile=BRIEF_COMPILATION) as grader:
        yield grader


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["unprivileged_jail", "landlock"])
async def other_tier(request, jail):
    languages = ("c", "javascript")
    await settled(jail)
    async with started(request.param, concurrency=1, languages=languages, output_limit_bytes=2**20) as grader:
        yield grader


@pytest_asyncio.fixture(loop_scope="module")
async def runs(jail):
    await grade(jail, "c", PROGRAMS["c"]["right"])  # the first program in a language comes after a trial one
    counted = Counted(jail.runner)
    yield counted
    del jail.runner.run


def spec(language, stdin="2 3", stdout="5", **options):
    tests = [{"type": "stdio", "stdin": stdin, "stdout": stdout}]
    return CodeSpec(**({"language": language, "tests": tests, "time_limit_s": 20} | options))


async def grade(grader, language, source, *args, **options):
    if language not in grader.describe()["languages"]:
        pytest.skip(f"this host, or this tier of it, has no {language}")
    return await grade_with(grader, source, spec(language, *args, **options))


async def check(grader, language, what):
    """Grade the program that does `what`, and look at the verdict."""
    if what == "does not compile" and language not in COMPILED:
        pytest.skip(f"{language} is not compiled")
    source = PROGRAMS[language][what]
    if what in ("connects", "writes outside"):
        found = await grade(grader, language, source, stdout="refused")
    elif what == "counts input":
        found = await grade(grader, language, source, "0123456789\n" * 400_000, "4400000")
    elif what == "uses files":
        found = await grade(grader, language, source, stdout="45", files={**FILES[language], "data.txt": "3\n"})
    elif what in ("right", "wrong"):
        found = await grade(grader, language, source)
    else:
        # Only what may go on for ever is stopped for time: to start some languages takes a slow host a second.
        time_limit_s = 1 if Reason.TIME_LIMIT in REASONS[what] else 20
        found = await grade(grader, language, source, time_limit_s=time_limit_s, memory_limit_mb=128)
    assert found.reason in REASONS[what], found
    await settled(grader)


REASONS = {
    "right": {Reason.PASSED},
    "wrong": {Reason.TESTS_FAILED},
    "does not compile": {Reason.COMPILE_ERROR},
    "fails": {Reason.RUNTIME_ERROR},
    "loops": {Reason.TIME_LIMIT},
    "takes memory": {Reason.MEMORY_LIMIT, Reason.RUNTIME_ERROR},
    "forks": {Reason.RUNTIME_ERROR, Reason.TIME_LIMIT, Reason.MEMORY_LIMIT},
    "floods": {Reason.OUTPUT_LIMIT},
    "connects": {Reason.PASSED},
    "writes outside": {Reason.PASSED},
    "counts input": {Reason.PASSED},
    "uses files": {Reason.PASSED},
}


@pytest.mark.parametrize(("language", "what"), list(itertools.product(EXTERNAL, REASONS)))
async def test_each_language_is_judged_and_held_as_python_is(jail, language, what):
    await check(jail, language, what)


@pytest.mark.parametrize(("language", "what"), list(itertools.product(["c", "javascript"], REASONS)))
async def test_the_other_tiers_hold_them_too(other_tier, language, what):
    await check(other_tier, language, what)


async def test_every_language_can_be_named_and_has_its_own_tags():
    assert set(Name.__args__) == set(LANGUAGES)
    tags = [tag for language in LANGUAGES.values() for tag in language.tags]
    assert len(tags) == len(set(tags)) and all(name in LANGUAGES[name].tags for name in LANGUAGES)


async def test_the_versions_of_the_tool_chains_are_told(jail):
    languages = jail.describe()["languages"]
    assert "python" in languages and set(languages) <= set(LANGUAGES)
    assert all("." in version for version in languages.values())


@pytest.mark.parametrize("language", COMPILED)
async def test_a_compile_error_is_told_in_the_compilers_words(jail, language):
    found = await grade(jail, language, PROGRAMS[language]["does not compile"])
    assert (found.outcome, found.breakdown) == (Outcome.INCORRECT, {"test_0": 0.0})
    assert "undeclared" in found.detail and "main." in found.detail.lower() and len(found.detail) < 1000


@pytest.mark.parametrize("bomb", BOMBS)
async def test_c28_a_compilation_sees_nothing_and_ends(brief_jail, bomb):
    found = await grade(brief_jail, "cpp", BOMBS[bomb])
    # Standard input is empty, and so includes nothing.
    reasons = {Reason.COMPILE_ERROR, Reason.TESTS_FAILED} if bomb == "bomb: standard input" else {Reason.COMPILE_ERROR}
    assert found.outcome is Outcome.INCORRECT and found.reason in reasons, found
    assert "root:" not in found.detail
    await settled(brief_jail)


async def test_c28_ending_before_main_passes_nothing(jail):
    source = "#include <unistd.h>\n__attribute__((constructor)) void f(void) { _exit(0); }\nint main(void) {}"
    assert (await grade(jail, "c", source)).reason is Reason.TESTS_FAILED


async def test_a_compilation_leaves_nothing_but_the_program(jail):
    there = '#include <stdio.h>\nint main(void) { puts(fopen("main.c", "r") ? "there" : "gone"); }'
    assert (await grade(jail, "c", there, stdout="gone")).outcome is Outcome.CORRECT


async def test_all_that_a_program_prints_before_it_exits_arrives(jail):
    found = await grade(jail, "javascript", "console.log('x'.repeat(1e6)); process.exit(0)", stdout="x" * 10**6)
    assert found.outcome is Outcome.CORRECT


async def test_equal_sources_are_compiled_once(jail, runs):
    source = PROGRAMS["c"]["right"] + "// once"
    tests = [{"type": "stdio", "stdin": f"{n} {n}", "stdout": str(2 * n)} for n in range(3)]
    for _ in range(2):
        found = await grade(jail, "c", source, tests=tests)
        assert found.breakdown == {"test_0": 1.0, "test_1": 1.0, "test_2": 1.0}
    assert runs.taken() == [Compile] + [Exec] * 6
    await grade(jail, "c", source, tests=tests[:1], files={"a.h": ""})
    assert runs.taken() == [Compile, Exec]


async def test_a_compile_error_is_kept_too(jail, runs):
    for _ in range(2):
        assert (await grade(jail, "c", "int main(void) { oh no }")).reason is Reason.COMPILE_ERROR
    assert runs.taken() == [Compile]


async def test_concurrent_equal_sources_are_compiled_once_and_one_that_leaves_harms_no_other(jail, runs):
    source = PROGRAMS["c"]["right"] + "// together"
    found = await asyncio.gather(*(grade(jail, "c", source) for _ in range(4)))
    assert {each.outcome for each in found} == {Outcome.CORRECT}
    assert runs.taken().count(Compile) == 1
    source += "// and again"
    leaving, staying = (asyncio.create_task(grade(jail, "c", source)) for _ in range(2))
    async with asyncio.timeout(WAIT_S):
        while Compile not in runs.actions:
            await asyncio.sleep(0.001)
    leaving.cancel()
    assert (await staying).outcome is Outcome.CORRECT
    await asyncio.gather(leaving, return_exceptions=True)
    assert leaving.cancelled()


async def test_a_failure_of_ours_is_tried_again_and_not_kept(jail, runs):
    source = PROGRAMS["c"]["right"] + "// fails twice"
    attempts = []

    async def fail(job, limits, slot):
        attempts.append(job)
        raise RunnerUnavailable("a part is broken")

    jail.runner.run, run = fail, jail.runner.run
    found = await grade(jail, "c", source)
    jail.runner.run = run
    assert (found.outcome, found.reason) == (Outcome.ERROR, Reason.SANDBOX_UNAVAILABLE) and len(attempts) == 2
    assert (await grade(jail, "c", source)).outcome is Outcome.CORRECT


async def test_a_compile_bomb_takes_no_time_from_an_honest_program(brief_jail):
    bomb = asyncio.create_task(grade(brief_jail, "cpp", BOMBS["bomb: templates"] + "// beside"))
    honest = await grade(brief_jail, "c", PROGRAMS["c"]["right"] + "// beside", time_limit_s=4)
    assert honest.outcome is Outcome.CORRECT
    assert (await bomb).reason is Reason.COMPILE_ERROR


@pytest.mark.parametrize("language", ["c", "javascript"])
async def test_a_checker_may_be_in_any_language(jail, language):
    checkers = {
        "c": '#include <stdio.h>\nint main(int n, char** a) { int x = 0; fscanf(fopen(a[2], "r"), "%d", &x);\n'
        "return x % 2; }",
        "javascript": "process.exit(Number(require('fs').readFileSync(process.argv[3], 'utf8')) % 2)",
    }
    options = {"language": "python", "checker": {"language": language, "code": checkers[language]}}
    if language not in jail.describe()["languages"]:
        pytest.skip(f"this host has no {language}")
    assert (await grade_with(jail, "print(8)", spec(**options))).outcome is Outcome.CORRECT
    assert (await grade_with(jail, "print(7)", spec(**options))).reason is Reason.TESTS_FAILED


async def test_a_checker_that_does_not_compile_is_the_specs_fault(jail):
    if "c" not in jail.describe()["languages"]:
        pytest.skip("this host has no c")
    options = {"language": "python", "checker": {"language": "c", "code": "int main( {"}}
    with pytest.raises(InvalidSpec, match="the checker does not compile"):
        await grade_with(jail, "print(8)", spec(**options))


async def test_a_language_that_the_host_lacks_is_never_a_wrong_answer(jail):
    grader = CodeGrader(CodeSettings(languages=("bash",)), jail.runner)
    await grader.start()
    found = await grade_with(grader, PROGRAMS["go"]["right"], spec("go"))
    assert (found.outcome, found.reason) == (Outcome.ERROR, Reason.SANDBOX_UNAVAILABLE)
    assert "go" in found.detail and "python" in found.detail


async def test_a_tool_chain_that_lacks_a_part_makes_no_program_wrong(jail):
    found = find_toolchains(CodeSettings())["c"]
    if isinstance(found, str):
        pytest.skip(f"this host has no c: {found}")
    without_headers = replace(found.language, compile=(f"{found.language.compile[0]} -nostdinc",))
    broken = Programs(jail.runner, CodeSettings(), {"c": replace(found, language=without_headers)})
    await broken.start()
    async with jail.runner.slot(WAIT_S) as slot:
        for _ in range(2):
            with pytest.raises(RunnerUnavailable, match="a trial program does not compile"):
                await broken.prepare("c", PROGRAMS["c"]["right"], {}, slot)
    assert list(broken.describe()) == ["python"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"tests": [{"type": "call", "args": [1], "expected": 1}]}, r"tests\[0\].type: must be stdio"),
        ({"tests": [{"type": "assert", "code": "assert f(1) == 1"}]}, r"tests\[0\].type"),
        ({"tests": [], "inputs": [[1]], "outputs": [1]}, r"inputs\[0\]: must be text"),
        ({"files": {"main.go": "package main"}}, "main.go"),
        ({"language": "cobol"}, "language"),
    ],
)
async def test_a_spec_that_does_not_suit_its_language_is_refused_by_field(options, field):
    with pytest.raises(ValidationError, match=field):
        spec(**({"language": "go"} | options))


def answer(files=(), diagnostics=b"", head=None):
    sizes = [[name, len(data)] for name, data in files]
    head = {"status": 0, "diagnostics": len(diagnostics), "files": sizes} | (head or {})
    return json.dumps(head).encode() + b"\n" + diagnostics + b"".join(data for _, data in files)


async def test_what_a_compilation_made_is_read():
    made = read_made(answer([("A$1.class", b"12"), ("p/B.class", b"\n")], b"a\nb"))
    assert (made.status, made.diagnostics) == (0, b"a\nb")
    assert made.files == {".made/A$1.class": b"12", ".made/p/B.class": b"\n"}


BAD_HEADS = [
    {"status": -1}, {"status": True}, {"status": 2**20}, {"diagnostics": 2**40}, {"diagnostics": -1}, {"files": {}},
    {"files": [["a", 1]] * 5000}, {"files": [["a", -1]]}, {"files": [["a", 1]]}, {"files": [["a"]]}, {"more": 1},
]  # fmt: skip
BAD_NAMES = ["../a", "/a", "a/../b", ".a", "", "a\0", "a//b", "-a"]
BAD_ANSWERS = [b"", b"{}", b"{}\n", b"[]\n", b"null\n", b"[" * 100_000 + b"\n", answer() + b"x"]
BAD_ANSWERS += [answer(head=head) for head in BAD_HEADS]
BAD_ANSWERS += [answer([(name, b"x")]) for name in BAD_NAMES] + [answer([("a", b"x"), ("a", b"y")])]


@pytest.mark.parametrize("bad", BAD_ANSWERS)
async def test_what_a_compilation_did_not_make_is_not_read(bad):
    with pytest.raises(NotMade):
        read_made(bad)


async def test_no_bytes_from_a_compilation_are_more_than_not_read():
    draw = random.Random(0)
    whole = answer([("a", b"xyz"), ("b/c", b"")], b"no")
    for _ in range(3000):
        torn = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            torn[draw.randrange(len(torn))] = draw.randrange(256)
        try:
            made = read_made(bytes(torn))
        except NotMade:
            continue
        assert all(path.startswith(".made/") and ".." not in path for path in made.files)
