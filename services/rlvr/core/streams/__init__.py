"""The stream layer: produce, consume in a group, claim the work of the dead, finish once, bury."""

from rlvr.core.streams.connection import LOST, connect
from rlvr.core.streams.consumer import GROUP, Consumer, StreamStats, add
from rlvr.core.streams.entries import Entry, Outgoing
from rlvr.core.streams.worker import Finished, NotNow, StreamWorker, feed

__all__ = [
    "GROUP",
    "LOST",
    "Consumer",
    "Entry",
    "Finished",
    "NotNow",
    "Outgoing",
    "StreamStats",
    "StreamWorker",
    "add",
    "connect",
    "feed",
]
