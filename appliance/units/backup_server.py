"""The server of the repository: adds to the backups of this machine, and removes nothing.

Only the package has it. In a clone the account that makes the backups could delete them in any
case, so that they are kept in the folder without a server.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

from appliance.core.settings import Settings
from appliance.probes.last_answer import LastAnswerProbe
from appliance.repository.place import MODELS
from appliance.units import asked_server
from appliance.units.directories import prepare_directories
from appliance.units.model import Unit

NAME = "backup-server"
# The folders of a repository, as restic lays them out.
_FOLDERS = ("snapshots", "index", "keys", "locks", "data", *(f"data/{n:02x}" for n in range(256)))
# The group is that of the folder above: it reads ciphertext, for off-site copies.
_MODE = 0o750


def backup_server(settings: Settings, program: Path) -> Unit:
    """Return the unit of the server of the repository."""
    socket = settings.repository_socket
    # The supervisor may not connect to the socket: a process beside the server asks.
    asked = (sys.executable, "-I", "-S", asked_server.__file__, str(socket))
    return Unit(
        name=NAME,
        description="Backup server (restic rest-server)",
        command=(
            *asked,
            str(_answer(settings)),
            str(program),
            "--append-only",
            # Whoever may connect to the socket may add: its folder decides who that is.
            "--no-auth",
            f"--listen=unix:{socket}",
            f"--path={settings.repository}",
        ),
        probe=LastAnswerProbe(_answer(settings)),
        directory=settings.home,
        environment={"HOME": str(settings.home)},
        account=settings.account,
        prepare=partial(_prepare, settings),
        stop_grace=10.0,
        program_files=(program,),
    )


def _answer(settings: Settings) -> Path:
    """Return the file that says when the server last answered."""
    return settings.repository_socket.with_name("answered")


async def _prepare(settings: Settings) -> None:
    await prepare_directories(settings, settings.repository, settings.repository_socket.parent)
    for repository in (settings.repository, settings.repository / MODELS):
        await asyncio.to_thread(_forget_unfinished, repository)
        await asyncio.to_thread(_make_folders, repository)
    # After a kill its file is still there, and nothing can listen at a path that exists. What the
    # former server answered says nothing about the next one.
    for path in (settings.repository_socket, _answer(settings)):
        await asyncio.to_thread(path.unlink, missing_ok=True)


def _forget_unfinished(repository: Path) -> None:
    """Remove what a power cut has left of a repository that was just being made.

    The server does not sync the file `config`, and replaces none that is there. An empty one
    without any snapshot holds nothing; with a snapshot it is a damage, which the check names.
    """
    config = repository / "config"
    if not config.exists() or config.stat().st_size or _has_files(repository / "snapshots"):
        return
    for path in (config, *repository.glob("keys/*"), *repository.glob("locks/*")):
        path.unlink()


def _has_files(folder: Path) -> bool:
    return folder.exists() and any(folder.iterdir())


def _make_folders(repository: Path) -> None:
    """Make the folders for the group, too: the server would make them for its account alone.

    Their set-group-id bit comes from the folder above; a sealed service cannot set it.
    """
    for name in (".", *_FOLDERS):
        (repository / name).mkdir(mode=_MODE, exist_ok=True)
