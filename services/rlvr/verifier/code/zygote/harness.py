"""The part that shares a process with the candidate, and is therefore trusted with nothing.

It holds the program and one test's inputs, no more. What it writes is the candidate's answer and not a
judgement, so code that takes over this process gains nothing but saying an answer some other way.
"""

from __future__ import annotations

import atexit
import marshal
import os
import sys
import threading
from collections.abc import Callable
from json import dumps as _quote
from types import CodeType, ModuleType
from typing import Any, NoReturn

from rlvr.verifier.code.zygote.encoding import NotPlain, encode, items_of

EXIT_COMPILE = 98
"""Exit code of a program that does not compile."""
EXIT_MEMORY = 97
"""Exit code of a program that ran out of memory."""
EXIT_RAISED = 96
"""Exit code of a script that an exception ended. All three only choose among reasons for reward 0."""
ENTRY = "__entry__"
"""Name that an expression calls the entry point by."""


class NoEntryPoint(LookupError):
    """The program does not define what is to be called, or more than one thing that it could be."""


def run_script(source: str, argv: list[str]) -> NoReturn:
    """Run the program as `__main__` and end as the interpreter would, but without taking itself apart."""
    _open_standard_streams()
    sys.argv[:] = argv
    names = new_module("__main__")
    code = 0
    try:
        exec(compile_program(source), names)  # noqa: S102 - this process exists to do so
    except BaseException as raised:  # noqa: BLE001 - the program ends here, whatever it raised
        code = _exit_code(raised)
    for finish in (threading._shutdown, atexit._run_exitfuncs, names.clear, _flush):  # type: ignore[attr-defined]
        try:
            finish()
        except BaseException:  # noqa: BLE001 - nor does the interpreter stop here
            pass
    os._exit(code)


def run_answers(source: str, setup: str, entry_point: str | None, requests_fd: int, result_fd: int) -> NoReturn:
    """Define the program's names, answer requests to the end of their stream, one line each, and end the process.

    A request is ("eval", source of an expression) or ("call", name, args, kwargs, whether to tell what the call has
    made of its mutable arguments).
    """
    try:
        names = new_module("solution")
        exec(compile_program(source), names)  # noqa: S102 - as above
        names[ENTRY] = _entry(names, entry_point)
        if setup:
            exec(compile(setup, "<setup>", "exec", dont_inherit=True), names)  # noqa: S102
        with open(requests_fd, "rb", buffering=0) as requests:
            while (request := read_frame(requests.read)) is not None:
                send(result_fd, _answer(names, request))
    except MemoryError:
        os._exit(EXIT_MEMORY)
    except BaseException as raised:  # noqa: BLE001 - SystemExit and KeyboardInterrupt are answers too: wrong ones
        send(result_fd, _raised(raised))
    os._exit(0)


def _answer(names: dict[str, Any], request: tuple[Any, ...]) -> str:
    kind, *what = request
    try:
        if kind == "eval":
            value = eval(compile(what[0], "<call>", "eval", dont_inherit=True), names)  # noqa: S307 - as above
            return f"{{{_returned(value)}}}"
        name, args, kwargs, tell_changes = what
        before = _encode_all(args) if tell_changes else []
        value = names[name](*args, **kwargs)
        changed = _changes(args, before) if tell_changes else ""
        return f"{{{_returned(value)}{changed}}}"
    except MemoryError:
        raise
    except NotPlain as other:
        return f'{{"type":{_quote(str(other))}}}'
    except BaseException as raised:  # noqa: BLE001 - as above
        return _raised(raised)


def _returned(value: Any) -> str:
    items = items_of(value)
    return f'"value":{encode(value)}' if items is None else f'"items":{encode(items)}'


def _encode_all(args: list[Any]) -> list[str]:
    return [encode(arg) if type(arg) in (list, dict, set) else "" for arg in args]


def _changes(args: list[Any], before: list[str]) -> str:
    """What a call has made of its mutable arguments, if it changed any."""
    after = _encode_all(args)
    if after == before:
        return ""
    return f',"args":[{",".join([text or "null" for text in after])}]'


def _raised(raised: BaseException) -> str:
    return f'{{"raised":{_quote(type(raised).__name__)}}}'


def _entry(names: dict[str, Any], entry_point: str | None) -> Callable[..., Any]:
    """The function that tests call: `f`, or `Class.f` on a fresh instance; with no name the only one there is."""
    name = entry_point or _only_one({**names})
    owner, dot, method = name.partition(".")
    if owner not in names:
        return _missing
    if dot:
        return lambda *args, **kwargs: getattr(names[owner](), method)(*args, **kwargs)  # noqa: PLW0108 - a fresh one
    return names[owner]


def _missing(*args: Any, **kwargs: Any) -> NoReturn:
    raise NoEntryPoint


def _only_one(names: dict[str, Any]) -> str:
    """The program's only public function; else the only public method of its class `Solution`; else ''."""
    functions = [name for name, value in names.items() if _is_own(name, value)]
    if len(functions) == 1:
        return functions[0]
    solution = vars(names["Solution"]) if type(names.get("Solution")) is type else {}
    methods = [name for name, value in solution.items() if _is_own(name, value)]
    return f"Solution.{methods[0]}" if len(methods) == 1 and not functions else ""


def _is_own(name: str, value: Any) -> bool:
    is_function = callable(value) and not isinstance(value, type)
    return is_function and not name.startswith("_") and getattr(value, "__module__", None) == "solution"


def read_frame(read: Callable[[int], bytes]) -> Any:
    """The next request or answer of the room's: its length in 4 bytes, and marshalled; None at the end."""
    head = _read_exactly(read, 4)
    return marshal.loads(_read_exactly(read, int.from_bytes(head, "little"))) if head else None


def _read_exactly(read: Callable[[int], bytes], size: int) -> bytes:
    data = b""
    while len(data) < size and (part := read(size - len(data))):
        data += part
    return data


def send(fd: int, text: str) -> None:
    """Write one line."""
    line = memoryview(text.encode() + b"\n")
    while line:
        line = line[os.write(fd, line) :]


def new_module(name: str) -> dict[str, Any]:
    """The names of a new, empty module."""
    module = ModuleType(name)
    sys.modules[name] = module
    return module.__dict__


def compile_program(source: str) -> CodeType:
    """The program's code; ends the process if there is none."""
    try:
        return compile(source, "<program>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        os._exit(EXIT_COMPILE)


def _open_standard_streams() -> None:
    for fd, (name, mode) in enumerate({"stdin": "r", "stdout": "w", "stderr": "w"}.items()):
        stream = open(fd, mode, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _exit_code(raised: BaseException) -> int:
    if isinstance(raised, MemoryError):
        return EXIT_MEMORY
    if isinstance(raised, SystemExit):
        return 0 if raised.code is None else raised.code & 0xFF if isinstance(raised.code, int) else 1
    return EXIT_RAISED


def _flush() -> None:
    sys.stdout.flush()
