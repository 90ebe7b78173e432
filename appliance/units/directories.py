"""Directories that belong to the account that a unit runs as."""

from __future__ import annotations

import asyncio
import os
import pwd
from pathlib import Path

from appliance.core.files import private_directory
from appliance.core.settings import Settings


def give_to(path: Path, account: str | None) -> None:
    """Make `account` the owner of `path`, which only root can and only root needs."""
    if account is not None and os.geteuid() == 0:
        entry = pwd.getpwnam(account)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def owned_directory(path: Path, account: str | None) -> Path:
    """Create a directory that only `account` can enter, and return it."""
    give_to(private_directory(path), account)
    return path


async def prepare_directories(settings: Settings, *more: Path) -> None:
    """Create the home, the folder of sockets, and `more`, as every unit expects them.

    When packaged, systemd-tmpfiles has made them all, each with the owner it must have.
    """
    if settings.packaged:
        return
    for path in (settings.home, settings.run, *more):
        await asyncio.to_thread(owned_directory, path, settings.account)
