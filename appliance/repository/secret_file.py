"""A secret as a file that is on no disk, for a program that takes the name of a file only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def secret_file(secret: str) -> Iterator[Path]:
    """Lend the path of a file in memory that holds `secret`; it is gone after the block.

    The path leads through our own entry in /proc: programs of other accounts cannot open it.
    """
    descriptor = os.memfd_create("secret", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, secret.encode())
        yield Path(f"/proc/{os.getpid()}/fd/{descriptor}")
    finally:
        os.close(descriptor)
