"""A machine with a repository, and the targets that copies of it go to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from appliance.core.clock import Clock, SystemClock
from appliance.core.settings import Settings
from appliance.offsite.model import Target, TargetKind, TargetState
from appliance.offsite.operation import work_of
from appliance.offsite.targets import Targets
from appliance.operations.folder import OperationFolder
from appliance.operations.work import Reporter
from tests.appliance import ROOT
from tests.builders.repositories import PASSWORD, fast_repository
from tests.fakes.offsite import (
    PASSWORD as SECRET,
)
from tests.fakes.offsite import (
    USER,
    RunningServer,
    account,
    client_key,
    host_fingerprint,
)


def restic(repository: object, *work: str, folder: Path | None = None, check: bool = True) -> str:
    """Run restic with the machine's key, and return what it printed."""
    finished = subprocess.run(
        ["restic", f"--repo={repository}", "--no-cache", *work],
        env={**os.environ, "RESTIC_PASSWORD": PASSWORD},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout + finished.stderr


@dataclass
class Machine:
    """A home with a repository whose contents a test makes up; its targets are real files."""

    settings: Settings
    clock: Clock = field(default_factory=SystemClock)

    @property
    def targets(self) -> Targets:
        """The targets of this machine."""
        return Targets(self.settings.offsite)

    @property
    def documents(self) -> Path:
        """What the sets of this machine hold."""
        return self.settings.documents

    def back_up(self, *tags: str) -> str:
        """Save the documents as a snapshot; return its id."""
        options = [f"--tag={tag}" for tag in tags or ("set",)]
        told = restic(
            self.settings.repository,
            *("backup", "--json", *options, "documents"),
            folder=self.settings.home,
        )
        summary = next(json.loads(line) for line in told.splitlines() if '"summary"' in line)
        (whole,) = self.settings.repository.glob(f"snapshots/{summary['snapshot_id']}*")
        return whole.name

    def add_documents(self, count: int = 3, size: int = 200_000) -> None:
        """Add files of random bytes."""
        for _ in range(count):
            (self.documents / os.urandom(8).hex()).write_bytes(os.urandom(size))

    def set_up(self, target: Target) -> Target:
        """Write the file of a target, as the supervisor does."""
        self.settings.offsite.mkdir(exist_ok=True)
        path = self.settings.offsite / f"{target.number}.json"
        path.write_text(json.dumps(asdict(target)))
        return target

    def folder_target(self, folder: Path, **changes: Any) -> Target:
        """Set up a folder that exists."""
        folder.mkdir(parents=True, exist_ok=True)
        return self.set_up(_target(TargetKind.FOLDER, str(folder), **changes))

    async def do(self, work: str, number: int = 1, **request: object) -> dict[str, Any]:
        """Carry out the operation of a target in this process; return what it found."""
        carried_out = work_of(self.settings, self.clock, number)
        reporter = Reporter(OperationFolder(self._folder(number)), self.clock)
        return dict(await carried_out({"work": work, **request}, reporter))

    def start(self, work: str, number: int = 1, **request: object) -> Popen[bytes]:
        """Start the operation as a process of its own, as the supervisor does."""
        OperationFolder(self._folder(number)).ask({"work": work, **request})
        return Popen(
            [sys.executable, "-m", "appliance", "operation", f"offsite-{number}"],
            cwd=ROOT,
            env={**os.environ, **self.settings.as_environment()},
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
        )

    def folder(self, number: int = 1) -> OperationFolder:
        """Return the files of the operation."""
        return OperationFolder(self._folder(number))

    async def state(self, number: int = 1) -> TargetState:
        """Return how copies to a target went."""
        return await self.targets.state(number)

    def _folder(self, number: int) -> Path:
        folder = self.settings.operations / f"offsite-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def machine(folder: Path) -> Machine:
    """Return a machine in a new folder, with an empty repository."""
    settings = Settings(folder / "home")
    settings.documents.mkdir(parents=True)
    fast_repository(settings.repository)
    return Machine(settings)


def _target(kind: TargetKind, place: str, **changes: Any) -> Target:
    return Target(**{"number": 1, "name": "cellar", "kind": kind, "place": place, **changes})


def sftp_target(server: RunningServer, **changes: Any) -> Target:
    """Return the target of an SFTP server."""
    place = f"sftp://127.0.0.1:{server.port}{server.folder}/copy"
    given = {
        "user": account(),
        "secret": client_key(server),
        "identity": host_fingerprint(server),
    }
    return _target(TargetKind.SFTP, place, **{**given, **changes})


def rest_target(server: RunningServer, **changes: Any) -> Target:
    """Return the target of a REST server."""
    place = f"http://127.0.0.1:{server.port}/copy/"
    return _target(TargetKind.REST, place, **{"user": USER, "secret": SECRET, **changes})


def s3_target(server: RunningServer, **changes: Any) -> Target:
    """Return the target of an S3 server."""
    place = f"http://127.0.0.1:{server.port}/copies/machine"
    return _target(TargetKind.S3, place, **{"user": USER, "secret": SECRET, **changes})
