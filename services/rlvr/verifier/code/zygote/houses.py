"""How a run is held together and shut in, on each tier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from rlvr.verifier.code.zygote.jail import Jail
from rlvr.verifier.code.zygote.tree import LandlockTree, OpenTree


class House(Protocol):
    """One tier, seen from a zygote. Making one shuts the zygote itself in; raises OSError where that fails."""

    def fork(self) -> int:
        """Fork the process whose end is the run's: 0 in it."""
        ...

    def enter(self) -> None:
        """Make a place for the candidate, from within that process; returns in the one that is to become it."""
        ...

    def confine(self, config: dict[str, Any]) -> None:
        """Take from this process, which is about to run the program, all that it must not have."""
        ...

    def bury(self, run: int) -> tuple[int | None, float]:
        """Reap a dead run, with all that it started: the candidate's wait status, if known, and CPU seconds."""
        ...


HOUSES: dict[str, Callable[[dict[str, Any]], House]] = {
    "jail": Jail,
    "landlock": LandlockTree,
    "unsafe": OpenTree,
}
