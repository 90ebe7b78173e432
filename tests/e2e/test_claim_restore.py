"""An unclaimed machine gets everything back over its claim page, from a copy that is elsewhere."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from appliance.repository.recovery_key import RecoveryKey
from tests.appliance import Appliance, home_folder, running_appliance, wait_until
from tests.e2e.operations import add_recovery_key, ask, give_fast_repository, holding
from tests.e2e.visitor import PASSWORD, Visitor
from tests.fakes.offsite import (
    PASSWORD as SECRET,
)
from tests.fakes.offsite import (
    USER,
    account,
    client_key,
    host_fingerprint,
    rest_server,
    sftp_server,
)

BELL = "The bell of the east tower was cast in 1742 and weighs three tons."
QUESTION = "When was the bell of the east tower cast?"
STEPS, SOURCE = "/admin/restore", "/admin/restore/target"
LONG = 120.0

pytestmark = pytest.mark.timeout(400)


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a machine's backups, the key of its sheet, and the name of its set."""

    folder: Path
    key: RecoveryKey


@dataclass(frozen=True, slots=True)
class Source:
    """A place with a copy: what a person types into the form, and where its files are."""

    fields: dict[str, str]
    files: Path


@pytest.fixture(scope="module")
def copy(runner: str, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The copy of a machine with a person and a document, which is gone."""
    key, folder = RecoveryKey.new(), tmp_path_factory.mktemp("copy") / "repository"
    with home_folder() as home, holding(home, runner, BELL) as first:
        add_recovery_key(first, key)
        ask(first, "set")
        shutil.copytree(home / "repository", folder)
    return Copy(folder, key)


@contextmanager
def on_a_disk(copy: Copy, _: Path) -> Iterator[Source]:
    """Put the copy on a disk that is mounted, as root, for the account of the appliance."""
    disk = Path(tempfile.mkdtemp(prefix="cloister-disk-", dir="/srv"))
    try:
        disk.chmod(0o755)
        files = disk / "cloister"
        shutil.copytree(copy.folder, files)
        for path in (files, *files.rglob("*")):
            shutil.chown(path, "cloister", "cloister")
        yield Source({"kind": "folder", "place": str(files)}, files)
    finally:
        shutil.rmtree(disk)


@contextmanager
def at_a_rest_server(copy: Copy, folder: Path) -> Iterator[Source]:
    """Serve the copy with restic's protocol."""
    with rest_server(folder) as server:
        shutil.copytree(copy.folder, server.folder / "copy")
        place = f"http://127.0.0.1:{server.port}/copy/"
        fields = {"kind": "rest-server", "place": place, "user": USER, "secret": SECRET}
        yield Source(fields, server.folder / "copy")


@contextmanager
def at_an_sftp_server(copy: Copy, folder: Path) -> Iterator[Source]:
    """Serve the copy with OpenSSH."""
    with sftp_server(folder) as server:
        shutil.copytree(copy.folder, server.folder / "copy")
        fields = {
            "kind": "sftp",
            "place": f"sftp://127.0.0.1:{server.port}{server.folder}/copy",
            "user": account(),
            "secret": client_key(server),
            "identity": host_fingerprint(server),
        }
        yield Source(fields, server.folder / "copy")


Start = Callable[[Copy, Path], AbstractContextManager[Source]]
# A folder where disks are mounted can only be made by root.
STARTS: tuple[Start, ...] = (
    at_a_rest_server,
    at_an_sftp_server,
    *((on_a_disk,) if os.geteuid() == 0 else ()),
)


@pytest.mark.parametrize("start", STARTS)
def test_the_claim_page_brings_everything_back(
    start: Start, copy: Copy, runner: str, home: Path, tmp_path: Path
) -> None:
    # For the sets that this machine makes at the end.
    give_fast_repository(home)
    with (
        start(copy, tmp_path / "server") as source,
        running_appliance(home, ollama=runner) as machine,
        Visitor(machine.address) as visitor,
    ):
        before = files_of(source.files)
        code = machine.claim_link.split("#")[1]
        answer = visitor.post("/admin/claim/restore", "/admin/claim", code=code)
        assert (answer.status_code, answer.headers["location"]) == (303, STEPS)
        add_source(visitor, source)
        restore_everything(visitor, copy.key)

        assert "Already claimed" in visitor.http.get("/admin/claim").text
        assert visitor.sign_in("ada", PASSWORD).status_code == 303
        visitor.ask(QUESTION, visitor.token("/"))
        wait_until(lambda: machine.status()["ingest"] == "ready", "the reader of documents", 60)
        citation = machine.cli("ask", QUESTION)["citations"][0]
        assert (citation["file"], citation["page"]) == ("towers.pdf", 2)
        expect_that_it_stays(machine, visitor)
        assert files_of(source.files) == before
        secret = source.fields.get("secret", "no secret").splitlines()[-2:][0]
        assert secret not in machine.output


def add_source(visitor: Visitor, source: Source) -> None:
    """Try a place that is wrong, then name the right one."""
    form = f"{SOURCE}?kind={source.fields['kind']}"
    fields = {"name": "the old copy", **source.fields}
    wrong = fields["place"].rstrip("/") + "-elsewhere"
    refused = visitor.post(SOURCE, form, **{**fields, "place": wrong})
    assert refused.status_code >= 400
    assert f"There are no backups at {wrong}" in refused.text
    assert source.fields.get("secret", "no secret") not in refused.text
    answer = visitor.post(SOURCE, form, **fields)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == f"{STEPS}?source=1"


def restore_everything(visitor: Visitor, key: RecoveryKey) -> None:
    """Take the steps: a key of another machine, the right one, the set, the word, and keep it."""
    other = visitor.post(f"{STEPS}/open", STEPS, source="1", key=RecoveryKey.new().text)
    assert "belongs to another repository" in other.text
    opened = visitor.post(f"{STEPS}/open", STEPS, source="1", key=key.text.lower())
    assert opened.status_code == 303, opened.text
    page = visitor.http.get(STEPS).text
    found = re.search(r'name="snapshot" value="([0-9a-f]{64})"', page)
    assert found, page
    fields = {"snapshot": found[1], "what": "everything", "subject": ""}
    looked = visitor.post(f"{STEPS}/preview", STEPS, **fields)
    assert looked.status_code == 303, looked.text
    assert "What would change" in visitor.http.get(STEPS).text
    assert visitor.post(f"{STEPS}/start", STEPS, confirmation="RESTORE").status_code == 303
    wait_until(lambda: "Everything is restored." in steps_of(visitor), "the restore", LONG)
    kept = wait_until(lambda: keep(visitor), "the restored state to be kept", LONG)
    assert kept.headers["location"] == STEPS


def steps_of(visitor: Visitor) -> str:
    """Return the page of the steps, which must not say that the restore failed.

    While the database is exchanged, nothing answers for a moment.
    """
    try:
        page = visitor.http.get(STEPS).text
    except httpx.TransportError:
        return ""
    assert "Nothing was changed." not in page, page
    return page


def keep(visitor: Visitor) -> httpx.Response | None:
    """Keep the restored state, once the database has started with it."""
    if "Everything is restored." not in steps_of(visitor):
        return None
    answer = visitor.post(f"{STEPS}/keep", STEPS)
    return answer if "The restored state is kept" in visitor.http.get(STEPS).text else None


def expect_that_it_stays(machine: Appliance, visitor: Visitor) -> None:
    """Make a set of this machine: it is not copied over the old one, also when that is asked."""
    page = visitor.http.get("/admin/backups").text
    assert "nothing is copied there or removed" in page
    assert "There is no copy elsewhere" in page
    visitor.post("/admin/backups/now", "/admin/backups")
    wait_until(lambda: machine.cli("backup", "list"), "a set of this machine", LONG)
    assert [target["use"] for target in machine.cli("backup", "targets", "list")] == ["restore"]
    answer = visitor.post("/admin/backups/targets/1/copy", "/admin/backups")
    job = urlsplit(answer.headers["location"]).path
    wait_until(lambda: "is only restored from" in visitor.http.get(job).text, "the refusal", LONG)
    visitor.post("/admin/backups/targets/1/remove", "/admin/backups")
    assert machine.cli("backup", "targets", "list") == []


def files_of(folder: Path) -> dict[str, str]:
    """Return all files below a folder, with their sums."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
