"""A home whose documents and database are backed up, and the operations that do it."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any
from uuid import UUID, uuid4

import psycopg
from typing_extensions import override

from appliance.cli.operations import _MODULES
from appliance.core.clock import Clock, SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import conninfo
from appliance.operations.folder import OperationFolder
from appliance.operations.work import Reporter
from appliance.repository.catalog import Catalog
from appliance.repository.catalog import read as read_catalog
from appliance.repository.model import Content, Kind, Verdict
from appliance.repository.place import own_repository
from appliance.repository.recovery_key import RecoveryKey
from tests.appliance import ROOT
from tests.builders.repositories import PASSWORD, fast_repository, make_fast
from tests.postgres import Server


class After(SystemClock):
    """The clock of a machine some time later."""

    def __init__(self, **parts: float) -> None:
        self._later = timedelta(**parts)

    @override
    def now(self) -> datetime:
        return super().now() + self._later


@dataclass
class BackedUp:
    """A home of a clone, whose database is a server of the test."""

    settings: Settings
    server: Server
    clock: Clock = field(default_factory=SystemClock)

    @property
    def owner(self) -> str:
        """The address of the database for its owner."""
        return conninfo(self.server.socket, "cloister")

    def execute(self, statement: str, *values: object) -> list[Any]:
        """Run one statement as the owner of the database, and return its rows."""
        with psycopg.connect(self.owner, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def add_document(self, content: bytes, name: str = "report.txt") -> str:
        """Add a document with its file; return the digest."""
        digest = self._write_file(content)
        self._add_rows([digest], len(content), name)
        return digest

    def add_documents(self, count: int, size: int = 4096) -> list[str]:
        """Add documents of random bytes."""
        digests = [self._write_file(os.urandom(size)) for _ in range(count)]
        self._add_rows(digests, size)
        return digests

    def _write_file(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        path = self.path_of(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return digest

    def _add_rows(self, digests: Sequence[str], size: int, name: str = "report.txt") -> None:
        self.execute(
            "INSERT INTO library.document (collection_id, file_name, digest, size)"
            " SELECT (SELECT id FROM library.collection LIMIT 1), %s, given, %s"
            " FROM unnest(%s::text[]) AS given ON CONFLICT DO NOTHING",
            *(name, size, list(digests)),
        )

    def add_chunks(self, digests: str | list[str], count: int, dimensions: int = 64) -> None:
        """Give a document, or each of several, a page, chunks and vectors."""
        given = [digests] if isinstance(digests, str) else digests
        self.execute(
            "INSERT INTO library.page (document_id, number, state, text)"
            " SELECT id, 1, 'read', 'pump' FROM library.document WHERE digest = ANY(%s)",
            given,
        )
        self.execute(
            "INSERT INTO library.embedding_model (name, digest, dimensions)"
            " VALUES ('fake', 'fake', %s) ON CONFLICT DO NOTHING",
            dimensions,
        )
        self.execute(
            "WITH made AS (INSERT INTO library.chunk (document_id, collection_id, ordinal, page,"
            " start_at, end_at, text, language, words)"
            " SELECT d.id, d.collection_id, n, 1, 0, 4, md5(n::text) || repeat(' pump', 20),"
            " 'simple', to_tsvector('simple', md5(n::text))"
            " FROM library.document d, generate_series(1, %s) AS n WHERE digest = ANY(%s)"
            " RETURNING id) INSERT INTO library.embedding SELECT m.id, made.id, (SELECT"
            " array_agg(random())::real[] FROM generate_series(1, %s) AS g WHERE made.id > 0"
            " )::public.halfvec FROM made, library.embedding_model m WHERE m.name = 'fake'",
            *(count, given, dimensions),
        )

    def add_person(self, name: str | None = None) -> UUID:
        """Add a person."""
        person = uuid4()
        self.execute(
            "INSERT INTO core.account (id, name, display_name, role) VALUES (%s, %s, %s, 'member')",
            *(person, name or f"p{person.hex[:12]}", "A person"),
        )
        return person

    def path_of(self, digest: str) -> Path:
        """Return the path of a document's file."""
        return self.settings.documents / digest[:2] / digest

    async def do(self, name: str, **request: object) -> dict[str, Any]:
        """Carry out an operation in this process, and return what it found."""
        folder = self.settings.operations / name
        folder.mkdir(parents=True, exist_ok=True)
        module = importlib.import_module(_MODULES[name])
        work = module.work_of(self.settings, self.clock)
        return dict(await work(request, Reporter(OperationFolder(folder), self.clock)))

    def start(self, name: str, *, prefix: tuple[str, ...] = (), **request: object) -> Popen[bytes]:
        """Start an operation as a process of its own, as the supervisor does."""
        folder = self.settings.operations / name
        folder.mkdir(parents=True, exist_ok=True)
        OperationFolder(folder).ask(request)
        environment = {**os.environ, **self.settings.as_environment()}
        return Popen(
            [*prefix, sys.executable, "-m", "appliance", "operation", name],
            cwd=ROOT,
            env=environment,
            stdout=DEVNULL,
            stderr=PIPE,
            start_new_session=True,
        )

    async def add_key(self, key: RecoveryKey) -> None:
        """Let a recovery key open the repository, fast."""
        added = await self.do("key", work="add", recovery_key=key.text)
        make_fast(self.settings.repository / "keys" / added["key"], key.password)
        await self.do("list")

    def log_of(self, name: str) -> list[str]:
        """Return the log of an operation."""
        return OperationFolder(self.settings.operations / name).lines(0)

    async def catalog(self) -> Catalog:
        """Return the published list."""
        found = await read_catalog(self.settings.backup / "catalog.json")
        assert found is not None
        return found

    async def report(self, snapshot: str, verdict: Verdict = Verdict.VERIFIED) -> None:
        """Say in the repository how a drill of a set ended, as a drill does."""
        path = self.settings.backup / "report.json"
        path.write_text(json.dumps({"of": snapshot}))
        tags = [f"of={snapshot}", f"verdict={verdict}", "source=local", "seconds=1", "reason="]
        await own_repository(self.settings).backup(
            self.settings.home,
            ["backup/report.json"],
            tags=[Kind.REPORT, *tags],
            progress=lambda _done, _total: None,
        )

    async def forge(self, kind: Kind, moment: datetime) -> str:
        """Put a snapshot of junk there, with the tags of a set and a time of one's choice."""
        path = self.settings.backup / "junk"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(64))
        content = Content(1, "0.2.0", 1, 16, 0, 0, 0, 5, 1)
        saved = await own_repository(self.settings).backup(
            self.settings.home,
            ["backup/junk"],
            tags=[kind, *content.as_tags()],
            taken_at=moment,
            progress=lambda _done, _total: None,
        )
        return saved.id

    def files(self) -> Mapping[str, bytes]:
        """Return every file of the repository that is not a lock."""
        folder = self.settings.repository
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.parent.name != "locks"
        }


def backed_up(server: Server, folder: Path, *, with_repository: bool = True) -> BackedUp:
    """Return a home in `folder` whose database is that of the server, with an empty repository."""
    settings = Settings(folder / "home")
    settings.run.mkdir(parents=True)
    settings.documents.mkdir()
    settings.database_socket.symlink_to(server.socket)
    settings.state.mkdir()
    (settings.state / "backup.key").write_text(PASSWORD)
    if with_repository:
        fast_repository(settings.repository)
    return BackedUp(settings, server)
