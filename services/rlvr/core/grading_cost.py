"""What grading costs beside sampling and training, in the same unit."""

from __future__ import annotations

GRADER_FLOP_PER_SECOND = 1e9
"""Graders run no model. Their time is counted as one core's scalar code at about an operation per nanosecond: right to
an order of magnitude, and too much for time in which a graded program waits."""


def verify_flops(seconds: float) -> float:
    """FLOPs that graders took in so many seconds, estimated."""
    return GRADER_FLOP_PER_SECOND * seconds
