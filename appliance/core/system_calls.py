"""System calls of Linux that Python has no functions for."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long

_NO_NEW_PRIVILEGES = 38
_CAPABILITIES_VERSION = 0x20080522
_WORKING_DIRECTORY, _RENAME_EXCHANGE = -100, 2

Argument = int | bytes | None


def system_call(number: int, *arguments: Argument) -> int:
    """Make the system call and return its result; bytes are passed by their address.

    Raises OSError.
    """
    return _checked(_LIBC.syscall(ctypes.c_long(number), *map(_word, arguments)))


def control_process(option: int, *arguments: Argument) -> None:
    """Call prctl(2) for the calling thread. Raises OSError."""
    words = [_word(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    _checked(_LIBC.prctl(ctypes.c_int(option), *words))


def renounce_privileges() -> None:
    """Take all capabilities from the calling thread, and from every program that it starts.

    A set-user-id bit, or the identity of root, gives none of them back.
    """
    control_process(_NO_NEW_PRIVILEGES, 1)
    header = _CAPABILITIES_VERSION.to_bytes(4, "little") + bytes(4)
    _checked(_LIBC.capset(header, bytes(24)))


def exchange(one: Path, other: Path) -> None:
    """Let two paths on the same file system change their names in one step: renameat2(2).

    Raises OSError: with EINVAL where the file system cannot do it.
    """
    _checked(
        _LIBC.renameat2(
            ctypes.c_int(_WORKING_DIRECTORY),
            os.fsencode(one),
            ctypes.c_int(_WORKING_DIRECTORY),
            os.fsencode(other),
            ctypes.c_uint(_RENAME_EXCHANGE),
        )
    )


def _word(argument: Argument) -> ctypes.c_long | ctypes.c_char_p:
    if isinstance(argument, int):
        return ctypes.c_long(argument)
    return ctypes.c_char_p(argument)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
