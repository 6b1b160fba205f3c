"""Which groups a step trains on: pure, so that the authoritative check of staleness is tested without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlvr.core.policy import PolicySpan, group_is_stale


@dataclass(frozen=True, slots=True)
class Selection:
    """What to do with the groups in hand."""

    stale: list[str]
    """Ids of groups to drop, oldest first: too old, or newer than the trainer, and then of other weights than its
    run's."""
    batch: list[str] | None
    """Ids of the groups to train on, oldest first; None while there are too few."""


def sequence_number(group_id: str) -> int:
    """The place of a group in its run's order of admission: ids are `<run_id>-<sequence number>`.

    Raises:
        ValueError: the id has another form.
    """
    return int(group_id.rpartition("-")[2])


def select(
    groups: Mapping[str, Sequence[PolicySpan]], *, version: int, max_staleness: int, groups_per_step: int
) -> Selection:
    """Choose the batch of the step that a trainer at `version` takes next.

    Args:
        groups: group id -> spans of its traces.
    """
    ordered = sorted(groups, key=sequence_number)
    stale = [
        group_id
        for group_id in ordered
        if group_is_stale(version, groups[group_id], max_staleness)
        or any(span.max > version for span in groups[group_id])
    ]
    dropped = set(stale)
    fresh = [group_id for group_id in ordered if group_id not in dropped]
    return Selection(stale, fresh[:groups_per_step] if len(fresh) >= groups_per_step else None)
