"""A Debian machine that tests boot, look into, and treat badly.

Its root is an overlay on an image, so it exists at once and an image serves many machines.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.machines.disk import Disk, Folder, Storage
from tests.machines.ground import Ground, remove_lock
from tests.machines.init import Init
from tests.machines.network import Place
from tests.machines.programs import MachineError, run_program, wait_until

Connection = Place | Literal["none", "host"]
ARCHIVES = "/var/cache/apt/archives"
# What a real machine has, and older versions of nspawn keep from theirs. Without bpf,
# IPAddressDeny= and its like have no effect inside, and say nothing; the others are Landlock's.
SYSTEM_CALLS = ("bpf", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self")


@dataclass(frozen=True, slots=True)
class Image:
    """What a machine starts from: folders that lie on each other, the upmost first."""

    layers: tuple[Path, ...]


class Machine:
    """One machine. Use `new_machine`, which also ends it."""

    def __init__(
        self,
        ground: Ground,
        name: str,
        image: Image,
        *,
        disk: str | None = None,
        archive: Path | None = None,
    ) -> None:
        """With `disk`, a size like 4G, the machine can lose power; `archive` holds packages."""
        self.name = name
        self.folder = ground.folder / name
        self.root = self.folder / "root"
        self.console = self.folder / "console"
        self._full_name = f"{ground.name}-{name}"
        self._group = ground.control_group(name)
        self._image = image
        self._archive = archive
        self._storage: Storage
        if disk is None:
            self._storage = Folder(self.folder / "changes")
        else:
            self._storage = Disk(self.folder, disk)
        self._init: Init | None = None
        self._connection: Connection = "none"

    def assemble(self) -> None:
        """Put the root file system together, so that it can be changed before a boot."""
        if self.root.is_mount():
            return
        self._storage.attach()
        upper, work = self._storage.content / "upper", self._storage.content / "work"
        for folder in (upper, work, self.root):
            folder.mkdir(exist_ok=True)
        lower = ":".join(str(layer) for layer in self._image.layers)
        # A folder of the image can be renamed, as on any other disk.
        options = f"redirect_dir=on,lowerdir={lower},upperdir={upper},workdir={work}"
        run_program("mount", "-t", "overlay", self._full_name, "-o", options, str(self.root))

    def boot(
        self,
        connection: Connection = "none",
        *,
        accept_failed_units: bool = False,
        seconds: int = 60,
    ) -> None:
        """Return when systemd has finished starting up and no unit has failed.

        "none" leaves the machine alone with its loopback; "host" gives it the host's network, for
        tools that need a package mirror.
        """
        if self._init is not None:
            raise MachineError(f"{self.name} is on already")
        self.assemble()
        self._connection = connection
        if isinstance(connection, Place):
            connection.open()
            (self.root / "etc/resolv.conf").write_text(f"nameserver {connection.resolver}\n")
        self._init = Init(self._command(), self._group, self.console)
        self._init.wait_for_bus()
        wait = f"timeout {seconds} systemctl is-system-running --wait"
        state = self.run(wait, check=False, seconds=seconds + 10).stdout.strip() or "unfinished"
        if state != "running" and not (accept_failed_units and state == "degraded"):
            ask = "systemctl --failed --plain --no-legend; systemctl list-jobs --no-legend"
            raise MachineError(f"{self.name} came up {state}: {self.run(ask, check=False).stdout}")

    def run(
        self, command: str, *, check: bool = True, content: str = "", seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run shell text inside, as root with every privilege of the host's root.

        Do not judge confinement with it: it runs in no unit of the machine. `run_as_service` does.
        """
        return self._execute(("sh", "-c", command), check, content, seconds)

    def run_as_service(
        self, command: str, *properties: str, check: bool = True, seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run shell text inside as a unit of its own, with these properties (`User=cloister`)."""
        options = (f"--property={each}" for each in properties)
        service = ("systemd-run", "--quiet", "--wait", "--pipe", "--collect", *options)
        return self._execute((*service, "sh", "-c", command), check, "", seconds)

    def wait_until(self, command: str, seconds: float = 30) -> None:
        """Return as soon as the shell text ends well inside."""
        what = f"{command} on {self.name}"
        wait_until(lambda: self.run(command, check=False).returncode == 0, what, seconds)

    def copy_in(self, source: Path, folder: str) -> None:
        """Put a file or a folder of the host below a folder of the machine, as root's."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(source, source.name, filter=_owned_by_root)
        self._tar(("--extract", "--directory", folder), archive.getvalue(), create=folder)

    def copy_out(self, path: str, folder: Path) -> Path:
        """Copy a file or a folder of the machine below a folder of the host; says where it is."""
        parent, _, name = path.rstrip("/").rpartition("/")
        content = self._tar(("--create", "--directory", parent or "/", name))
        folder.mkdir(parents=True, exist_ok=True)
        run_program("tar", "--extract", "--directory", str(folder), content=content)
        return folder / name

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the machine, whether it is on or off."""
        parent, _, name = path.rpartition("/")
        content = text.encode()
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
        self._tar(("--extract", "--directory", parent), archive.getvalue(), create=parent)

    @property
    def is_on(self) -> bool:
        return self._init is not None and self._init.is_running

    def process(self) -> Init:
        """The machine's init, while it is on."""
        if self._init is None:
            raise MachineError(f"{self.name} is off")
        return self._init

    def stop(self) -> None:
        """Switch the machine off in order."""
        self.process().power_off()
        self._is_off()

    def kill(self) -> None:
        """End all processes at once; the host still has every byte that they wrote."""
        self.process().kill()
        self._is_off()

    def reboot(self, *, accept_failed_units: bool = False) -> None:
        """Reboot as an administrator does, and return when the machine is up again."""
        connection = self._connection
        self.run("systemctl reboot", check=False)
        self.process().wait(90)
        self._is_off()
        self.boot(connection, accept_failed_units=accept_failed_units)

    def cut_power(self) -> None:
        """Take the current away: what was not synced to the disk is lost. Leaves it off."""
        if not isinstance(self._storage, Disk):
            raise MachineError(f"{self.name} has no disk of its own that could lose anything")
        self._storage.cut_power()
        self.kill()
        self.disassemble()
        self.assemble()

    def freeze(self) -> Image:
        """What the machine has become, as an image for others. It must be off, and stays so."""
        if self.is_on or isinstance(self._storage, Disk):
            raise MachineError(f"{self.name} is on, or on a disk, and can be no image")
        self.disassemble()
        return Image((self._storage.content / "upper", *self._image.layers))

    def disassemble(self) -> None:
        """Take the root file system apart; `assemble` and `boot` put it together again."""
        if self.root.is_mount():
            run_program("umount", str(self.root))
        self._storage.detach()

    def close(self) -> None:
        if self._init is not None:
            self.kill()
        self.disassemble()

    def evidence(self) -> str:
        """What a failed test wants to see: the console and the end of the journal."""
        console = self.console.read_text(errors="replace") if self.console.exists() else ""
        if not self.is_on:
            return f"{console}\n(the machine is off)"
        journal = self.run("journalctl --boot --no-pager --lines=100", check=False, seconds=20)
        return f"{console}\n{journal.stdout}"

    def _is_off(self) -> None:
        self._init = None
        remove_lock(self.root)
        if isinstance(self._connection, Place):
            self._connection.close()

    def _execute(
        self, command: tuple[str, ...], check: bool, content: str, seconds: float
    ) -> subprocess.CompletedProcess[str]:
        try:
            done = subprocess.run(
                self.process().enter(*command),
                input=content,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise MachineError(f"{command[-1]} on {self.name} took over {seconds:g} s") from None
        if check and done.returncode != 0:
            printed = f"{done.stdout}{done.stderr}".strip()
            raise MachineError(f"{command[-1]} on {self.name}: {done.returncode}: {printed}")
        return done

    def _tar(self, arguments: tuple[str, ...], content: bytes = b"", create: str = "") -> bytes:
        """Run tar with the machine's root as its root, so that no link leads out to the host."""
        prepare = 'mkdir -p "$0" && ' if create else ""
        command = ("sh", "-c", f'{prepare}exec tar "$@"', create, *arguments)
        if self._init is not None:
            return run_program(*self._init.enter(*command), content=content).stdout
        self.assemble()
        return run_program("chroot", str(self.root), *command, content=content).stdout

    def _command(self) -> tuple[str, ...]:
        packages = () if self._archive is None else (f"--overlay={self._archive}::{ARCHIVES}",)
        return (
            *("systemd-nspawn", "--quiet", f"--directory={self.root}"),
            *(f"--machine={self._full_name}", "--boot", "--console=pipe", "--settings=no"),
            *("--register=no", "--keep-unit", "--link-journal=no", "--timezone=off"),
            f"--system-call-filter={' '.join(SYSTEM_CALLS)}",
            *_network_options(self._connection),
            *packages,
        )


def _network_options(connection: Connection) -> tuple[str, ...]:
    match connection:
        case "host":
            return ("--resolv-conf=copy-host",)
        case "none":
            return "--resolv-conf=off", "--private-network"
        case Place(namespace=namespace):
            joined = f"--network-namespace-path={namespace.path}"
            # Its firewall is the machine's own affair, which nspawn cannot know of this namespace.
            return "--resolv-conf=off", joined, "--capability=CAP_NET_ADMIN"


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


@contextmanager
def new_machine(
    ground: Ground,
    name: str,
    image: Image,
    *,
    disk: str | None = None,
    archive: Path | None = None,
) -> Iterator[Machine]:
    """A machine that is off; it is gone afterwards, whatever it was doing."""
    machine = Machine(ground, name, image, disk=disk, archive=archive)
    machine.folder.mkdir()
    try:
        yield machine
    except Exception as error:
        error.add_note(f"machine {name}:\n{machine.evidence()}")
        raise
    finally:
        machine.close()


# Makes a machine of this name that has never seen the package.
Fresh = Callable[[str], AbstractContextManager[Machine]]
