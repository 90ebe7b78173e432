"""Read a set from the repository, and prove that its dump is what was saved."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.backup.errors import SetTooNewError
from appliance.backup.layout import (
    AUTHORITY,
    CONFIGURATION,
    DATABASE,
    MANIFEST,
    STAGES,
    TARGETS,
    TLS,
)
from appliance.backup.manifest import Manifest
from appliance.db.migrate import migrations
from appliance.operations.model import Progress
from appliance.operations.work import Reporter
from appliance.repository.model import FORMAT, Snapshot
from appliance.restore.errors import (
    FilesDifferError,
    PostgresTooOldError,
    SchemaTooNewForUsError,
)
from appliance.restore.room import usable
from appliance.restore.source import Source
from appliance.units.programs import PostgresProgram
from appliance.web.formats import duration, size

_LOOK_SECONDS = 1.0
_MEASURED_AFTER = 2.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """A snapshot whose files are in `folder`, with its manifest."""

    snapshot: Snapshot
    manifest: Manifest
    folder: Path

    @property
    def dump(self) -> Path:
        """The dump of the database."""
        return self.folder / STAGES[self.snapshot.kind] / DATABASE

    def settings_folder(self, name: str) -> Path:
        """The folder of configuration, TLS keys or targets."""
        return self.folder / STAGES[self.snapshot.kind] / name


SETTINGS = (CONFIGURATION, TLS, AUTHORITY, TARGETS)


def require_known(snapshot: Snapshot, program: PostgresProgram) -> None:
    """Refuse a set that this version cannot read, by the tags alone.

    Raises SetTooNewError, SchemaTooNewForUsError and PostgresTooOldError.
    """
    content, known = snapshot.content, len(migrations())
    if content.format > FORMAT:
        raise SetTooNewError(version=content.version)
    if content.schema > known:
        raise SchemaTooNewForUsError(version=content.version, found=content.schema, known=known)
    if content.postgres > program.version:
        raise PostgresTooOldError(found=content.postgres, installed=program.version)


async def read_manifest(source: Source, snapshot: Snapshot) -> Manifest:
    """Return the manifest of a snapshot. Raises ManifestDamagedError and SetTooNewError."""
    path = f"/{STAGES[snapshot.kind]}/{MANIFEST}"
    content = await source.repository.read(snapshot.id, path)
    return Manifest.parse(content.decode(errors="replace"))


async def size_of_dump(source: Source, snapshot: Snapshot) -> int:
    """Return the bytes of a snapshot that are no documents."""
    stage = f"/{STAGES[snapshot.kind]}/"
    listed = await source.listed(snapshot)
    return sum(size for path, size in listed.items() if path.startswith(stage))


async def fetch(
    source: Source, snapshot: Snapshot, manifest: Manifest, folder: Path, report: Reporter
) -> Fetched:
    """Write the dump and the settings of a snapshot into `folder`, and verify the dump.

    Raises RepositoryDamagedError and FilesDifferError, which name the files.
    """
    stage = STAGES[snapshot.kind]
    with usable(folder):
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True, mode=0o700)
    total = await size_of_dump(source, snapshot)
    async with watching(folder, total, "Reading the set from the repository", report):
        await source.repository.restore(snapshot.id, folder, [f"/{stage}"])
    fetched = Fetched(snapshot, manifest, folder)
    report.progress(Progress("Comparing the files of the set with their checksums."))
    await _require_files(fetched.dump, manifest.files)
    return fetched


async def _require_files(dump: Path, expected: Mapping[str, str]) -> None:
    if differing := await asyncio.to_thread(_differing, dump, expected):
        raise FilesDifferError(files=differing, count=len(differing), first=differing[0])


def _differing(dump: Path, expected: Mapping[str, str]) -> list[str]:
    return [name for name, digest in sorted(expected.items()) if _digest(dump / name) != digest]


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@dataclass(slots=True)
class _Speed:
    """Says how many bytes are there, how fast they come, and when all will be there."""

    doing: str
    total: int
    began: float

    def progress(self, done: int, now: float) -> Progress:
        said = f"{self.doing}: {size(done)} of {size(max(done, self.total))}"
        passed = now - self.began
        if passed >= _MEASURED_AFTER and done:
            speed = done / passed
            left = duration(max(0, self.total - done) / speed)
            said = f"{said}, {size(int(speed))} a second, {left} left"
        return Progress(f"{said}.", done, max(done, self.total))


@asynccontextmanager
async def watching(folder: Path, total: int, doing: str, report: Reporter) -> AsyncIterator[None]:
    """Say how much is in a folder while the block runs."""
    report.progress(Progress(f"{doing}.", 0, total))
    speed = _Speed(doing, total, report.clock.monotonic())
    task = asyncio.create_task(_watch(folder, speed, report), name="progress of a restore")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _watch(folder: Path, speed: _Speed, report: Reporter) -> None:
    while True:
        await report.clock.sleep(_LOOK_SECONDS)
        done = await asyncio.to_thread(size_of, folder)
        report.update(speed.progress(done, report.clock.monotonic()))


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder; files come and go meanwhile."""
    found = 0
    for path in folder.rglob("*"):
        try:
            found += path.lstat().st_size
        except OSError:
            continue
    return found
