"""The backups of a machine, asked for as the supervisor asks, and looked at as root."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from appliance.operations.catalog import find_operation
from tests.machines.machine import Machine
from tests.machines.programs import wait_until
from tests.machines.units import Units

FOLDER = "/var/lib/cloister/repository"
KEY = "/etc/credstore/cloister.backup-key"
CATALOG = "/var/lib/cloister/backup/catalog.json"
OPERATIONS = "/run/cloister/operations"
SERVER_SOCKET = "/run/cloister/repository/repository.sock"
SERVER = f"rest:http+unix://{SERVER_SOCKET}:/"
SECONDS = 300


@dataclass(frozen=True, slots=True)
class Backups:
    """Runs operations on one machine."""

    machine: Machine

    def begin(self, name: str, **request: object) -> None:
        """Start an operation: leave its request in its folder, as the supervisor does."""
        folder = f"{OPERATIONS}/{name}"
        self.machine.run(f"rm -f {folder}/*")
        self.machine.write(f"{folder}/request", json.dumps(request))
        self.machine.run(f"systemctl start {find_operation(name).unit}")

    def runs(self, name: str) -> bool:
        """Whether an operation is at work."""
        unit = shlex.quote(find_operation(name).unit)
        return self.machine.run(f"systemctl is-active --quiet {unit}", check=False).returncode == 0

    def end(self, name: str, seconds: float = SECONDS) -> dict[str, Any]:
        """Wait for the end of an operation, and return what it says of it."""
        unit = shlex.quote(find_operation(name).unit)
        self.machine.wait_until(f"! systemctl is-active --quiet {unit}", seconds)
        said = self.machine.run(f"cat {OPERATIONS}/{name}/result", check=False).stdout
        journal = self.machine.run(f"journalctl --unit={unit} --lines=40 --output=cat").stdout
        assert said, journal
        result: dict[str, Any] = json.loads(said)
        return result

    def do(self, name: str, **request: object) -> dict[str, Any]:
        """Carry out an operation that is expected to succeed, and return what it found."""
        self.begin(name, **request)
        result = self.end(name)
        assert result["outcome"] == "done", result
        found: dict[str, Any] = result["found"]
        return found

    def make_folder(self, path: str) -> None:
        """Make a folder for copies, as root does."""
        self.machine.run(f"install -d -o cloister-offsite -g cloister-repository -m 2770 {path}")

    def set_up_target(self, number: int, **facts: str) -> None:
        """Name a place for copies, as the console does."""
        target = dict.fromkeys(("user", "secret", "identity", "region", "opens", "closes"), "")
        text = json.dumps({**target, "name": "copies", **facts, "number": number, "limit": 0})
        path = f"/var/lib/cloister/offsite/{number}.json"
        self.machine.write(path, text, 0o640)
        self.machine.run(f"chown cloister:cloister-targets {path}")

    def wait_until_exchanged(self) -> None:
        """Return when the database that was restored is in use and serves."""

        def is_exchanged() -> bool:
            return bool(self.do("restore", work="status")["state"] == "unconfirmed")

        wait_until(is_exchanged, "the restored database is in use", 120)
        Units(self.machine).wait_until_all_ready(120)

    def undo(self) -> None:
        """Return to the former database, which serves afterwards; the restored one is removed."""
        self.machine.run("cloister restore undo", seconds=300)
        assert self.do("restore", work="status")["state"] == "none"
        Units(self.machine).wait_until_all_ready(120)

    def catalog(self) -> dict[str, Any]:
        """Return the published list, as the supervisor reads it."""
        read = f"setpriv --reuid=cloister --regid=cloister --init-groups cat {CATALOG}"
        found: dict[str, Any] = json.loads(self.machine.run(read).stdout)
        return found

    def snapshots(self, *tags: str, repository: str = SERVER) -> list[str]:
        """Return the ids of all snapshots, or of those with a tag, in the order of their time."""
        words = ("snapshots", "--json", "--no-lock", *(f"--tag={tag}" for tag in tags))
        listed: list[dict[str, Any]] = json.loads(self.restic(*words, repository=repository))
        return [entry["id"] for entry in sorted(listed, key=lambda entry: str(entry["time"]))]

    def restic(self, *words: str, repository: str = SERVER, check: bool = True) -> str:
        """Work on the backups as root, with the machine's own key."""
        options = (f"--repo={repository}", f"--password-file={KEY}", "--no-cache")
        command = shlex.join(("restic", *options, *words))
        return self.machine.run(command, check=check, seconds=SECONDS).stdout


def can_back_up(machine: Machine) -> bool:
    """Whether the package that is installed makes backups: versions before 0.2 make none."""
    return machine.run(f"test -S {SERVER_SOCKET}", check=False).returncode == 0
