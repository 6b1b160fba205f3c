"""Modules that programs import most, imported once for all of them."""

from __future__ import annotations

from importlib import import_module

_MODULES = """
    abc bisect collections collections.abc copy dataclasses datetime decimal enum fractions functools heapq io itertools
    json math operator random re statistics string sys textwrap threading time types typing
"""


def load() -> None:
    """Import them."""
    for name in _MODULES.split():
        import_module(name)
