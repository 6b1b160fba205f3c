"""Run every attack on every tier that this host has and print what was seen, as the table of docs/security.md.

`.ci/attacks` puts it there. Exit code 1 where something was seen that must not be; the table says what.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest

from code_attack_rows import ROWS
from code_attacks import attacked, observe
from rlvr.verifier.code.isolation import landlock
from sandboxes import ALL_TIERS

NOT_RUN, SAYS_NOTHING = "not run", "–"
TOOLS = {"runsc": ["runsc", "--version"], "podman": ["podman", "--version"]}


async def seen_on(tier: str) -> tuple[list[str], dict[str, str]]:
    """The isolation in force, and row -> what was seen."""
    seen: dict[str, str] = {}
    try:
        async with attacked(tier) as grader:
            isolation = grader.describe()["isolation"]
            for row in ROWS:
                seen[row.id] = SAYS_NOTHING if tier in row.not_on else await _seen(row, grader)
                print(f"{tier}: {row.id}: {seen[row.id]}", file=sys.stderr)
    except pytest.skip.Exception:
        return [], {row.id: NOT_RUN for row in ROWS}
    return isolation, seen


async def _seen(row, grader) -> str:
    try:
        found = await observe(row, grader)
    except AssertionError as failure:
        return f"FAILED: {failure}".replace("|", "/").replace("\n", " ")
    except pytest.skip.Exception:
        return NOT_RUN
    return found if found in row.expected else f"FAILED: {found}"


def host() -> str:
    """What the table was made on."""
    parts = [
        f"{platform.system()} {platform.release()} {platform.machine()}",
        f"Python {platform.python_version()}",
        f"Landlock ABI {landlock.abi()}",
        f"user {'root' if os.geteuid() == 0 else os.geteuid()}",
    ]
    for name, command in TOOLS.items():
        if shutil.which(name):
            words = subprocess.run(command, capture_output=True, text=True).stdout.split()
            parts.append(f"{name} {words[2] if len(words) > 2 else ''}".strip())
    return f"rlvr {version('rlvr')}, {datetime.now(UTC):%Y-%m-%d}, {', '.join(parts)}."


def main() -> int:
    """Print the table."""
    with redirect_stdout(sys.stderr):  # for what the runners log
        tiers = {tier: asyncio.run(seen_on(tier)) for tier in ALL_TIERS}
    print(host())
    print()
    for tier, (isolation, _) in tiers.items():
        print(f"- `{tier}`: {', '.join(isolation) or NOT_RUN}")
    print()
    print(f"| attack | {' | '.join(ALL_TIERS)} |")
    print(f"|{' --- |' * (len(ALL_TIERS) + 1)}")
    for row in ROWS:
        print(f"| {row.id} | {' | '.join(seen[row.id] for _, seen in tiers.values())} |")
    reasons = sorted({(row.id, tier, why) for row in ROWS for tier, why in row.not_on.items()})
    if reasons:
        print()
        print("\n".join(f"- {SAYS_NOTHING} {row} on {tier}: {why}" for row, tier, why in reasons))
    return int(any(found.startswith("FAILED") for _, seen in tiers.values() for found in seen.values()))


if __name__ == "__main__":
    sys.exit(main())
