"""Where problems come from. A source is a sequence of problems: the same index gives the same problem, always."""

from __future__ import annotations

from rlvr.coordinator.sources.source import Source
from rlvr.core.errors import InvalidRequest
from rlvr.core.run_spec import HuggingFaceSource, JsonlSource, ProblemSource

__all__ = ["Source", "open_source"]


def open_source(settings: ProblemSource) -> Source:
    """Open a source and read its first problem. May take long (a data set is downloaded): not for an event loop.

    Raises:
        InvalidRequest: it cannot be opened, is empty, or its first problem is not one; names the field and the fix.
    """
    source: Source
    if isinstance(settings, JsonlSource):
        from rlvr.coordinator.sources.jsonl import Jsonl

        source = Jsonl(settings)
    elif isinstance(settings, HuggingFaceSource):
        from rlvr.coordinator.sources.hugging_face import HuggingFace

        source = HuggingFace(settings)
    else:
        from rlvr.coordinator.sources.gym import Gym

        source = Gym(settings)
    if len(source) == 0:
        raise InvalidRequest("the problem source is empty: it needs at least one problem")
    source.problem(0)
    return source
