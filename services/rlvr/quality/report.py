"""What is said of an audit: tables as cells of text, and the same as JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rlvr.quality.audit import Judging
from rlvr.quality.rows import Row
from rlvr.quality.tally import Rate, Tally

LEGEND = (
    "False positive: a wrong answer accepted. False negative: a right answer not accepted. In parentheses: 95 % Wilson "
    "interval, in percent. Speed is of one process, waiting left out."
)


@dataclass(frozen=True, slots=True)
class Section:
    """A table."""

    title: str
    headers: tuple[str, ...]
    rows: list[tuple[str, ...]]


def sections(judgings: Sequence[Judging], *, failures: bool) -> list[Section]:
    """The tables of an audit. The first judging is of the verifier under audit; the others are beside it.

    `failures` adds a table of its disagreements with the labels.
    """
    tables = [_by_set(judgings), _by_form(judgings), _disputed(judgings)]
    if failures:
        tables.append(_failures(judgings[0]))
    return [table for table in tables if table.rows]


def document(judgings: Sequence[Judging], *, failures: bool) -> dict[str, Any]:
    """The same for a program. Rates are fractions; `interval` is the 95 % Wilson interval."""
    rows = _rows(judgings)
    out: dict[str, Any] = {
        "judges": [{"name": judging.judge, "version": judging.version} for judging in judgings],
        "sets": [
            {"set": name, "labels": labels, "judge": judging.judge, **_counts(judging.of_set(name, disputed=disputed))}
            for name, labels, disputed in _set_lines(rows)
            for judging in judgings
        ],
        "forms": [
            {"set": name, "form": form, "judge": judging.judge, **_counts(judging.of_form(name, form))}
            for name, form in _forms(rows)
            for judging in judgings
        ],
        "disputed": [
            {
                **_label(row),
                "reason": row.disputed,
                "outcomes": {judging.judge: said.outcome for judging in judgings if (said := judging.of_row(row))},
            }
            for row in rows
            if row.disputed
        ],
    }
    if failures:
        out["failures"] = [
            {
                **_label(row),
                "form": row.form,
                "spec": row.spec,
                "completion": row.completion,
                "outcome": said.outcome,
                "reason": said.reason,
                "extracted": said.extracted,
                "detail": said.detail,
            }
            for row, said in judgings[0].failures()
        ]
    return out


def _by_set(judgings: Sequence[Judging]) -> Section:
    lines: list[tuple[str, ...]] = []
    for name, labels, disputed in _set_lines(_rows(judgings)):
        for judging in judgings:
            counts = judging.of_set(name, disputed=disputed)
            lines.append(
                (
                    name,
                    labels,
                    judging.judge,
                    _rate(counts.false_positives),
                    _rate(counts.false_negatives),
                    str(counts.invalid),
                    str(counts.errors),
                    _number(counts.grades_per_second, 0),
                    _number(counts.p50_ms, 3),
                )
            )
    versions = " beside ".join(f"{judging.judge} {judging.version}" for judging in judgings)
    headers = ("set", "labels", "grader", "false positives", "false negatives")
    return Section(f"By set: {versions}", (*headers, "invalid gold", "errors", "grades/s", "p50 ms"), lines)


def _by_form(judgings: Sequence[Judging]) -> Section:
    lines: list[tuple[str, ...]] = []
    for name, form in _forms(_rows(judgings)):
        rates: list[str] = []
        for judging in judgings:
            counts = judging.of_form(name, form)
            rates += [_short_rate(counts.false_positives), _short_rate(counts.false_negatives)]
        lines.append((name, form, *rates))
    headers = [f"{judging.judge}: {what}" for judging in judgings for what in ("false pos.", "false neg.")]
    return Section("By form", ("set", "form", *headers), lines)


def _disputed(judgings: Sequence[Judging]) -> Section:
    lines: list[tuple[str, ...]] = []
    for row in _rows(judgings):
        if row.disputed:
            said = [judging.of_row(row) for judging in judgings]
            lines.append((row.set, row.id, _side(row), row.disputed, *(one.outcome if one else "–" for one in said)))
    headers = ("set", "row", "labelled", "why the label is disputed", *(judging.judge for judging in judgings))
    return Section("Disputed labels", headers, lines)


def _failures(judging: Judging) -> Section:
    lines: list[tuple[str, ...]] = [
        (
            row.set,
            row.id,
            _side(row),
            _gold(row),
            said.extracted or row.completion[-80:],
            f"{said.outcome}/{said.reason}",
            said.detail + (f" ({row.why})" if row.why else ""),
        )
        for row, said in judging.failures()
    ]
    headers = ("set", "row", "labelled", "gold", "answer", "verdict", "detail")
    return Section(f"Where {judging.judge} disagrees with the label or gives no verdict", headers, lines)


def _rows(judgings: Sequence[Judging]) -> list[Row]:
    return [row for row, _ in judgings[0].judged]


def _set_lines(rows: list[Row]) -> list[tuple[str, str, bool]]:
    """Set, what is said of its labels, and whether disputed ones count: twice where there are any."""
    lines = []
    for name in dict.fromkeys(row.set for row in rows):
        lines.append((name, "all", True))
        if any(row.disputed for row in rows if row.set == name):
            lines.append((name, "undisputed", False))
    return lines


def _forms(rows: list[Row]) -> list[tuple[str, str]]:
    return sorted({(row.set, row.form) for row in rows if row.form})


def _label(row: Row) -> dict[str, Any]:
    return {"set": row.set, "row": row.id, "right": row.right}


def _side(row: Row) -> str:
    return "right" if row.right else "wrong"


def _gold(row: Row) -> str:
    answer = row.spec["answer"]
    options = ", ".join(f"{name}={value}" for name, value in row.spec.items() if name != "answer")
    shown = " or ".join(map(str, answer)) if isinstance(answer, list) else str(answer)
    return f"{shown} ({options})" if options else shown


def _counts(counts: Tally) -> dict[str, Any]:
    return {
        "false_positives": _rate_json(counts.false_positives),
        "false_negatives": _rate_json(counts.false_negatives),
        "invalid_gold": counts.invalid,
        "errors": counts.errors,
        "grades_per_second": counts.grades_per_second,
        "p50_ms": counts.p50_ms,
    }


def _rate_json(rate: Rate) -> dict[str, Any]:
    return {"count": rate.count, "total": rate.total, "rate": rate.value, "interval": list(rate.interval)}


def _rate(rate: Rate) -> str:
    if rate.value is None:
        return "–"
    low, high = rate.interval
    return f"{rate.count}/{rate.total} = {rate.value * 100:.1f} % ({low * 100:.1f} to {high * 100:.1f})"


def _short_rate(rate: Rate) -> str:
    if not rate.total:
        return "–"
    low, high = rate.interval
    return f"{rate.count}/{rate.total} ({low * 100:.0f} to {high * 100:.0f})"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"
