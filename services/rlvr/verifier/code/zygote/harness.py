"""The part that shares a process with the candidate, and is therefore trusted with nothing.

It holds the program and one test's inputs, no more. What it writes is the candidate's answer and not a
judgement, so code that takes over this process gains nothing but saying an answer some other way.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from json import dumps as _quote
from types import CodeType, ModuleType
from typing import Any, NoReturn

EXIT_COMPILE = 98
"""Exit code of a program that does not compile."""
EXIT_MEMORY = 97
"""Exit code of a program that ran out of memory. Both only choose among reasons for reward 0."""


def run_script(source: str) -> NoReturn:
    """Run the program as `__main__` and end as the interpreter would, but without taking itself apart."""
    _open_standard_streams()
    names = _new_module("__main__")
    code = 0
    try:
        exec(_compile(source), names)  # noqa: S102 - this process exists to do so
    except BaseException as raised:  # noqa: BLE001 - the program ends here, whatever it raised
        code = _exit_code(raised)
    for finish in (threading._shutdown, atexit._run_exitfuncs, names.clear, _flush):  # type: ignore[attr-defined]
        try:
            finish()
        except BaseException:  # noqa: BLE001 - nor does the interpreter stop here
            pass
    os._exit(code)


def run_call(source: str, entry_point: str, args: list[Any], result_fd: int) -> NoReturn:
    """Define the program's names, call one, write its result as one JSON object and end the process."""
    try:
        names = _new_module("solution")
        exec(_compile(source), names)  # noqa: S102 - as above
        function = names.get(entry_point)
        text = '{"raised":"NoEntryPoint"}' if function is None else f'{{"value":{_json(function(*args))}}}'
    except MemoryError:
        os._exit(EXIT_MEMORY)
    except BaseException as raised:  # noqa: BLE001 - SystemExit and KeyboardInterrupt are answers too: wrong ones
        text = f'{{"raised":{_quote(type(raised).__name__)}}}'
    frame = text.encode()
    while frame:
        frame = frame[os.write(result_fd, frame) :]
    os._exit(0)


def _open_standard_streams() -> None:
    for fd, (name, mode) in enumerate({"stdin": "r", "stdout": "w", "stderr": "w"}.items()):
        stream = open(fd, mode, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _compile(source: str) -> CodeType:
    try:
        return compile(source, "<program>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        os._exit(EXIT_COMPILE)


def _new_module(name: str) -> dict[str, Any]:
    module = ModuleType(name)
    sys.modules[name] = module
    return module.__dict__


def _exit_code(raised: BaseException) -> int:
    if isinstance(raised, MemoryError):
        return EXIT_MEMORY
    if isinstance(raised, SystemExit):
        return 0 if raised.code is None else raised.code & 0xFF if isinstance(raised.code, int) else 1
    return 1


def _flush() -> None:
    sys.stdout.flush()


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
