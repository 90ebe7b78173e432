"""Homes whose database is backed up, and restored by operations that run as they do in a clone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.core.settings import Settings
from tests.builders.repositories import PASSWORD, fast_repository
from tests.builders.restores import Machine, hand_over, settings_in
from tests.postgres import Server, running_server, scratch_folder


@pytest.fixture(scope="module")
def live_server() -> Iterator[Server]:
    """The running database of the machine that is backed up."""
    with scratch_folder("cloister-live-") as folder, running_server(folder) as server:
        asyncio.run(server.make_database())
        yield server


@pytest.fixture
def machine(live_server: Server) -> Iterator[Machine]:
    """A machine with an empty library, on the database of the module."""
    with scratch_folder("cloister-machine-") as folder:
        folder.chmod(0o755)
        settings = settings_in(folder / "home")
        settings.database_socket.symlink_to(live_server.socket)
        settings.state.mkdir()
        (settings.state / "backup.key").write_text(PASSWORD)
        fast_repository(settings.repository)
        hand_over(folder)
        machine = Machine(settings, live_server)
        machine.empty()
        yield machine


@pytest.fixture
def empty_machine(machine: Machine) -> Iterator[Settings]:
    """Another machine, which has nothing but the programs."""
    with scratch_folder("cloister-empty-") as folder:
        folder.chmod(0o755)
        settings = settings_in(folder / "home")
        hand_over(folder)
        yield settings


@pytest.fixture
def copy(machine: Machine) -> Path:
    """The path for a copy of the repository, as on a mounted disk."""
    return machine.settings.home.parent / "copy"
