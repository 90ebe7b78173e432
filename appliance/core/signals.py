"""Signals that ask a process to end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable


def on_signals(numbers: Iterable[signal.Signals], act: Callable[[], object]) -> None:
    """Call `act` in the running loop when one of the signals arrives.

    A signal that the process ignored from its start stays ignored: `nohup` and the `&` of a script
    start programs so that neither a closed terminal nor Ctrl-C for another program ends them.
    """
    loop = asyncio.get_running_loop()
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, act)
