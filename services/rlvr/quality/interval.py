"""The confidence interval of a proportion."""

from __future__ import annotations

import math

_Z = 1.959963984540054
"""The standard normal's 97.5 % point."""


def wilson(count: int, total: int) -> tuple[float, float]:
    """95 % score interval of `count` out of `total`; (0, 1) when `total` is 0.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927). Unlike
    the normal approximation it says something where nothing was found: 0 of n is at most z^2 / (n + z^2).
    """
    if total == 0:
        return 0.0, 1.0
    p, z2 = count / total, _Z * _Z
    centre = (p + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z / (1 + z2 / total) * math.sqrt(p * (1 - p) / total + z2 / (4 * total * total))
    return (0.0 if count == 0 else centre - half), (1.0 if count == total else centre + half)
