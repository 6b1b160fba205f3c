"""Which groups a step takes, decided without a network."""

from rlvr.core.policy import PolicySpan
from rlvr.trainer.selection import select, sequence_number


def spans(*minima: int) -> list[PolicySpan]:
    return [PolicySpan(minimum, max(minima)) for minimum in minima]


def test_the_oldest_groups_are_taken_in_order_of_admission() -> None:
    groups = {"run-10": spans(5), "run-9": spans(5), "run-2": spans(5), "run-11": spans(5)}
    assert select(groups, version=5, max_staleness=0, groups_per_step=3).batch == ["run-2", "run-9", "run-10"]


def test_too_few_groups_are_no_batch() -> None:
    selection = select({"run-1": spans(0)}, version=0, max_staleness=0, groups_per_step=2)
    assert (selection.stale, selection.batch) == ([], None)


def test_a_group_with_one_stale_trace_is_dropped_whole_and_does_not_fill_the_batch() -> None:
    groups = {"run-1": spans(4, 2), "run-2": spans(4, 4), "run-3": spans(3, 3)}
    selection = select(groups, version=4, max_staleness=1, groups_per_step=2)
    assert selection.stale == ["run-1"]
    assert selection.batch == ["run-2", "run-3"]


def test_the_bound_itself_is_allowed() -> None:
    groups = {"run-1": spans(0)}
    assert select(groups, version=3, max_staleness=3, groups_per_step=1).batch == ["run-1"]
    assert select(groups, version=4, max_staleness=3, groups_per_step=1).stale == ["run-1"]


def test_a_group_newer_than_the_trainer_is_of_other_weights_and_dropped() -> None:
    groups = {"run-1": [PolicySpan(2, 2), PolicySpan(2, 7)], "run-2": [PolicySpan(2, 2)]}
    selection = select(groups, version=2, max_staleness=1, groups_per_step=1)
    assert (selection.stale, selection.batch) == (["run-1"], ["run-2"])


def test_run_names_with_dashes_and_digits_do_not_confuse_the_order() -> None:
    assert sequence_number("my-run-7-a1b2c3d4-12") == 12
