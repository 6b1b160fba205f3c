"""Structured logs, and the W3C trace context that follows a trace through the streams."""

from __future__ import annotations

import logging
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from rlvr.core.settings import LogSettings

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def configure_logs(settings: LogSettings, *, room: str) -> None:
    """Send all logs, ours and the libraries', as one line each to stderr. Every line names the room."""
    level = getattr(logging, settings.level.upper())
    console = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: list[Any] = (
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(room=room)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=renderer_for(renderer))
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


def renderer_for(renderer: list[Any]) -> list[Any]:
    """The processors that turn a library's log record into one of our lines."""
    return [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer]


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger; `name` says which part of the room speaks."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=name)
    return logger


@contextmanager
def log_context(**ids: Any) -> Iterator[None]:
    """Put ids (run, group, trace) on every line logged inside."""
    with structlog.contextvars.bound_contextvars(**ids):
        yield


def new_traceparent() -> str:
    """A fresh W3C traceparent (https://www.w3.org/TR/trace-context/), sampled."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def child_traceparent(parent: str) -> str:
    """The same trace, a new span; a fresh trace when `parent` is not a traceparent."""
    match = _TRACEPARENT.fullmatch(parent)
    if match is None:
        return new_traceparent()
    return f"00-{match[1]}-{secrets.token_hex(8)}-{match[3]}"
