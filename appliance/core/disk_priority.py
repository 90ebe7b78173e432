"""Let a thread read the disk only while no other program wants it."""

from __future__ import annotations

import platform

from appliance.core.system_calls import system_call

# ioprio_set(2), which the C library does not offer: its number on each architecture.
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
_OF_A_THREAD = 1
_CALLER = 0
_IDLE_CLASS = 3 << 13


def yield_disk() -> bool:
    """Put the calling thread into the idle class; return whether the kernel allowed it.

    A sealed service may not change its priorities: there the class follows from its nice value.
    """
    number = _IOPRIO_SET.get(platform.machine())
    if number is None:
        return False
    try:
        system_call(number, _OF_A_THREAD, _CALLER, _IDLE_CLASS)
    except OSError:
        return False
    return True
