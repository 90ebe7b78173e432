"""How a copy goes, and what is kept of it: its time of the day, its end, its progress."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appliance.offsite.errors import (
    TargetMissingError,
    TargetRequestError,
    TargetUnprovenError,
)
from appliance.offsite.model import TargetState
from appliance.operations.model import Outcome
from appliance.repository import lock
from appliance.repository.errors import RepositoryMissingError
from tests.appliance import wait_until
from tests.builders.offsite import Machine, machine, rest_target, restic
from tests.fakes.clock import FakeClock
from tests.fakes.offsite import rest_server

LATER = datetime(2026, 2, 1, 2, 11, tzinfo=UTC)


@pytest.fixture
def disk(home: Machine, tmp_path: Path) -> Path:
    home.folder_target(tmp_path / "disk")
    return tmp_path / "disk"


def times(clock: FakeClock, opens: timedelta, closes: timedelta) -> dict[str, str]:
    """Return a window around the present time, in local time."""
    now = clock.now().astimezone()
    return {"opens": f"{now + opens:%H:%M}", "closes": f"{now + closes:%H:%M}"}


async def test_outside_its_time_a_copy_waits_unless_it_is_asked_for_now(
    home: Machine, tmp_path: Path
) -> None:
    home.back_up()
    home.clock = clock = FakeClock()
    window = times(clock, timedelta(hours=2), timedelta(hours=4))
    home.folder_target(tmp_path / "disk", **window)
    await home.do("probe")
    found = await home.do("copy")
    assert found["complete"] is False
    state = await home.state()
    assert state.next_try_at == clock.now() + timedelta(hours=2)
    assert (state.error, state.failures) == ("", 0)
    assert list(tmp_path.glob("disk/data/*/*")) == []
    assert (await home.do("copy", now=True))["complete"]
    assert (await home.state()).next_try_at is None


async def test_at_the_end_of_its_time_a_copy_stops_and_goes_on_the_next_day(
    home: Machine, tmp_path: Path
) -> None:
    home.back_up()
    home.clock = clock = FakeClock()
    window = times(clock, -timedelta(hours=1), timedelta(minutes=1))
    # So slow that a minute is over before all is there.
    home.folder_target(tmp_path / "disk", limit=6, **window)
    await home.do("probe")
    assert (await home.do("copy"))["complete"] is False
    assert list(tmp_path.glob("disk/snapshots/*")) == []
    assert list(tmp_path.glob("disk/tmp/*")) == []
    waits_until = (await home.state()).next_try_at
    assert waits_until is not None
    clock.advance((waits_until - clock.now()).total_seconds())
    home.folder_target(tmp_path / "disk", **window)
    assert (await home.do("copy"))["complete"]


async def test_it_says_which_set_is_there_whole(home: Machine, disk: Path) -> None:
    snapshot = home.back_up()
    await home.do("probe")
    sets = {snapshot: LATER.isoformat(), "0" * 64: "2026-02-02T00:00:00+00:00"}
    await home.do("copy", sets=sets)
    assert (await home.state()).complete_at == LATER
    # Without the list of sets, the newest snapshot counts.
    await home.do("copy")
    path = next(home.settings.repository.glob("snapshots/*"))
    assert (await home.state()).complete_at == datetime.fromtimestamp(path.stat().st_mtime, UTC)


async def test_it_says_how_far_it_is_and_can_be_cancelled(home: Machine, tmp_path: Path) -> None:
    home.back_up()
    home.folder_target(tmp_path / "disk", limit=200)
    await home.do("probe")
    before = await home.state()
    process = home.start("copy")
    seen = wait_until(
        lambda: (progress := home.folder().progress()) and progress.done and progress,
        "the first bytes",
    )
    assert 0 < seen.done < seen.total
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    result = home.folder().result()
    assert result is not None
    assert result.outcome is Outcome.CANCELLED
    # It was no failure: the next copy goes on at once.
    assert await home.state() == before
    assert list(tmp_path.glob("disk/tmp/*")) == []


async def test_the_log_says_what_arrived(home: Machine, disk: Path) -> None:
    home.back_up()
    await home.do("probe")
    found = await home.do("copy")
    log = "\n".join(home.folder().lines(0))
    assert f"{found['sent_files']} files with" in log


async def test_nothing_is_removed_here_while_it_is_made(home: Machine, tmp_path: Path) -> None:
    home.back_up()
    home.folder_target(tmp_path / "disk", limit=100)
    await home.do("probe")
    process = home.start("copy")
    wait_until(lambda: (progress := home.folder().progress()) and progress.done, "the first bytes")
    with pytest.raises(Exception, match="locked"):
        async with lock.exclusive(home.settings.repository_lock, home.clock, patience=0):
            pass
    process.kill()
    process.communicate()
    async with lock.exclusive(home.settings.repository_lock, home.clock, patience=5):
        pass


async def test_a_file_that_is_not_opened_to_this_account_yet_is_left_to_the_next_copy(
    home: Machine, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = home.back_up()
    await home.do("probe")
    before = {path for path in home.settings.repository.rglob("*") if path.is_file()}
    home.add_documents(1)
    second = home.back_up()

    def may_read(path: str, _: int) -> bool:
        return Path(path) in before

    with monkeypatch.context() as patch:
        patch.setattr(os, "access", may_read)
        found = await home.do("copy")
    assert found["files"] == len(before)
    assert "no errors were found" in restic(disk, "check", "--read-data")
    assert [path.name for path in disk.glob("snapshots/*")] == [first]
    await home.do("copy")
    assert {path.name for path in disk.glob("snapshots/*")} == {first, second}


async def test_a_machine_without_backups_has_nothing_to_copy(tmp_path: Path) -> None:
    home = machine(tmp_path)
    (home.settings.repository / "config").unlink()
    home.folder_target(tmp_path / "disk")
    await home.do("probe")
    with pytest.raises(RepositoryMissingError):
        await home.do("copy")


async def test_a_request_for_nothing_is_refused(home: Machine, disk: Path) -> None:
    with pytest.raises(TargetRequestError):
        await home.do("delete")
    with pytest.raises(TargetMissingError):
        await home.do("copy", 2)
    assert await home.state() == TargetState()


async def test_a_certificate_is_known_by_its_fingerprint(
    home: Machine, servers: ExitStack, tmp_path: Path
) -> None:
    home.back_up()
    fingerprint = make_certificate(tmp_path)
    options = (f"--cert={tmp_path / 'cert.pem'}", f"--key={tmp_path / 'key.pem'}")
    server = servers.enter_context(rest_server(tmp_path / "rest", *options))
    target = rest_target(server, place=f"https://127.0.0.1:{server.port}/copy/")
    home.set_up(target)
    with pytest.raises(TargetUnprovenError):
        await home.do("copy")
    home.set_up(replace(target, identity="ab" * 32))
    with pytest.raises(TargetUnprovenError) as caught:
        await home.do("copy")
    assert caught.value.facts["found"] == fingerprint
    assert list(server.folder.iterdir()) == []
    home.set_up(replace(target, identity=fingerprint))
    assert (await home.do("copy"))["complete"]


def make_certificate(folder: Path) -> str:
    """Write a certificate that no authority vouches for; return its fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cellar")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate.fingerprint(hashes.SHA256()).hex()
