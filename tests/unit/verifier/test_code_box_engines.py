"""Boxes not built yet, left by a killed room, of an engine that is gone or does not answer; languages in boxes."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys

import pytest

from engines import engine, start_engine
from rlvr.core.verdict import Outcome
from rlvr.verifier.code.runner import End, Job, Limits, RunnerUnavailable, Stdio
from rlvr.verifier.code.runners.docker import DockerRunner
from rlvr.verifier.code.runners.engine import NotThere
from rlvr.verifier.code.runners.rooms import is_gone, this_room
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.spec import CodeSpec
from rlvr.verifier.code.tiers import start_runner
from sandboxes import BOXES, grade_with, leftovers, needs_of, new_leftovers, started

WAIT_S = 100
LIMITS = Limits(20, 512, 2**20)
LOOPS = "while True: pass"
FIVE = CodeSpec(tests=[{"type": "stdio", "stdout": "5"}], time_limit_s=20)


async def until(condition):
    """The first true value of `condition()`."""
    async with asyncio.timeout(WAIT_S):
        while not (value := condition()):
            await asyncio.sleep(0.01)
        return value


@pytest.mark.parametrize("tier", BOXES)
async def test_a_box_that_has_to_be_built_first_costs_the_program_nothing(tier, monkeypatch):
    async with started(tier, concurrency=2, warm_boxes=0) as grader:
        make, limit_s = grader.runner._box, 4

        def slow_box():
            box = make()
            start = box.start

            async def start_late():
                await asyncio.sleep(limit_s + 1)
                await start()

            box.start = start_late
            return box

        monkeypatch.setattr(grader.runner._pool, "_make", slow_box)
        spec = FIVE.model_copy(update={"time_limit_s": limit_s})
        grades = await asyncio.gather(*(grade_with(grader, "print(5)", spec) for _ in range(2)))
        assert [grade.outcome for grade in grades] == [Outcome.CORRECT] * 2


@pytest.mark.parametrize("tier", BOXES)
async def test_other_languages_run_where_their_tools_are_in_the_box(tier):
    async with started(tier, concurrency=1, languages=("bash",)) as grader:
        assert "bash" in grader.describe()["languages"]
        spec = CodeSpec(language="bash", tests=[{"type": "stdio", "stdin": "2 3", "stdout": "5"}], time_limit_s=20)
        assert (await grade_with(grader, "read a b; echo $((a + b))", spec)).outcome is Outcome.CORRECT
        assert (await grade_with(grader, "read a b; echo $((a - b))", spec)).outcome is Outcome.INCORRECT


ROOM = """
import asyncio, json, sys
from rlvr.verifier.code.runner import Job, Limits, Stdio
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.tiers import start_runner

async def main():
    runner = await start_runner(CodeSettings(tier=sys.argv[1], concurrency=1, **json.loads(sys.argv[2])))
    program = "import os\\nfor _ in range(3): os.fork()\\nwhile True: pass"
    run = asyncio.create_task(runner.run(Job(program, Stdio(b"")), Limits(50, 512, 1000), 0))
    while not any(box.run.started.done() for box in runner._running):
        await asyncio.sleep(0.01)
    print("running", flush=True)
    await run

asyncio.run(main())
"""


@pytest.mark.parametrize("tier", BOXES)
async def test_what_a_killed_room_leaves_ends_by_itself_and_is_swept_at_the_next_start(tier):
    needs = needs_of(tier)
    before = leftovers()
    room = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ROOM, tier, json.dumps(needs)), stdout=subprocess.PIPE
    )
    async with asyncio.timeout(WAIT_S):
        try:
            while b"running" not in (line := await room.stdout.readline()):
                assert line, "the room did not start"
        finally:
            room.kill()
            await room.wait()
    await until(lambda: "processes" not in new_leftovers(before))
    runner = await start_runner(CodeSettings(tier=tier, concurrency=1, **needs))
    await runner.close()
    await until(lambda: not new_leftovers(before))


def test_a_room_is_known_by_more_than_its_process_id():
    here = this_room()
    namespace, pid, start = here.split("/")
    assert not is_gone(here)
    assert is_gone(f"{namespace}/{pid}/{int(start) - 1}") and is_gone(f"{namespace}/{2**22 + 1}/{start}")
    assert not is_gone(f"another-host/{pid}/1") and not is_gone("")


@contextlib.asynccontextmanager
async def docker_runner(**settings):
    runner = DockerRunner(CodeSettings(concurrency=1, docker=engine().settings | settings))
    await runner.start()
    try:
        yield runner
    finally:
        await runner.close()


async def test_an_engine_that_goes_away_is_our_error_and_one_that_is_back_serves(tmp_path):
    engine()
    first = start_engine(tmp_path / "engine.sock")
    num_before = len(engine().containers())
    try:
        async with docker_runner(host=first.url) as runner:
            run = asyncio.create_task(runner.run(Job(LOOPS, Stdio(b"")), Limits(60, 512, 1000), 0))
            await until(lambda: any(box.run.started.done() for box in runner._running))
            await runner._pool.settled()  # Podman forgets a container that it is killed in the midst of making
            first.stop()
            with pytest.raises(RunnerUnavailable):
                await run
            with pytest.raises(RunnerUnavailable):
                for _ in range(2):  # the first may get a box that was ready
                    await runner.run(Job("print(5)", Stdio(b"")), LIMITS, 0)
            first = start_engine(tmp_path / "engine.sock")
            assert (await runner.run(Job("print(5)", Stdio(b"")), LIMITS, 0)).output == b"5\n"
    finally:
        first.stop()
    await until(lambda: len(engine().containers()) <= num_before)


async def test_a_removal_that_the_engine_refuses_is_asked_for_again(monkeypatch):
    async with docker_runner() as runner:
        await runner._pool.settled()
        call, asked = runner._engine.call, []

        async def refusing(method, *args, **options):
            if method == "remove_container":
                asked.append(args[0])
                if len(asked) <= 2:
                    raise RunnerUnavailable("container state improper: stopped")
            return await call(method, *args, **options)

        monkeypatch.setattr(runner._engine, "call", refusing)
        await runner.run(Job("print(5)", Stdio(b"")), LIMITS, 0)
        await runner._pool.settled()
        assert asked == [asked[0]] * 3
        with pytest.raises(NotThere):
            await call("inspect_container", asked[0])


async def test_a_container_out_of_memory_is_told_from_one_that_was_killed():
    async with docker_runner(memory_mb=256) as runner:
        source = "x = bytearray(400 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1"
        result = await runner.run(Job(source, Stdio(b"")), Limits(20, 1000, 1000), 0)
        assert result.end is End.MEMORY_LIMIT, result


async def test_a_missing_image_says_how_to_get_it():
    settings = engine().settings
    for image, command in (
        ("rlvr-sandbox", "docker build -t rlvr-sandbox -f deploy/docker/sandbox.Dockerfile deploy/docker"),
        ("example.org/mine:1", "docker pull example.org/mine:1"),
    ):
        with pytest.raises(RuntimeError, match=f"has no image '{image}': {command}"):
            await start_runner(CodeSettings(tier="docker", docker=settings | {"image": image}))


async def test_engines_that_are_not_there_or_do_not_answer_are_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr("rlvr.verifier.code.runners.engine._TIMEOUT_S", 1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen()
        for name in ("silent", "none"):
            with pytest.raises(RuntimeError, match="docker: no container engine answers"):
                await start_runner(CodeSettings(tier="docker", docker={"host": f"unix://{tmp_path}/{name}.sock"}))


async def test_a_runtime_that_the_engine_does_not_use_is_not_claimed():
    needs_of("docker")
    with pytest.raises(RuntimeError, match="runtime 'runsc'"):
        await start_runner(CodeSettings(tier="docker", docker=engine().settings | {"runtime": "runsc"}))


async def test_a_missing_runsc_is_told_of():
    with pytest.raises(RuntimeError, match="no program '/no/runsc'"):
        await start_runner(CodeSettings(tier="gvisor", gvisor={"runsc": "/no/runsc"}))
