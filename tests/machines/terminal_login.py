"""Run inside a machine: logs in at a terminal as root, leaves again, and prints what it saw."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
from contextlib import suppress

PATIENCE_SECONDS = 20.0
PROMPT = b"#"


def main() -> None:
    login, terminal = pty.fork()
    if login == 0:
        os.execvp("login", ("login", "-f", "root"))  # noqa: S606  nothing comes from outside
    seen, left = b"", False
    deadline = time.monotonic() + PATIENCE_SECONDS
    while os.waitpid(login, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            sys.exit(f"nobody was let in within {PATIENCE_SECONDS:g} s: {seen!r}")
        # login hangs the terminal up, so that nobody else is on it; then reading fails a moment.
        with suppress(OSError):
            if select.select([terminal], [], [], 0.05)[0]:
                seen += os.read(terminal, 65536)
        if not left and seen.rstrip().endswith(PROMPT):
            os.write(terminal, b"exit\n")
            left = True
    print(seen.decode(errors="replace"))


if __name__ == "__main__":
    main()
