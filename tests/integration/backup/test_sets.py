"""A set is one snapshot that holds everything, and says what it holds."""

from __future__ import annotations

import hashlib
import shutil
import stat
from pathlib import Path

import psycopg
import pytest

from appliance.audit.anchor import anchors_in
from appliance.audit.chain import ChainEnd
from appliance.audit.store import ChainStore
from appliance.backup.errors import BackupRunsError, BackupSpaceError, DocumentsMissingError
from appliance.backup.layout import DERIVED, TRANSIENT
from appliance.backup.manifest import Manifest
from appliance.backup.stage import only_backup
from appliance.backup.store import table_sums
from appliance.db.pool import Database, conninfo
from appliance.db.roles import BACKUP_ROLE
from appliance.repository import catalog
from appliance.repository.errors import RepositoryMissingError
from appliance.repository.model import Kind
from appliance.repository.place import own_repository
from tests.builders.backups import BackedUp, backed_up
from tests.postgres import Server


async def restored(home: BackedUp, snapshot: str, target: Path) -> Path:
    """Write the files of a snapshot into a folder."""
    await own_repository(home.settings).restore(snapshot, target)
    return target


async def test_a_set_holds_all_files_and_a_dump_that_fits_its_manifest(
    home: BackedUp, tmp_path: Path
) -> None:
    digests = home.add_documents(5)
    home.add_chunks(digests[0], 20)
    home.settings.tls.mkdir()
    (home.settings.tls / "key.pem").write_text("private")
    home.settings.offsite.mkdir()
    (home.settings.offsite / "1.json").write_text("{}")
    (home.settings.offsite / "1.state.json").write_text("{}")
    (home.settings.documents / "incoming").mkdir()
    (home.settings.documents / "incoming" / "half.part").write_text("half")

    found = await home.do("set", models=[{"name": "qwen3:8b", "digest": "abc"}])

    files = await restored(home, found["snapshot"], tmp_path / "out")
    for digest in digests:
        content = (files / "documents" / digest[:2] / digest).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
    stage = files / "backup" / "set"
    manifest = Manifest.parse((stage / "manifest.json").read_text())
    assert manifest.kind is Kind.SET
    assert set(digests) <= set(manifest.documents)
    assert [model.name for model in manifest.models] == ["qwen3:8b"]
    assert {path.name for path in (stage / "database").iterdir()} == set(manifest.files)
    for name, digest in manifest.files.items():
        assert hashlib.sha256((stage / "database" / name).read_bytes()).hexdigest() == digest
    assert (stage / "tls" / "key.pem").read_text() == "private"
    assert [path.name for path in (stage / "targets").iterdir()] == ["1.json"]
    assert not (files / "documents" / "incoming").exists()
    async with (
        Database(conninfo(home.server.socket, "cloister")) as database,
        database.connection() as connection,
    ):
        end = await ChainStore(connection).end()
    assert ChainEnd.parse(manifest.audit) == end
    # The supervisor, which cannot open the repository, finds it in the published list.
    published = await catalog.read(home.settings.backup / catalog.FILE)
    assert [one.end for one in anchors_in(published)] == [end]
    assert manifest.tables["library.chunk"].rows == 20
    assert not set(TRANSIENT) & set(manifest.tables)
    assert found["without_file"] == []


async def test_nothing_of_a_set_stays_in_clear_text(home: BackedUp) -> None:
    home.add_documents(1)
    await home.do("set")
    names = {path.name for path in home.settings.backup.iterdir()}
    assert names == {"backup.lock", "cache", "catalog.json", "hot-sums.json"}


async def test_the_published_list_names_it(home: BackedUp) -> None:
    home.add_documents(1)
    home.add_person()
    found = await home.do("set")
    catalog = await home.catalog()
    (one,) = catalog.sets
    assert one.id == found["snapshot"]
    assert len(one.id) == 64
    assert one.content.people >= 1
    assert not one.is_verified
    assert catalog.bytes > 0


async def test_sums_are_those_of_the_data_whatever_order_and_settings(
    home: BackedUp,
) -> None:
    digest = home.add_documents(1)[0]
    home.add_chunks(digest, 30)

    async def sums(address: str) -> dict[str, object]:
        async with Database(address) as database, database.connection() as connection:
            return dict(await table_sums(connection))

    before = await sums(home.owner)
    # The rows are written again in another order, and another session shows times differently.
    home.execute("UPDATE library.chunk SET text = text WHERE id % 2 = 0")
    home.execute("UPDATE library.embedding SET vector = vector WHERE chunk_id % 3 = 0")
    options = "-c TimeZone=Asia/Tokyo -c DateStyle=German -c bytea_output=escape"
    address = psycopg.conninfo.make_conninfo(
        conninfo(home.server.socket, BACKUP_ROLE), options=options
    )
    assert await sums(address) == before
    home.execute(
        "UPDATE library.embedding SET vector = vector + vector WHERE chunk_id ="
        " (SELECT max(chunk_id) FROM library.embedding)"
    )
    changed = await sums(home.owner)
    assert {name for name, table in changed.items() if table != before[name]} == {
        "library.embedding"
    }


async def test_the_role_of_backups_reads_everything_and_changes_nothing(home: BackedUp) -> None:
    with psycopg.connect(conninfo(home.server.socket, BACKUP_ROLE), autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM core.session").fetchone() is not None
        for statement in (
            "DELETE FROM core.account",
            "UPDATE library.document SET size = 1",
            "CREATE TABLE public.junk ()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


async def test_a_hot_snapshot_has_no_rows_that_can_be_made_again(
    home: BackedUp, tmp_path: Path
) -> None:
    digest = home.add_documents(2)[0]
    home.add_chunks(digest, 200)
    found = await home.do("hot")
    stage = await restored(home, found["snapshot"], tmp_path / "out") / "backup" / "hot"
    manifest = Manifest.parse((stage / "manifest.json").read_text())
    assert manifest.kind is Kind.HOT
    assert not {*DERIVED, *TRANSIENT} & set(manifest.tables)
    assert manifest.tables["library.document"].rows >= 2
    dumped = b"".join(path.read_bytes() for path in (stage / "database").glob("*.dat"))
    assert digest.encode() in dumped
    assert b" pump pump" not in dumped


async def test_a_hot_snapshot_is_skipped_until_something_changes(home: BackedUp) -> None:
    home.add_documents(1)
    assert (await home.do("hot"))["kind"] == "hot"
    assert await home.do("hot") == {"skipped": True}
    # The job that makes it has a row of its own, which is no reason to save again.
    home.execute("INSERT INTO core.job (kind, state, lock) VALUES ('hot_backup', 'done', 'x')")
    assert await home.do("hot") == {"skipped": True}
    home.add_person()
    assert (await home.do("hot"))["kind"] == "hot"
    await home.do("set")
    assert await home.do("hot") == {"skipped": True}
    assert [one.kind for one in (await home.catalog()).snapshots] == ["set", "hot", "hot"]


async def test_a_hot_snapshot_is_made_again_when_the_repository_lost_the_last(
    home: BackedUp,
) -> None:
    home.add_documents(1)
    first = await home.do("hot")
    (home.settings.repository / "snapshots" / first["snapshot"]).unlink()
    assert (await home.do("hot"))["kind"] == "hot"


async def test_a_lost_file_is_said_and_does_not_stop_the_set(home: BackedUp) -> None:
    digests = home.add_documents(30)
    home.path_of(digests[3]).unlink()
    found = await home.do("set")
    assert digests[3] in found["without_file"]
    assert any("no file any more" in line for line in home.log_of("set"))


async def test_recorded_losses_do_not_stop_the_set_however_many(home: BackedUp) -> None:
    for digest in home.add_documents(10):
        home.path_of(digest).unlink()
    home.execute(
        "UPDATE library.document SET state = 'failed', error_code = 'file_missing',"
        " error_message = 'm', error_hint = 'h'"
    )
    found = await home.do("set")
    assert len(found["without_file"]) >= 10


async def test_an_empty_folder_of_documents_is_no_backup(home: BackedUp) -> None:
    digests = home.add_documents(4)
    home.settings.documents.rename(home.settings.home / "elsewhere")
    for exists in (False, True):
        if exists:
            home.settings.documents.mkdir()
        with pytest.raises(DocumentsMissingError) as raised:
            await home.do("set")
        assert raised.value.facts["missing"] == len(digests)


async def test_the_first_set_makes_the_repository(backup_server: Server, tmp_path: Path) -> None:
    home = backed_up(backup_server, tmp_path, with_repository=False)
    assert (await home.do("set"))["kind"] == "set"
    assert stat.S_IMODE(home.settings.repository.stat().st_mode) == 0o700
    assert [key.role for key in (await home.catalog()).keys] == ["machine"]


async def test_a_lost_repository_is_not_replaced_by_an_empty_one(home: BackedUp) -> None:
    await home.do("set")
    home.settings.repository.rename(home.settings.home / "unmounted")
    for name in ("set", "hot", "list", "check"):
        home.add_person()
        with pytest.raises(RepositoryMissingError):
            await home.do(name)
    assert not home.settings.repository.exists()


async def test_too_little_room_is_said_before_anything_is_written(
    home: BackedUp, monkeypatch: pytest.MonkeyPatch
) -> None:

    class Full:
        free = 10_000_000

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Full)
    before = home.files()
    with pytest.raises(BackupSpaceError) as raised:
        await home.do("set")
    assert str(home.settings.backup) in raised.value.message
    assert home.files() == before


async def test_two_backups_at_once_are_refused(home: BackedUp) -> None:
    with only_backup(home.settings), pytest.raises(BackupRunsError):
        await home.do("hot")
