"""seccomp: a thread gives up system calls (seccomp(2)), and so does every program that it starts.

Landlock decides which files can be opened. This filter denies what Landlock does not know, or not
in every version: sockets, other processes, name spaces, and each change of a file.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from functools import cache

from appliance.core.seccomp_table import CLONE3, NEWEST, ArgumentRule, Condition, Rules
from appliance.core.system_calls import control_process

_SET_SECCOMP, _FILTER = 22, 2
_ALLOW = 0x7FFF0000
_FAIL = 0x00050000
_EPERM, _ENOSYS = (_FAIL | number for number in (errno.EPERM, errno.ENOSYS))

# Where the kernel puts what it knows of a call: its number, the architecture, six arguments.
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_AUDIT_NAMES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_COLUMN = {"x86_64": 0, "aarch64": 1}

# Instructions of the kernel's packet filter: load a word, compare and jump, return.
_LOAD, _EQUAL, _GREATER, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_INSTRUCTION = struct.Struct("=HBBI")

Instruction = tuple[int, int, int, int]


@cache
def is_available() -> bool:
    """Return whether the kernel has filters, and the machine's system calls are known here."""
    if os.uname().machine not in _COLUMN or sys.maxsize < 2**32:
        return False
    try:
        control_process(_SET_SECCOMP, _FILTER, None)
    except OSError as error:
        # The kernel looked for the filter, and found that there is none.
        return error.errno == errno.EFAULT
    return False


def filter_thread(rules: Rules) -> None:
    """Deny calls to the calling thread, for good; filters add up.

    Needs a thread that has renounced its privileges. Raises OSError.
    """
    instructions = program(rules, os.uname().machine)
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    count = len(instructions) // _INSTRUCTION.size
    header = struct.pack("@HP", count, ctypes.addressof(buffer))
    control_process(_SET_SECCOMP, _FILTER, header)


@cache
def program(rules: Rules, machine: str) -> bytes:
    """Return the filter for a kind of machine, as the kernel reads it. Pure."""
    column = _COLUMN[machine]
    instructions: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _AUDIT_NAMES[machine]),
        (_RETURN, 0, 0, _EPERM),
        (_LOAD, 0, 0, _NUMBER),
        # Programs know what to do without a call that is newer than they are.
        (_GREATER, 0, 1, NEWEST),
        (_RETURN, 0, 0, _ENOSYS),
        (_EQUAL, 0, 1, CLONE3),
        (_RETURN, 0, 0, _ENOSYS),
    ]
    for numbers in rules.calls.values():
        if (number := numbers[column]) is not None:
            instructions += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _EPERM)]
    for rule in rules.arguments:
        if (number := rule.numbers[column]) is not None:
            instructions += _argument(number, rule)
    instructions.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in instructions)


def _argument(number: int, rule: ArgumentRule) -> tuple[Instruction, ...]:
    return (
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _FIRST_ARGUMENT + 8 * rule.position),
        _comparison(rule),
        (_RETURN, 0, 0, _EPERM),
        (_LOAD, 0, 0, _NUMBER),
    )


def _comparison(rule: ArgumentRule) -> Instruction:
    """Return the jump over the next instruction, which denies the call."""
    match rule.condition:
        case Condition.HAS_ANY:
            return (_ANY_BIT, 0, 1, rule.value)
        case Condition.LACKS_ALL:
            return (_ANY_BIT, 1, 0, rule.value)
        case Condition.EQUALS:
            return (_EQUAL, 0, 1, rule.value)
        case Condition.DIFFERS:
            return (_EQUAL, 1, 0, rule.value)
