"""A repository, through the program restic. The only place that knows its options and exit codes.

The key goes to its standard input: never into an argument, the environment, or a file.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override

from appliance.core.errors import ApplianceError
from appliance.core.process import Command, Finished, ProgramMissingError, Stream, run, stream
from appliance.repository.errors import (
    KeyRefusedError,
    RepositoryBusyError,
    RepositoryDamagedError,
    RepositoryFailedError,
    RepositoryMissingError,
    ResticMissingError,
)
from appliance.repository.model import Snapshot, snapshots_from
from appliance.repository.recovery_key import fingerprint

_SHORT_SECONDS = 120.0
# The longest work: everything is read once. The deadline of the job is shorter.
LONG_SECONDS = 24 * 3600.0
_LIST_LIMIT = 64 * 1024 * 1024
# Progress twice a second, also where it writes to no terminal.
_ENVIRONMENT = {"RESTIC_PROGRESS_FPS": "2"}

Bytes = Callable[[int, int], None]
"""Takes the bytes that are done, and all of them."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A new snapshot: its whole id, the bytes that were read, and how much the repository grew."""

    id: str
    processed: int
    added: int


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at an address of restic, such as a folder, opened by a key.

    Work on it raises ResticMissingError, RepositoryMissingError, KeyRefusedError,
    RepositoryBusyError and RepositoryFailedError. `cache` is a folder for what restic reads often;
    without one each work reads from the repository itself.
    """

    address: str
    password: str
    cache: Path | None = None

    @override
    def __repr__(self) -> str:
        """Keep the key out of logs and tracebacks."""
        return f"Repository({self.address})"

    async def create(self) -> None:
        """Make an empty repository."""
        await self._done("init", ("init", "--repository-version=2"))

    async def open(self) -> str:
        """Return the id of the repository: the key opens it."""
        finished = await self._run(("cat", "config"))
        self._check("open", finished, refused=KeyRefusedError(found=fingerprint(self.password)))
        return str(json.loads(finished.stdout)["id"])

    async def snapshots(self) -> tuple[Snapshot, ...]:
        """Return the sets and hot snapshots, the newest first."""
        finished = await self._done("snapshots", ("snapshots", "--json"))
        return snapshots_from(json.loads(finished.stdout))

    async def unlock(self) -> None:
        """Remove locks of processes that are gone; ours is held, so they can only be leftovers."""
        await self._done("unlock", ("unlock",))

    async def backup(
        self,
        folder: Path,
        paths: Sequence[str],
        *,
        tags: Sequence[str],
        parent: str | None = None,
        exclude: Sequence[str] = (),
        progress: Bytes,
    ) -> Saved:
        """Save `paths` below `folder` as one snapshot, whole or not at all.

        In the snapshot the paths begin at its root. Files that have not changed since the snapshot
        `parent` are not read again.
        """
        options = [f"--tag={','.join(tags)}", "--host=cloister"]
        options += [f"--exclude={pattern}" for pattern in exclude]
        options += [f"--parent={parent}"] if parent else ["--force"]
        summary: dict[str, Any] = {}
        async with self._stream(("backup", "--json", *options, "--", *paths), folder) as lent:
            async for line in lent.lines():
                entry = _object(line)
                match entry.get("message_type"):
                    case "status":
                        progress(int(entry.get("bytes_done", 0)), int(entry.get("total_bytes", 0)))
                    case "summary":
                        summary = entry
                    case _:
                        pass
        self._check("backup", lent.finished)
        if "snapshot_id" not in summary:
            raise RepositoryFailedError(work="backup", reason="it named no snapshot.")
        return Saved(
            await self._whole_id(str(summary["snapshot_id"])),
            int(summary["total_bytes_processed"]),
            int(summary["data_added"]),
        )

    async def restore(self, snapshot: str, target: Path, include: Sequence[str] = ()) -> None:
        """Write the files of a snapshot below `target`, or of some paths in it; each is checked."""
        options = [f"--include={path}" for path in include]
        work = ("restore", snapshot, f"--target={target}", *options)
        await self._done("restore", work, timeout=LONG_SECONDS)

    async def read(self, snapshot: str, path: str) -> bytes:
        """Return one small file of a snapshot."""
        return (await self._done("dump", ("dump", snapshot, path))).stdout

    async def files(self, snapshot: str, *paths: str) -> dict[str, int]:
        """Return the files of a snapshot, or below some folders of it, with their sizes."""
        finished = await self._done("ls", ("ls", "--json", "--recursive", snapshot, *paths))
        entries = map(_object, finished.stdout.splitlines())
        return {
            entry["path"]: int(entry.get("size", 0))
            for entry in entries
            if entry.get("type") == "file"
        }

    async def check(self, read: str) -> None:
        """Verify the structure, and read packs: all (`100%`) or a part (`3/7`).

        Raises RepositoryDamagedError, which names what is damaged.
        """
        finished = await self._run(("check", f"--read-data-subset={read}"), timeout=LONG_SECONDS)
        if not finished.succeeded:
            self._check("check", finished, refused=RepositoryDamagedError(reason=_last(finished)))

    async def forget(self, kind: str, keep_within: str) -> None:
        """Forget snapshots of a kind that are older than `keep_within`, such as `7d`.

        The time counts from the newest one, so that nothing ends while no new ones are made.
        """
        options = ("--group-by=", f"--tag={kind}", f"--keep-within={keep_within}")
        await self._done("forget", ("forget", *options), timeout=LONG_SECONDS)

    async def prune(self) -> None:
        """Remove what no snapshot needs any more."""
        await self._done("prune", ("prune",), timeout=LONG_SECONDS)

    async def add_key(self, password_file: Path, *, user: str, host: str) -> None:
        """Let a further key open the repository; `user` and `host` can be read without any key."""
        names = (f"--user={user}", f"--host={host}", f"--new-password-file={password_file}")
        await self._done("key add", ("key", "add", *names))

    async def remove_key(self, key: str) -> None:
        """Let a key no longer open the repository."""
        await self._done("key remove", ("key", "remove", key))

    async def _whole_id(self, short: str) -> str:
        listed = json.loads((await self._done("snapshots", ("snapshots", "--json", short))).stdout)
        return str(listed[0]["id"])

    def _argv(self, work: Sequence[str]) -> Command:
        cache = f"--cache-dir={self.cache}" if self.cache else "--no-cache"
        return ("restic", f"--repo={self.address}", "--password-file=/dev/stdin", cache, *work)

    @asynccontextmanager
    async def _stream(self, work: Sequence[str], folder: Path) -> AsyncIterator[Stream]:
        try:
            async with stream(
                self._argv(work),
                timeout=LONG_SECONDS,
                stdin=self.password.encode(),
                env=_ENVIRONMENT,
                cwd=folder,
            ) as lent:
                yield lent
        except ProgramMissingError as error:
            raise ResticMissingError from error

    async def _run(
        self,
        work: Sequence[str],
        timeout: float = _SHORT_SECONDS,  # noqa: ASYNC109 - `run` kills the program
    ) -> Finished:
        try:
            return await run(
                self._argv(work),
                timeout=timeout,
                stdin=self.password.encode(),
                env=_ENVIRONMENT,
                output_limit=_LIST_LIMIT,
            )
        except ProgramMissingError as error:
            raise ResticMissingError from error

    async def _done(
        self,
        name: str,
        work: Sequence[str],
        timeout: float = _SHORT_SECONDS,  # noqa: ASYNC109 - as above
    ) -> Finished:
        finished = await self._run(work, timeout)
        self._check(name, finished)
        return finished

    def _check(
        self, work: str, finished: Finished | None, refused: ApplianceError | None = None
    ) -> None:
        """Raise what an exit code means; restic of Debian 12 has 1 for everything: `refused`.

        https://restic.readthedocs.io/en/stable/075_scripting.html#exit-codes
        """
        if finished is None or finished.succeeded:
            return
        match finished.returncode:
            case 10:
                raise RepositoryMissingError(place=self.address)
            case 11:
                raise RepositoryBusyError
            case 12:
                raise KeyRefusedError(found=fingerprint(self.password))
            case _:
                raise refused or RepositoryFailedError(work=work, reason=_last(finished))


def _last(finished: Finished) -> str:
    """Return the last line of what a program said about its end."""
    lines = finished.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("Fatal: ") if lines else finished.description


def _object(line: bytes) -> dict[str, Any]:
    """Return a line of JSON; one that is none says nothing."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
