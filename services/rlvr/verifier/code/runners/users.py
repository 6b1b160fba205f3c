"""User ids for candidates: each belongs to one slot of one room of this host, for as long as that room lives."""

from __future__ import annotations

import socket
from pathlib import Path

from rlvr.verifier.code.runner import RunnerUnavailable

FIRST_UID = 60_600
FIRST_ZYGOTE_UID = 61_300
"""The zygote of candidates with user `FIRST_UID + n` is user `FIRST_ZYGOTE_UID + n`."""
_NUM_UIDS = FIRST_ZYGOTE_UID - FIRST_UID
_SETUID_AND_SETGID = 1 << 7 | 1 << 6  # linux/capability.h


class Users:
    """The users of one room's slots, so that neither limits nor signals of runs at the same time meet.

    An id is held by a socket of its name, in Linux's abstract namespace: the kernel gives it to one room, and takes it
    back when that room ends, however it does. Rooms that share processes but not a network do not see each other's.
    """

    def __init__(self) -> None:
        self._held: dict[int, tuple[int, socket.socket]] = {}

    def of(self, slot: int) -> int:
        """User of the slot's candidates, the same until `release`.

        Raises:
            RunnerUnavailable: other rooms of this host have them all.
        """
        if slot not in self._held:
            self._held[slot] = _claim(slot)
        return self._held[slot][0]

    def release(self) -> None:
        """Give all of them back."""
        while self._held:
            self._held.popitem()[1][1].close()


def zygote_of(uid: int) -> int:
    """User of the zygote whose candidates are user `uid`."""
    return uid - FIRST_UID + FIRST_ZYGOTE_UID


def may_change_user() -> bool:
    """Whether this process may become any user, which root in a container may not always."""
    status = Path("/proc/self/status").read_text().split("CapEff:")[1]
    return int(status.split()[0], 16) & _SETUID_AND_SETGID == _SETUID_AND_SETGID


def _claim(slot: int) -> tuple[int, socket.socket]:
    for offset in range(_NUM_UIDS):
        uid = FIRST_UID + (slot + offset) % _NUM_UIDS
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0rlvr-candidate-{uid}")
        except OSError:
            claim.close()
        else:
            return uid, claim
    raise RunnerUnavailable(f"other rooms of this host hold all {_NUM_UIDS} users for candidates")
