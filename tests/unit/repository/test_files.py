"""A repository's files are read alike from a folder and from a server, without any key."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from appliance.repository.damage import DamagedFile, FileKind
from appliance.repository.errors import RepositoryMissingError
from appliance.repository.files import (
    FolderFiles,
    RepositoryFiles,
    ServerFiles,
    files_at,
    keys_of,
    renamed_or_changed,
    size_of,
)

KEY = b'{"created": "2026-11-29T02:00:00Z", "username": "recovery", "hostname": "AAAA"}'


def named(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository, as far as it is read without a key."""
    root = tmp_path / "repository"
    contents = {"keys": KEY, "snapshots": b"snapshot", "index": b"index", "data": b"pack"}
    for kind, content in contents.items():
        spread = named(content)[:2] if kind == "data" else ""
        path = root / kind / spread / named(content)
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    (root / "keys" / "unfinished-tmp-1").write_bytes(b"")
    (root / "config").write_bytes(b"config")
    return root


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[ServerFiles]:
    """Serve the folder as a REST server does, on a unix socket."""

    async def listed(request: web.Request) -> web.Response:
        files = await FolderFiles(folder).names(request.match_info["kind"])
        assert request.headers["Accept"] == "application/vnd.x.restic.rest.v2"
        return web.json_response(
            [{"name": name, "size": size} for name, size in files.items()] or None,
            content_type="application/vnd.x.restic.rest.v2",
        )

    async def read(request: web.Request) -> web.Response:
        content = await FolderFiles(folder).read(request.path.removeprefix("/at/"))
        return web.Response(body=content) if content is not None else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/at/{kind}/", listed)
    app.router.add_get("/at/{path:.+}", read)
    runner = web.AppRunner(app)
    await runner.setup()
    socket = folder.with_name("socket")
    await web.UnixSite(runner, str(socket)).start()
    try:
        files = files_at(f"rest:http+unix://{socket}:/at/")
        assert isinstance(files, ServerFiles)
        yield files
    finally:
        await runner.cleanup()


@pytest.fixture(params=["folder", "server"])
async def files(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[RepositoryFiles]:
    """The files, in each of the two ways."""
    if request.param == "folder":
        yield files_at(str(folder))
    else:
        async with served(folder) as server:
            yield server


async def test_files_are_listed_and_read(files: RepositoryFiles) -> None:
    assert await files.names("data") == {named(b"pack"): 4}
    assert await files.names("locks") == {}
    assert await files.read("config") == b"config"
    assert await files.read(f"keys/{named(KEY)}") == KEY
    assert await files.read(f"keys/{'0' * 64}") is None
    assert [key.fingerprint for key in await keys_of(files)] == ["AAAA"]
    assert await size_of(files) == len(KEY) + len(b"snapshotindexpack")


async def test_changed_files_are_found(files: RepositoryFiles, folder: Path) -> None:
    assert await renamed_or_changed(files) == ()
    for kind in ("keys", "snapshots", "index"):
        (path,) = [path for path in (folder / kind).iterdir() if len(path.name) == 64]
        path.write_bytes(b"changed")
        assert DamagedFile(FileKind(kind), path.name) in await renamed_or_changed(files)


async def test_a_server_that_is_away_is_said(tmp_path: Path) -> None:
    files = files_at(f"rest:http+unix://{tmp_path}/none.sock:/")
    with pytest.raises(RepositoryMissingError) as raised:
        await files.names("keys")
    assert f"{tmp_path}/none.sock" in raised.value.message


def test_addresses_are_those_of_restic() -> None:
    assert files_at("/srv/repository") == FolderFiles(Path("/srv/repository"))
    assert files_at("rest:http+unix:///run/r.sock:/") == ServerFiles(
        "http://localhost", "/run/r.sock"
    )
    assert files_at("rest:http://127.0.0.1:80/secret/") == ServerFiles("http://127.0.0.1:80/secret")
