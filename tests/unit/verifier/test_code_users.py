"""Rooms of one host never give their candidates the same user."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from rlvr.verifier.code.runner import End, Job, Limits, RunnerUnavailable, Stdio
from rlvr.verifier.code.runners import users
from rlvr.verifier.code.runners.jail import JailRunner
from rlvr.verifier.code.runners.landlock import LandlockRunner
from rlvr.verifier.code.runners.users import Users
from rlvr.verifier.code.settings import CodeSettings
from sandboxes import SYSTEM_PYTHON

_HOLD = """
from rlvr.verifier.code.runners.users import Users
users = Users()
print(users.of(0), users.of(1), flush=True)
input()
"""


def test_each_slot_of_each_room_has_its_own_user_until_the_room_ends() -> None:
    ours = Users()
    own = [ours.of(0), ours.of(1)]
    assert [ours.of(0), ours.of(1)] == own
    with subprocess.Popen([sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        theirs = [int(word) for word in other.stdout.readline().split()]
        assert len({*own, *theirs}) == 4
        ours.release()
        other.kill()
        other.wait(60)
    again = Users()
    first = [again.of(slot) for slot in range(4)]
    again.release()
    assert len(set(first)) == 4


def test_a_room_without_a_free_user_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_NUM_UIDS", 1)
    monkeypatch.setattr(users, "FIRST_UID", 61_250)
    ours = Users()
    ours.of(0)
    with pytest.raises(RunnerUnavailable, match="hold all 1 users"):
        ours.of(1)
    ours.release()


@pytest.mark.parametrize("kind", [JailRunner, LandlockRunner])
async def test_two_rooms_run_side_by_side_as_different_users(kind: type[JailRunner] | type[LandlockRunner]) -> None:
    rooms = [kind(CodeSettings(concurrency=1, python=SYSTEM_PYTHON)) for _ in range(2)]
    owners = []
    try:
        for room in rooms:
            await room.start()
            owners.append(room._owner(0))
        both = await asyncio.gather(*(_runs(room) for room in rooms))
    finally:
        for room in rooms:
            await room.close()
    assert both == [End.EXITED, End.EXITED]
    if None in owners:
        pytest.skip("candidates have to be this user: no privilege to change it")
    assert len(set(owners)) == 2


async def _runs(room: JailRunner | LandlockRunner) -> End:
    async with room.slot(60) as slot:
        return (await room.run(Job("print(1)", Stdio(b"")), Limits(20, 512, 1024), slot)).end
