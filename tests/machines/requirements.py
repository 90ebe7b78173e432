"""What a host must have so that it can boot machines."""

from __future__ import annotations

import os
import shutil

PROGRAMS = ("systemd-nspawn", "mmdebstrap", "tcpdump", "ip", "nsenter", "mkfs.ext4")


def missing() -> str | None:
    """Why this host cannot boot machines; nothing when it can."""
    if os.environ.get("CLOISTER_MACHINE_TESTS") == "never":
        return "CLOISTER_MACHINE_TESTS=never"
    if os.geteuid() != 0:
        return "only root can boot machines"
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"{', '.join(absent)} missing; packaging/machine/setup installs them" if absent else None


REASON = missing()
