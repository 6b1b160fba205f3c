"""What every source of problems is, and what they share."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, Protocol

from rlvr.core.errors import FieldViolation, InvalidRequest
from rlvr.v1 import common_pb2

_ROLES = ("system", "user", "assistant")
_VERIFIER = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class Source(Protocol):
    """A sequence of problems."""

    def __len__(self) -> int:
        """How many there are; after the last the first comes again."""
        ...

    def problem(self, index: int) -> common_pb2.Problem:
        """Problem number `index`, from 0 to the length less one. Equal for equal indices.

        Raises:
            InvalidRequest: that problem cannot be read; names the field and the fix.
        """
        ...


def refuse(field: str, description: str) -> NoReturn:
    """Raise InvalidRequest for a field of `problems`."""
    raise InvalidRequest(
        f"problems.{field}: {description}", violations=[FieldViolation(f"problems.{field}", description)]
    )


def make_problem(field: str, problem_id: str, prompt: Any, verifier: Any, spec: Any) -> common_pb2.Problem:
    """A problem of decoded values. `prompt` is text, which becomes one user message, or a list of messages.

    Raises:
        InvalidRequest: a value has not the documented shape; `field` is to blame and `problem_id` is named.
    """
    if not isinstance(verifier, str) or not _VERIFIER.fullmatch(verifier):
        refuse(field, f"{problem_id}: 'verifier' is {verifier!r}; must be a verifier's name, such as \"math\"")
    if not isinstance(spec, dict):
        refuse(field, f'{problem_id}: \'spec\' must be an object, such as {{"answer": "42"}}')
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    if not isinstance(messages, list) or not messages or not all(_is_message(m) for m in messages):
        refuse(
            field,
            f"{problem_id}: the prompt must be text that is not empty, or a list of messages, each with a role "
            f"({', '.join(_ROLES)}) and content",
        )
    return common_pb2.Problem(
        problem_id=problem_id,
        prompt=[common_pb2.ChatMessage(role=m["role"], content=m["content"]) for m in messages],
        verifier=verifier,
        spec_json=json.dumps(spec, ensure_ascii=False),
    )


def _is_message(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("role") in _ROLES
        and isinstance(value.get("content"), str)
        and bool(value["content"].strip())
    )
