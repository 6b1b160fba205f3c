"""How a command ends when it cannot do what it was asked."""

from __future__ import annotations

STOPPED = 130
"""Exit code after Ctrl-C, as a shell gives it."""


class Failure(Exception):
    """Ends the command. The message says what to do."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
