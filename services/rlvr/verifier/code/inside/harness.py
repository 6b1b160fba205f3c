"""The part that shares a process with the candidate, and is therefore trusted with nothing.

It holds the program and one test's inputs, no more. What it writes is the candidate's answer and not a
judgement, so code that takes over this process gains nothing but saying an answer some other way.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EXIT_COMPILE = 98
"""Exit code of a program that does not compile."""
EXIT_MEMORY = 97
"""Exit code of a program that ran out of memory. Both only choose among reasons for reward 0."""


def run_script(source: str) -> None:
    """Run the program as `__main__`, ending as the interpreter would."""
    try:
        _define(source, "__main__")
    except MemoryError:
        sys.exit(EXIT_MEMORY)


def run_call(source: str, entry_point: str, args: list[Any], result_fd: int) -> None:
    """Define the program's names, call one, write its result as one JSON object and end the process."""
    try:
        function = _define(source, "solution").get(entry_point)
        text = '{"raised":"NoEntryPoint"}' if function is None else f'{{"value":{_json(function(*args))}}}'
    except MemoryError:
        os._exit(EXIT_MEMORY)
    except BaseException as raised:  # noqa: BLE001 - SystemExit and KeyboardInterrupt are answers too: wrong ones
        text = f'{{"raised":{_quote(type(raised).__name__)}}}'
    frame = text.encode()
    while frame:
        frame = frame[os.write(result_fd, frame) :]
    os._exit(0)


def _define(source: str, name: str) -> dict[str, Any]:
    try:
        code = compile(source, "<program>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        os._exit(EXIT_COMPILE)
    module = type(sys)(name)
    sys.modules[name] = module
    exec(code, module.__dict__)  # noqa: S102 - this process exists to do so
    return module.__dict__


_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


class NotJson(TypeError):
    """The call returned something JSON cannot carry unchanged."""


def _json(value: Any) -> str:
    """`value` as JSON if that carries it without changing it: exact types only; a tuple goes as an array."""
    kind = type(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is float:
        text = repr(value)
        return _NOT_FINITE.get(text, text)
    if kind is str:
        return _quote(value)
    if kind is list or kind is tuple:
        return f"[{','.join([_json(item) for item in value])}]"
    if kind is dict and all(type(key) is str for key in value):
        return f"{{{','.join([f'{_quote(key)}:{_json(item)}' for key, item in value.items()])}}}"
    raise NotJson(kind.__name__)


def _quote(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    import json  # costly, and most answers do without

    return json.dumps(text)
