"""A repository, through the program restic. The only place that knows its options and exit codes.

The key goes to its standard input: never into an argument, the environment, or a file.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from typing_extensions import override

from appliance.core.errors import ApplianceError
from appliance.core.process import Command, Finished, ProgramMissingError, Stream, run, stream
from appliance.repository.answering import answering
from appliance.repository.damage import FileKind, damaged, damaged_files
from appliance.repository.errors import (
    KeyRefusedError,
    OutputFullError,
    RepositoryBusyError,
    RepositoryCrashedError,
    RepositoryFailedError,
    RepositoryFullError,
    RepositoryMissingError,
    ResticMissingError,
    SourcesUnreadError,
)
from appliance.repository.files import CONFIG, files_at
from appliance.repository.model import Saved, Snapshot, snapshots_from, taken_tag
from appliance.repository.recovery_key import fingerprint
from appliance.repository.restic_output import (
    is_full,
    json_object,
    last_line,
    unread,
    unrestored,
)
from appliance.repository.saved_models import ModelSnapshot, model_snapshots_from

_SHORT_SECONDS = 120.0
# The longest work: everything is read once. The deadline of the job is shorter.
LONG_SECONDS = 24 * 3600.0
_LIST_LIMIT = 64 * 1024 * 1024
# Progress twice a second, also where it writes to no terminal; times are read and written in UTC.
_ENVIRONMENT = {"RESTIC_PROGRESS_FPS": "2", "TZ": "UTC"}
# Our own lock keeps those who remove away from those who read. A check would lock everyone out.
_NO_LOCK = "--no-lock"
_WHOLE_ID = 64
_TIME = "%Y-%m-%d %H:%M:%S"
# The versions since which it saves what is whole of a damaged pack, and repairs an index by name.
_REPAIRS_PACKS, _REPAIRS_INDEX = (0, 17), (0, 15)
# It said that all went well, except that some files could not be read.
_SOURCES_UNREAD = 3

Bytes = Callable[[int, int], None]
"""Takes the bytes that are done, and all of them."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at an address of restic, such as a folder, opened by a key.

    Work on it raises ResticMissingError, RepositoryMissingError, KeyRefusedError,
    RepositoryBusyError and RepositoryFailedError; RepositorySilentError and
    RepositoryUnreadableError where its place no longer answers, or its gateway says why.

    `cache` is a folder for what restic reads often; without one each work reads from the
    repository itself. `key` names the file of the key, if it is known: each other one that is
    tried first costs half a second of the processor.
    """

    address: str
    password: str
    cache: Path | None = None
    key: str | None = None

    @override
    def __repr__(self) -> str:
        """Keep the key out of logs and tracebacks."""
        return f"Repository({self.address})"

    @staticmethod
    async def version() -> tuple[int, int]:
        """Return the version of the program. Raises ResticMissingError."""
        try:
            finished = await run(("restic", "version"), timeout=_SHORT_SECONDS)
        except ProgramMissingError as error:
            raise ResticMissingError from error
        found = re.search(rb"restic (\d+)\.(\d+)", finished.stdout)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    async def create(self) -> None:
        """Make an empty repository."""
        await self._done("init", ("init", "--repository-version=2"))

    async def open(self) -> str:
        """Return the id of the repository: the key opens it.

        Raises RepositoryMissingError, KeyRefusedError, or RepositoryDamagedError where the key
        opens its file but the config is damaged, also for versions that say none of them.
        """
        finished = await self._run((_NO_LOCK, "cat", "config"))
        if not finished.succeeded and await files_at(self.address).read(CONFIG) is None:
            raise RepositoryMissingError(place=self.address)
        found = damaged_files((finished.stdout + finished.stderr).decode(errors="replace"))
        refused = damaged(found) if found else KeyRefusedError(found=fingerprint(self.password))
        self._check("open", finished, refused=refused)
        return str(json.loads(finished.stdout)["id"])

    async def snapshots(self) -> tuple[Snapshot, ...]:
        """Return the sets and hot snapshots, the newest first."""
        finished = await self._done("snapshots", (_NO_LOCK, "snapshots", "--json"))
        return snapshots_from(json.loads(finished.stdout))

    async def model_snapshots(self) -> tuple[ModelSnapshot, ...]:
        """Return the snapshots of models, the newest first."""
        finished = await self._done("snapshots", (_NO_LOCK, "snapshots", "--json"))
        return model_snapshots_from(json.loads(finished.stdout))

    async def unlock(self, *, everyone: bool = False) -> None:
        """Remove the locks of processes that are gone.

        `everyone` is for the caller that no other long work that writes can run beside: what the
        program itself takes for alive may be a process that has just been killed.
        """
        await self._done("unlock", ("unlock", *(("--remove-all",) if everyone else ())))

    async def backup(  # noqa: PLR0913 - what a snapshot needs
        self,
        folder: Path,
        paths: Sequence[str],
        *,
        tags: Sequence[str],
        parent: str | None = None,
        exclude: Sequence[str] = (),
        taken_at: datetime | None = None,
        compress: bool = True,
        progress: Bytes,
    ) -> Saved:
        """Save `paths` below `folder` as one snapshot, whole or not at all.

        In the snapshot the paths begin at its root. Files that have not changed since the snapshot
        `parent` are not read again. `taken_at` is the time of the content, now without it.
        `compress` is for what is not compressed already. Raises SourcesUnreadError after the
        snapshot was saved without some of the files.
        """
        if taken_at:
            # The program takes whole seconds.
            tags = [*tags, taken_tag(taken_at)]
        options = [f"--tag={','.join(tags)}", "--host=cloister"]
        options += [f"--exclude={pattern}" for pattern in exclude]
        options += [f"--parent={parent}"] if parent else ["--force"]
        options += [f"--time={taken_at.astimezone(UTC):{_TIME}}"] if taken_at else []
        options += [] if compress else ["--compression=off"]
        summary: dict[str, Any] = {}
        async with self._stream(("backup", "--json", *options, "--", *paths), folder) as lent:
            async for line in lent.lines():
                entry = json_object(line)
                match entry.get("message_type"):
                    case "status":
                        progress(int(entry.get("bytes_done", 0)), int(entry.get("total_bytes", 0)))
                    case "summary":
                        summary = entry
                    case _:
                        pass
        finished = lent.finished
        is_unread = finished is not None and finished.returncode == _SOURCES_UNREAD
        if not (is_unread and summary):
            await self._require_success("backup", finished)
        if "snapshot_id" not in summary:
            raise RepositoryFailedError(work="backup", reason="it named no snapshot.")
        saved = Saved(
            await self._whole_id(str(summary["snapshot_id"])),
            int(summary["total_bytes_processed"]),
            int(summary["data_added"]),
        )
        if is_unread and finished is not None:
            raise SourcesUnreadError(saved, unread(finished))
        return saved

    async def restore(self, snapshot: str, target: Path, include: Sequence[str] = ()) -> None:
        """Write the files of a snapshot below `target`, or of some paths in it; each is checked.

        Raises RepositoryDamagedError, which names the files that could not be read, and
        OutputFullError.
        """
        options = [f"--include={path}" for path in include]
        work = (_NO_LOCK, "restore", snapshot, f"--target={target}", *options)
        finished = await self._run(work, LONG_SECONDS)
        if not finished.succeeded and is_full(finished):
            # No file could be written, and none is damaged.
            raise OutputFullError(place=target)
        if lost := unrestored(finished):
            await self._expect_answer()
        refused = damaged((), ", ".join(lost)) if lost else None
        self._check("restore", finished, refused=refused)

    async def read(self, snapshot: str, path: str) -> bytes:
        """Return one small file of a snapshot."""
        return (await self._done("dump", (_NO_LOCK, "dump", snapshot, path))).stdout

    async def files(self, snapshot: str, *paths: str) -> dict[str, int]:
        """Return the files of a snapshot, or below some folders of it, with their sizes."""
        finished = await self._done(
            "ls", (_NO_LOCK, "ls", "--json", "--recursive", snapshot, *paths)
        )
        entries = map(json_object, finished.stdout.splitlines())
        return {
            entry["path"]: int(entry.get("size", 0))
            for entry in entries
            if entry.get("type") == "file"
        }

    async def check(self, read: str) -> None:
        """Verify the structure, and read packs: all (`100%`) or a part (`3/7`).

        Raises RepositoryDamagedError, which names what is damaged: `files` has it as values.
        """
        finished = await self._run(
            (_NO_LOCK, "check", f"--read-data-subset={read}"), timeout=LONG_SECONDS
        )
        if not finished.succeeded:
            await self._expect_answer()
            found = damaged_files((finished.stdout + finished.stderr).decode(errors="replace"))
            self._check("check", finished, refused=damaged(found, otherwise=last_line(finished)))

    async def forget(self, kind: str, keep_within: str | None, keep_last: int) -> None:
        """Forget snapshots of a kind that are older than `keep_within`, such as `7d`.

        Without that, only their number counts. The time counts from the newest one that is not in
        the future, so that nothing ends while no new ones are made. The newest `keep_last` stay
        whatever their age: a clock that jumps forward for a night ends nothing.
        """
        kept = [f"--keep-last={keep_last}"]
        kept += [f"--keep-within={keep_within}"] if keep_within else []
        work = ("forget", "--group-by=", f"--tag={kind}", *kept)
        await self._done("forget", work, timeout=LONG_SECONDS)

    async def prune(self, *, rewrite: bool = True) -> None:
        """Remove what no snapshot needs any more.

        Without `rewrite` a pack that is needed in part stays as it is, so that a copy of the
        repository keeps the files that it was given.
        """
        options = () if rewrite else ("--max-repack-size=0",)
        await self._done("prune", ("prune", *options), timeout=LONG_SECONDS)

    async def is_whole(self, snapshot: str) -> bool:
        """Say whether the repository has all parts of a snapshot; they are not read."""
        work = (_NO_LOCK, "stats", "--mode=raw-data", snapshot)
        return (await self._run(work, timeout=LONG_SECONDS)).succeeded

    async def forget_snapshots(self, snapshots: Sequence[str]) -> None:
        """Forget these snapshots."""
        await self._done("forget", ("forget", *snapshots))

    async def repair_index(self) -> None:
        """Make the index again from the packs that are there."""
        work = ("repair", "index") if await self.version() >= _REPAIRS_INDEX else ("rebuild-index",)
        await self._done("repair index", work, timeout=LONG_SECONDS)

    async def repair_packs(self, packs: Sequence[str], folder: Path) -> bool:
        """Save what is whole of damaged packs, and keep copies of them in `folder`.

        Returns False where the program is too old for that.
        """
        if await self.version() < _REPAIRS_PACKS:
            return False
        work = ("repair", "packs", *packs)
        await self._done("repair packs", work, timeout=LONG_SECONDS, folder=folder)
        return True

    async def add_key(self, password_file: Path, *, user: str, host: str) -> None:
        """Let a further key open the repository; `user` and `host` can be read without any key."""
        names = (f"--user={user}", f"--host={host}", f"--new-password-file={password_file}")
        await self._done("key add", ("key", "add", *names))

    async def remove_key(self, key: str) -> None:
        """Let a key no longer open the repository."""
        await self._done("key remove", ("key", "remove", key))

    async def _whole_id(self, short: str) -> str:
        """Return the id that an older version shortened: it is the name of the snapshot's file."""
        if len(short) == _WHOLE_ID:
            return short
        names = await files_at(self.address).names(FileKind.SNAPSHOT)
        return next(name for name in names if name.startswith(short))

    def _argv(self, work: Sequence[str]) -> Command:
        cache = f"--cache-dir={self.cache}" if self.cache else "--no-cache"
        options = ("--password-file=/dev/stdin", cache)
        hint = (f"--key-hint={self.key}",) if self.key else ()
        return ("restic", f"--repo={self.address}", *options, *hint, *work)

    @asynccontextmanager
    async def _stream(self, work: Sequence[str], folder: Path) -> AsyncIterator[Stream]:
        try:
            async with (
                answering(files_at(self.address), self.address),
                stream(
                    self._argv(work),
                    timeout=LONG_SECONDS,
                    stdin=self.password.encode(),
                    env=_ENVIRONMENT,
                    cwd=folder,
                ) as lent,
            ):
                yield lent
        except ProgramMissingError as error:
            raise ResticMissingError from error

    async def _run(
        self,
        work: Sequence[str],
        timeout: float = _SHORT_SECONDS,  # noqa: ASYNC109 - `run` kills the program
        folder: Path | None = None,
    ) -> Finished:
        try:
            async with answering(files_at(self.address), self.address):
                finished = await run(
                    self._argv(work),
                    timeout=timeout,
                    stdin=self.password.encode(),
                    env=_ENVIRONMENT,
                    cwd=folder,
                    output_limit=_LIST_LIMIT,
                )
        except ProgramMissingError as error:
            raise ResticMissingError from error
        if finished.timed_out:
            await self._expect_answer()
            name = next(word for word in work if not word.startswith("-"))
            reason = f"it did not end within {timeout:.0f} seconds."
            raise RepositoryFailedError(work=name, reason=reason)
        return finished

    async def _expect_answer(self) -> None:
        """Raise why the place cannot be read, if it cannot: no file is known to be damaged then."""
        with contextlib.suppress(RepositoryMissingError):
            await files_at(self.address).read(CONFIG)

    async def _done(
        self,
        name: str,
        work: Sequence[str],
        timeout: float = _SHORT_SECONDS,  # noqa: ASYNC109 - as above
        folder: Path | None = None,
    ) -> Finished:
        finished = await self._run(work, timeout, folder)
        await self._require_success(name, finished)
        return finished

    async def _require_success(self, work: str, finished: Finished | None) -> None:
        try:
            self._check(work, finished)
        except RepositoryFailedError:
            # Older versions have one code for every reason; the commonest ones are found here.
            await self.open()
            raise

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
            case _ if refused is None and is_full(finished):
                raise RepositoryFullError(work=work, reason=last_line(finished))
            case 2 if refused is None:
                raise RepositoryCrashedError(work=work, reason=last_line(finished))
            case _:
                raise refused or RepositoryFailedError(work=work, reason=last_line(finished))
