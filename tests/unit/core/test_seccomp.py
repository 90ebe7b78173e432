"""The filter of system calls, run as the kernel runs it: a small machine of five instructions."""

from __future__ import annotations

import errno
import os
import struct

import pytest

from appliance.core.seccomp import program
from appliance.core.seccomp_table import CONFINED, CONFINED_WITHOUT_SIGNALS, NO_PROCESSES, Rules

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386 = 0x40000003
ALLOWED = 0
THREAD, USER_NAME_SPACE = 0x10000, 0x10000000
VM_AND_THREAD = 0x100 | THREAD
SIGCHLD = 17


def outcome(
    rules: Rules, machine: str, number: int, *arguments: int, architecture: int | None = None
) -> int:
    """Return 0 if the filter allows the call, else the error that it makes of it."""
    known = ARCHITECTURES[machine] if architecture is None else architecture
    data = struct.pack("=IIQ6Q", number, known, 0, *(*arguments, *[0] * 6)[:6])
    instructions = list(struct.iter_unpack("=HBBI", program(rules, machine)))
    loaded = position = 0
    while True:
        code, if_true, if_false, value = instructions[position]
        position += 1
        match code:
            case 0x20:
                loaded = struct.unpack_from("=I", data, value)[0]
            case 0x06:
                return ALLOWED if value == 0x7FFF0000 else value & 0xFFFF
            case _:
                holds = {0x15: loaded == value, 0x25: loaded > value, 0x45: loaded & value}[code]
                position += if_true if holds else if_false


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize("rules", [CONFINED, CONFINED_WITHOUT_SIGNALS, NO_PROCESSES])
def test_every_listed_call_is_denied(machine: str, rules: Rules) -> None:
    column = list(ARCHITECTURES).index(machine)
    numbers = [number for each in rules.calls.values() if (number := each[column]) is not None]
    assert len(numbers) == len(set(numbers))
    for number in numbers:
        assert outcome(rules, machine, number) == errno.EPERM


@pytest.mark.parametrize(("machine", "openat"), [("x86_64", 257), ("aarch64", 56)])
def test_a_file_can_be_opened_for_reading_alone(machine: str, openat: int) -> None:
    def opened(flags: int) -> int:
        return outcome(CONFINED, machine, openat, 0, 0, flags)

    assert opened(os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY) == ALLOWED
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_RDWR | os.O_TMPFILE):
        assert opened(flags) == errno.EPERM


@pytest.mark.parametrize(("machine", "clone"), [("x86_64", 56), ("aarch64", 220)])
def test_a_process_without_processes_may_have_threads(machine: str, clone: int) -> None:
    assert outcome(NO_PROCESSES, machine, clone, VM_AND_THREAD) == ALLOWED
    assert outcome(NO_PROCESSES, machine, clone, SIGCHLD) == errno.EPERM
    assert outcome(CONFINED, machine, clone, SIGCHLD) == ALLOWED
    assert outcome(CONFINED, machine, clone, SIGCHLD | USER_NAME_SPACE) == errno.EPERM


@pytest.mark.parametrize(
    ("machine", "prlimit", "fcntl"), [("x86_64", 302, 72), ("aarch64", 261, 25)]
)
def test_limits_and_signals_of_other_processes_are_out_of_reach(
    machine: str, prlimit: int, fcntl: int
) -> None:
    assert outcome(CONFINED, machine, prlimit, 0) == ALLOWED
    assert outcome(CONFINED, machine, prlimit, 4711) == errno.EPERM
    get_flags, set_owner = 3, 8
    assert outcome(CONFINED, machine, fcntl, 0, get_flags) == ALLOWED
    assert outcome(CONFINED, machine, fcntl, 0, set_owner) == errno.EPERM


def test_newer_calls_do_not_exist_and_other_numberings_are_refused() -> None:
    clone3, openat2, x32_open = 435, 437, 0x40000002
    for number in (clone3, openat2, x32_open):
        assert outcome(CONFINED, "x86_64", number) == errno.ENOSYS
    assert outcome(CONFINED, "x86_64", 3, architecture=I386) == errno.EPERM


def test_what_every_program_needs_is_allowed() -> None:
    read, close_range, execve, exit_group = 0, 436, 59, 231
    for number in (read, close_range, execve, exit_group):
        assert outcome(CONFINED_WITHOUT_SIGNALS, "x86_64", number) == ALLOWED
