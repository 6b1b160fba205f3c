r"""Two expressions at sample points, to many digits: tells unequal expressions apart, and most equal ones together.

How many digits. A text of n characters can be tuned to agree with a given number to about 2n digits, so
agreement to more digits than both texts hold, on top of 50 and of the decades that the values span, is not
a coincidence: 10^-20 and 10^-21, or sqrt(10^40 + 1) and 10^20, come out different.

What agreement says, by what the expressions are made of:

- constants: equal, by the above;
- functions that are meromorphic in their variables (sums, products, quotients, integer powers, exponentials,
  sin, n!): equal, because functions that agree at random complex points agree everywhere (Schwartz-Zippel;
  identity theorem);
- integers ((-1)^n, floor(n/2), a sum up to n): equal where they agree at integers of all sizes;
- functions with branches in their variables (roots, logarithms, |x|): compared at real points, and probably
  equal, which `symbolic` has to confirm. The first expression, the gold one, says where: the second has to have
  its value wherever all parts of the first are real. So ln(x^2) will do for 2 ln x, but not 2 ln x for ln(x^2),
  which has a value for negative x too.

Integrals, limits, infinite sums and unknown functions f(x) are equal to nothing but themselves.

The points are other ones for every pair of expressions (see `sampling`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Any

from rlvr.verifier.math.comparing import sampling
from rlvr.verifier.math.comparing.evaluation import Point, Undefined, context, evaluate, is_opaque, signature
from rlvr.verifier.math.limits import OverBudget, Unparseable
from rlvr.verifier.math.tree import Call, Node, Number, free_symbols, walk

_GUARD_DIGITS = 50
_MAX_DIGITS = 4_000
_ENOUGH_POINTS = 3
"""Fewer sample points than this where both sides are defined decide nothing."""
_ENOUGH_INTEGER_POINTS = 10


class Agreement(Enum):
    DIFFERENT = auto()
    EQUAL = auto()
    PROBABLE = auto()
    """Equal at every sample point, but with branches in between."""
    UNDECIDED = auto()
    """Defined at too few sample points."""


def agreement(first: Node, second: Node) -> Agreement:
    """Compare an expression with the gold one, `first`, at sample points.

    Raises:
        OverBudget: a constant expression's value is out of bounds.
        Unparseable: a constant expression has no value.
    """
    if _opaque_parts(first) != _opaque_parts(second):
        return Agreement.DIFFERENT
    pair = _Pair(first, second)
    if not pair.symbols:
        try:
            return Agreement.EQUAL if pair.agrees_at({}) else Agreement.DIFFERENT
        except Undefined as undefined:
            raise Unparseable(f"the expression has no value: {undefined}") from None
    if _either(sampling.is_about_complex_numbers, first, second):
        return pair.agreement_at(sampling.points_of_all_quadrants)
    if _either(sampling.has_branches, first, second):
        found = _agreement_of_branches(pair)
    else:
        found = pair.agreement_at(sampling.complex_points)
    if found is not Agreement.EQUAL and _meant_for_integers(first, second):
        return pair.agreement_at(sampling.integer_points, num_enough=_ENOUGH_INTEGER_POINTS)
    return found


def _meant_for_integers(first: Node, second: Node) -> bool:
    """The gold expression says so; the other one may where the names of the variables do not speak against it."""
    if sampling.is_about_integers(first):
        return True
    return sampling.named_as_integers(first) and sampling.is_about_integers(second)


def _agreement_of_branches(pair: _Pair) -> Agreement:
    found = Agreement.UNDECIDED
    if sampling.takes_only_reals(pair.first) and sampling.takes_only_reals(pair.second):
        found = pair.agreement_at(sampling.real_points, real=True)
    if found is Agreement.UNDECIDED:
        found = pair.agreement_at(sampling.real_points)
    return Agreement.PROBABLE if found is Agreement.EQUAL else found


class _Pair:
    """Two expressions, the digits they are compared to, and the seed of the points they are compared at."""

    def __init__(self, first: Node, second: Node) -> None:
        self.first = first
        self.second = second
        self.symbols = sorted(free_symbols(first) | free_symbols(second))
        self.seed = f"{signature(first)}={signature(second)}"
        self.digits = _GUARD_DIGITS + _written_digits(first) + _written_digits(second)
        if self.digits > _MAX_DIGITS:
            raise OverBudget("an expression too long to compare numerically")

    def agreement_at(
        self,
        points: Callable[[list[str], str], Iterable[Point]],
        *,
        real: bool = False,
        num_enough: int = _ENOUGH_POINTS,
    ) -> Agreement:
        num_defined = 0
        for point in points(self.symbols, self.seed):
            try:
                if not self.agrees_at(point, real=real):
                    return Agreement.DIFFERENT
            except (Undefined, OverBudget):
                continue
            num_defined += 1
        return Agreement.EQUAL if num_defined >= num_enough else Agreement.UNDECIDED

    def agrees_at(self, point: Point, *, real: bool = False) -> bool:
        # A first look at low precision finds the decades that the values span, and most differences.
        left, right, span = self.values_at(point, _GUARD_DIGITS, real=real)
        if abs(left - right) > context().mpf(10) ** (span - _GUARD_DIGITS // 2):
            return False  # more than rounding can make of values of that size
        left, right, _ = self.values_at(point, self.digits + 3 * span, real=real)
        return bool(abs(left - right) <= context().mpf(10) ** -(self.digits - 10 + span))

    def values_at(self, point: Point, digits: int, *, real: bool = False) -> tuple[Any, Any, int]:
        """Both values, and the largest |log10| of a value on the way."""
        left, span_left = evaluate(self.first, point, digits, real=real, seed=self.seed)
        right, span_right = evaluate(self.second, point, digits, seed=self.seed)
        return left, right, max(span_left, span_right)


def proportional(first: Node, second: Node) -> bool:
    """Whether first = c * second for one constant c other than 0, at every sample point."""
    if _opaque_parts(first) != _opaque_parts(second):
        return False
    pair, mp = _Pair(first, second), context()
    ratios = []
    for point in sampling.complex_points(pair.symbols, pair.seed):
        try:
            above, below, _ = pair.values_at(point, pair.digits)
        except (Undefined, OverBudget):
            continue
        if not above or not below:
            return False
        ratios.append(above / below)
    mp.dps = pair.digits
    close = mp.mpf(10) ** (20 - pair.digits)
    return len(ratios) >= _ENOUGH_POINTS and all(abs(r - ratios[0]) <= close * abs(ratios[0]) for r in ratios)


def signs_of_domain(first: Node, second: Node) -> list[dict[str, int]]:
    """The signs of the variables for which `first` is real at some sample point; all of them if it is nowhere."""
    pair = _Pair(first, second)
    points = list(sampling.real_points(pair.symbols, pair.seed))
    real = [point for point in points if _is_real_at(first, point)]
    signs = {tuple(1 if abs(value) == value else -1 for value in point.values()) for point in real or points}
    return [dict(zip(pair.symbols, pattern, strict=True)) for pattern in sorted(signs, reverse=True)]


def _is_real_at(node: Node, point: Point) -> bool:
    try:
        evaluate(node, point, _GUARD_DIGITS, real=True)
    except (Undefined, OverBudget):
        return False
    return True


def real_value(node: Node, digits: int = 30) -> Any | None:
    """The value of a constant expression as a real mpmath number; None if it is not real or not constant."""
    if free_symbols(node) or _opaque_parts(node):
        return None
    try:
        value, _ = evaluate(node, {}, digits)
    except Undefined:
        return None
    mp = context()
    if abs(mp.im(value)) > mp.mpf(10) ** (10 - digits) * (1 + abs(value)):
        return None
    return mp.re(value)


def _either(holds: Any, first: Node, second: Node) -> bool:
    return bool(holds(first) or holds(second))


def _opaque_parts(node: Node) -> frozenset[str]:
    """What has no value of its own: integrals and the like as they stand, unknown functions by their names."""
    parts = (part for part in walk(node) if is_opaque(part))
    return frozenset(part.name if isinstance(part, Call) else signature(part) for part in parts)


def _written_digits(node: Node) -> int:
    """An upper bound of the digits that the text of the node could be tuned to."""
    total = 0
    for part in walk(node):
        total += 4
        if isinstance(part, Number):
            total += (part.value.numerator.bit_length() + part.value.denominator.bit_length()) // 3
    return total
