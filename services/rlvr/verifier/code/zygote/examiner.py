"""Test code in a process of its own, jailed as a candidate is: it calls the program only through the room.

No line of the candidate's runs here and nothing but plain values arrive, so the verdict is the test's own.
"""

from __future__ import annotations

import builtins
import os
import random
from collections.abc import Callable
from json import dumps as _quote
from typing import Any, NoReturn

from rlvr.verifier.code.zygote.encoding import NotPlain, encode
from rlvr.verifier.code.zygote.harness import ENTRY, EXIT_MEMORY, compile_program, new_module, read_frame, send

_RANDOM_SEED = 20
"""So that a test that draws its inputs draws the same ones each time."""


_NOT_RAISED = (StopIteration, StopAsyncIteration, BaseExceptionGroup)


class RaisedByProgram(Exception):
    """The program raised an exception of its own."""


class _NotPassed(BaseException):
    """An argument that cannot be passed on; no `except Exception` of the test's stops it."""


def run_tests(code: str, called: list[str], nonce: str, answers_fd: int, result_fd: int) -> NoReturn:
    """Run test code in which the names `called` are the program's; `check`, if it defines one, gets the entry point.

    Writes lines: {"ask": [name, args, kwargs]}, to which the answer comes on `answers_fd`, and at the end
    {"end": nonce, "how": "passed" | "failed" | "raised" | "no_module" | "not_passed", "what": type's name}.
    """
    how, what = "passed", ""
    of_program: list[BaseException] = []
    try:
        with open(answers_fd, "rb", buffering=0) as answers:
            proxies = {name: _proxy(name, answers.read, result_fd, of_program) for name in [*called, ENTRY]}
            random.seed(_RANDOM_SEED)
            names = new_module("tests")
            names.update({name: proxies[name] for name in called})
            exec(compile_program(code), names)  # noqa: S102 - this process exists to do so
            if callable(names.get("check")):
                names["check"](proxies[ENTRY])
    except MemoryError:
        os._exit(EXIT_MEMORY)
    except AssertionError:
        how = "failed"
    except _NotPassed as failure:
        how, what = "not_passed", str(failure)
    except BaseException as raised:  # noqa: BLE001 - whatever it is, the test did not pass
        is_ours = isinstance(raised, ImportError) and not any(raised is other for other in of_program)
        how, what = "no_module" if is_ours else "raised", type(raised).__name__
    send(result_fd, f'{{"end":{_quote(nonce)},"how":{_quote(how)},"what":{_quote(what)}}}')
    os._exit(0)


def _proxy(
    name: str, read: Callable[[int], bytes], result_fd: int, of_program: list[BaseException]
) -> Callable[..., Any]:
    """A function that stands for one of the program's; what that raises is noted in `of_program`."""

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            text = encode([name, list(args), kwargs])
        except NotPlain as other:
            raise _NotPassed(str(other)) from None
        send(result_fd, f'{{"ask":{text}}}')
        answer = read_frame(read)
        if answer is None:  # the room has hung up
            os._exit(0)
        if "raised" in answer:
            of_program.append(_exception(answer["raised"]))
            raise of_program[-1]
        for arg, changed in zip(args, answer.get("args", ()), strict=False):
            _become(arg, changed)
        return iter(answer["items"]) if "items" in answer else answer["value"]

    call.__name__ = call.__qualname__ = name
    return call


def _exception(name: str) -> Exception:
    """The built-in exception of this name, where there is one and it can be raised anywhere: a StopIteration would tell
    `all(map(...))` in the test that there is nothing left to look at."""
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, _NOT_RAISED):
        return kind.__new__(kind, "raised by the program")  # without the arguments that some want
    return RaisedByProgram("raised by the program")


def _become(value: Any, changed: Any) -> None:
    """Give a mutable argument the content that the call has left in it."""
    if type(value) is list:
        value[:] = changed
    elif type(value) in (dict, set):
        value.clear()
        value.update(changed)
