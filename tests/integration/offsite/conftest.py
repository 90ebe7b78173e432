"""A machine with one set, and targets of each kind on real servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from appliance.offsite.model import Target, TargetKind
from tests.builders.offsite import Machine, machine, rest_target, s3_target, sftp_target
from tests.fakes.offsite import RunningServer, rest_server, s3_server, sftp_server


@pytest.fixture
def home(tmp_path: Path) -> Machine:
    made = machine(tmp_path)
    made.add_documents()
    return made


@pytest.fixture
def servers() -> Iterator[ExitStack]:
    """Ends the servers of a test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=TargetKind)
def kind(request: pytest.FixtureRequest) -> TargetKind:
    return TargetKind(request.param)


@pytest.fixture
def target(
    kind: TargetKind, home: Machine, servers: ExitStack, tmp_path: Path
) -> tuple[Target, Path]:
    """A target of each kind, and the folder in which its server keeps the files of the copy."""
    if kind is TargetKind.FOLDER:
        return home.folder_target(tmp_path / "disk"), tmp_path / "disk"
    made, server, copy = _served(kind, servers, tmp_path / "server")
    return home.set_up(made), server.folder / copy


def _served(
    kind: TargetKind, servers: ExitStack, folder: Path
) -> tuple[Target, RunningServer, str]:
    match kind:
        case TargetKind.SFTP:
            server = servers.enter_context(sftp_server(folder))
            return sftp_target(server), server, "copy"
        case TargetKind.REST:
            server = servers.enter_context(rest_server(folder))
            return rest_target(server), server, "copy"
        case _:
            server = servers.enter_context(s3_server(folder))
            return s3_target(server), server, "copies/machine"
