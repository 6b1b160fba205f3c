"""Budgets of the math verifier: no input may build a huge number, a deep tree or a long computation.

They are far above what an answer needs and far below what costs time: with all of them at their bound a
verdict takes tens of milliseconds.
"""

from __future__ import annotations

MAX_COMPLETION_CHARS = 1_000_000
"""A longer completion is refused unread."""
FINAL_WINDOW_CHARS = 32_000
"""The final answer is looked for in this much of the completion's end."""
MAX_ANNOUNCEMENTS = 32
"""So many of the last "the answer is" are looked at."""
MAX_ASSERTIONS = 16
"""More *different* asserted answers than this are a conflict without a closer look."""
MAX_ANSWER_CHARS = 1_000
"""Length of one answer text."""
MAX_DEPTH = 32
"""Nesting of one answer's tree: groups, fractions, roots, exponents."""
MAX_LITERAL_DIGITS = 400
"""Digits of one number as written."""
MAX_SCIENTIFIC_EXPONENT = 5_000
"""Largest n in `1e<n>`."""
MAX_BITS = 65_536
"""Size of an exact numerator or denominator (about 19,700 decimal digits)."""
MAX_FACTORIAL = 3_000
"""Largest n in an evaluated n!."""
MAX_TERMS = 200
"""Terms that are added or multiplied to evaluate all sums and products of one expression."""
MAX_TERM_NODES = 2_000
"""Nodes of all those terms together."""
MAX_ITEMS = 64
"""Items of a list, set, tuple, union or matrix."""
MAX_DECADES = 1_000
"""Numeric evaluation stops where an intermediate value leaves 10^-n .. 10^n."""
MAX_SYMPY_NODES = 80
"""Expressions with more nodes than this are never given to SymPy."""
MAX_SYMPY_EXPONENT = 12
"""Nor are powers larger than this."""


class Unparseable(Exception):
    """The text is not in any form that the verifier reads. The message says where it stopped."""


class OverBudget(Exception):
    """The text, or a number or nesting in it, is over one of the budgets above."""
