"""The filter of system calls: a classic BPF program made from `syscall_policy`."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import ClassVar

from rlvr.verifier.code.isolation import syscall_policy as policy
from rlvr.verifier.code.isolation.kernel import PR_SET_NO_NEW_PRIVS, libc, prctl
from rlvr.verifier.code.isolation.syscall_numbers import AARCH64, X86_64

# machine -> audit.h's AUDIT_ARCH_* and the numbers of its calls
_MACHINES = {"x86_64": (0xC000003E, X86_64), "aarch64": (0xC00000B7, AARCH64)}
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2

# linux/seccomp.h: what a filter answers, and where in `struct seccomp_data` it finds what
_KILL_PROCESS, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

# linux/bpf_common.h
_LOAD, _AND, _JUMP, _RETURN = 0x20, 0x54, 0x05, 0x06
_IF_EQUAL, _IF_AT_LEAST = 0x15, 0x35


class _Program(ctypes.Structure):
    """`struct sock_fprog`. Declared once: to make a ctypes type is dear, and would be paid for in each run."""

    _fields_: ClassVar = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


Code = list[tuple[int, int, int, int]]
"""Instructions: operation, jump if true, jump if false, operand."""


def make_filter(*, attributes: bool, signal_only: int | None = None, machine: str | None = None) -> bytes:
    """The filter for a candidate on a machine, by default this one.

    `attributes` allows chmod and its kin; `signal_only` lets kill(2) reach no process but that and the groups
    of the caller.

    Raises:
        OSError: the numbers of the machine's system calls are not known here.
    """
    machine = machine or os.uname().machine
    if machine not in _MACHINES:
        raise OSError(errno.ENOSYS, f"no system-call filter for {machine}; there are {', '.join(_MACHINES)}")
    architecture, numbers = _MACHINES[machine]
    answers = {numbers[name]: code for name, code in _answers(attributes, signal_only).items() if name in numbers}
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL_PROCESS),  # ia32 and x32 calls have other numbers; x32's are over the last range
        (_LOAD, 0, 0, _NUMBER),
        *_search(_ranges(answers)),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def install(program: bytes) -> None:
    """Put this thread, and what it starts, under the filter for good. Raises OSError."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    head = _Program(len(program) // 8, program)
    libc("prctl", _PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(head), 0, 0)


def _answers(attributes: bool, signal_only: int | None) -> dict[str, Code]:
    """Name of a call -> code that answers it, with the number of the call loaded."""
    own = () if signal_only is None else (policy.Condition(0, 0xFFFFFFFF, (signal_only, 0)),)
    return {
        **dict.fromkeys(policy.PRIVILEGED, _refuse(errno.EPERM)),
        **dict.fromkeys(policy.NETWORK, _refuse(errno.EACCES)),
        **dict.fromkeys(policy.ATTRIBUTES, _allow() if attributes else _refuse(errno.EPERM)),
        **dict.fromkeys(policy.ALLOWED, _allow()),
        **dict.fromkeys(policy.SIGNALLING, _allow(*own)),
        **{name: _allow(*conditions) for name, conditions in policy.ALLOWED_IF.items()},
    }


def _refuse(code: int) -> Code:
    return [(_RETURN, 0, 0, _ERRNO | code)]


def _allow(*conditions: policy.Condition) -> Code:
    """Allow, if every condition holds. The kernel reads these arguments as ints: their low halves, which come first."""
    code: Code = []
    for argument, mask, values in conditions:
        code += [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), (_AND, 0, 0, mask)]
        code += [(_IF_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
        code += _refuse(errno.EPERM)
    return [*code, (_RETURN, 0, 0, _ALLOW)]


def _ranges(answers: dict[int, Code]) -> list[tuple[int, Code]]:
    """(first number, answer) of each range of calls with the same answer, ascending, from 0 to the last number."""
    ranges = [(0, _refuse(errno.ENOSYS))]
    for number in range(max(answers) + 2):
        code = answers.get(number, _refuse(errno.ENOSYS))
        if code != ranges[-1][1]:
            ranges.append((number, code))
    return ranges


def _search(ranges: list[tuple[int, Code]]) -> Code:
    """Binary search: the kernel tries every number when a filter is installed, and that is paid for in each run."""
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    lower, upper = _search(ranges[:middle]), _search(ranges[middle:])
    # A conditional jump reaches 255 instructions, an unconditional one any.
    return [(_IF_AT_LEAST, 0, 1, ranges[middle][0]), (_JUMP, 0, 0, len(lower)), *lower, *upper]
