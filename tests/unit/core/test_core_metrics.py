"""Every metric that is declared is also kept."""

from __future__ import annotations

import re
from pathlib import Path

from rlvr.core import metrics

SOURCES = Path(metrics.__file__).parents[1]


def test_no_metric_is_declared_and_never_kept() -> None:
    declared = re.findall(
        r"^([A-Z_]+) = (?:Counter|Gauge|Histogram)\(", Path(metrics.__file__).read_text(), re.MULTILINE
    )
    code = "\n".join(path.read_text() for path in SOURCES.rglob("*.py"))
    assert len(declared) > 20
    assert [name for name in declared if not re.search(rf"\bmetrics\.{name}\b", code)] == []
