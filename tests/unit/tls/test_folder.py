"""The files of the certificate: whatever is interrupted, a certificate with its key is served."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from appliance.core import system_calls
from appliance.core.files import fsync_directory, write_atomically
from appliance.tls import folder
from appliance.tls.authority import make_authority, make_leaf
from appliance.tls.folder import (
    AuthorityFolder,
    CertificateFolder,
    Purpose,
    Stored,
    Waiting,
    split,
)
from appliance.tls.model import Origin, Pair
from appliance.tls.published import publish, read_published
from tests.fakes.clock import START

NAMES = ("box.example",)
AUTHORITY = make_authority(NAMES, START)


def new_pair(now: datetime = START) -> Pair:
    return make_leaf(AUTHORITY, NAMES, now)


def stored(origin: Origin = Origin.UPLOADED) -> Stored:
    return Stored(origin, new_pair())


@pytest.fixture
def files(tmp_path: Path) -> CertificateFolder:
    return CertificateFolder(tmp_path)


def serve(files: CertificateFolder, new: Stored) -> None:
    files.propose(new)
    files.take_proposed()


def test_what_is_served_says_where_it_comes_from(files: CertificateFolder) -> None:
    assert files.served() is None
    first, second = stored(), stored(Origin.ACME)
    serve(files, first)
    assert files.served() == first
    assert files.previous() is None
    serve(files, second)
    assert files.served() == second
    assert files.previous() == first
    # A program that knows nothing of the first line reads the file.
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(files.path / "served.pem")
    assert (files.path / "served.pem").stat().st_mode & 0o777 == 0o640


def test_a_roll_back_exchanges_both(
    files: CertificateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = stored(), stored(Origin.ACME)
    serve(files, first)
    serve(files, second)
    files.roll_back()
    assert (files.served(), files.previous()) == (first, second)

    def cannot(*_: object) -> None:
        raise OSError(22, "the file system cannot exchange files")

    monkeypatch.setattr(folder, "exchange", cannot)
    files.roll_back()
    assert (files.served(), files.previous()) == (second, first)


class Crash(BaseException):
    """The process is killed."""


Change = Callable[[CertificateFolder], None]


def exchange_it(files: CertificateFolder) -> None:
    serve(files, stored(Origin.ACME))


def roll_it_back(files: CertificateFolder) -> None:
    files.roll_back()


def crash_at(monkeypatch: pytest.MonkeyPatch, step: int, *, after: bool) -> list[str]:
    """Let the process be killed before or after the step with this number; return all steps."""
    steps: list[str] = []

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            steps.append(name)
            is_last = len(steps) == step
            if is_last and not after:
                raise Crash
            result = function(*arguments, **named)
            if is_last:
                raise Crash
            return result

        return run

    monkeypatch.setattr(folder, "write_atomically", counted("write", write_atomically))
    monkeypatch.setattr(folder, "exchange", counted("exchange", system_calls.exchange))
    monkeypatch.setattr(folder, "fsync_directory", counted("sync", fsync_directory))
    monkeypatch.setattr(Path, "rename", counted("rename", Path.rename))
    return steps


@pytest.mark.parametrize("change", [exchange_it, roll_it_back])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_kill_at_each_step_leaves_a_certificate_with_its_key(
    files: CertificateFolder,
    monkeypatch: pytest.MonkeyPatch,
    change: Change,
    step: int,
    after: bool,
) -> None:
    serve(files, stored())
    serve(files, stored())
    before = {(files.path / name).read_bytes() for name in ("served.pem", "previous.pem")}
    with monkeypatch.context() as patched:
        steps = crash_at(patched, step, after=after)
        try:
            change(files)
        except Crash:
            pass
        else:
            assert len(steps) < step, steps
    served = files.served()
    assert served is not None
    assert served.content in before or served.origin is Origin.ACME
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(files.path / "served.pem")
    # What comes next is not disturbed by what was left.
    files.discard_proposed()
    serve(files, last := stored())
    assert (files.served(), files.previous()) == (last, served)


def test_every_step_of_both_changes_was_tried(
    files: CertificateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(files, stored())
    for change in (exchange_it, roll_it_back):
        with monkeypatch.context() as patched:
            steps = crash_at(patched, 99, after=False)
            change(files)
        assert 1 < len(steps) <= 4


def test_half_a_file_is_none(files: CertificateFolder) -> None:
    pair = new_pair()
    for content in (b"", b"hello", pair.certificate, b"Origin: elsewhere\n" + pair.certificate):
        (files.path / "served.pem").write_bytes(content)
        assert files.served() is None
    (files.path / "served.pem").write_bytes(b"Origin: uploaded\n" + pair.certificate)
    assert files.served() is None


def test_a_key_waits_until_it_is_forgotten(files: CertificateFolder) -> None:
    waiting = Waiting(
        b"-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n",
        AUTHORITY.key,
    )
    files.keep_waiting(Purpose.OPERATOR, waiting)
    assert files.waiting(Purpose.OPERATOR) == waiting
    assert files.waiting(Purpose.ACME) is None
    files.forget_waiting(Purpose.OPERATOR)
    files.forget_waiting(Purpose.OPERATOR)
    assert files.waiting(Purpose.OPERATOR) is None


def test_the_files_of_an_earlier_version_count_only_together(files: CertificateFolder) -> None:
    pair = new_pair()
    (files.path / "certificate.pem").write_bytes(pair.certificate)
    assert files.former() is None
    (files.path / "key.pem").write_bytes(pair.key)
    assert files.former() == pair
    files.forget_former()
    assert files.former() is None


def test_no_key_is_published(files: CertificateFolder, tmp_path: Path) -> None:
    own, public = AuthorityFolder(tmp_path / "authority"), tmp_path / "public"
    own.path.mkdir()
    public.mkdir()
    own.write(AUTHORITY)
    serve(files, first := stored())
    serve(files, second := stored(Origin.ACME))
    publish(files, own, public)
    found = read_published(public)
    assert found.served is not None
    assert found.previous is not None
    assert (found.served.origin, found.previous.origin) == (second.origin, first.origin)
    assert found.authority == AUTHORITY.certificate
    assert found.served.pair.certificate == second.pair.certificate
    for path in public.iterdir():
        assert b"PRIVATE" not in path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o644
    # What is gone is no longer published.
    (files.path / "previous.pem").unlink()
    publish(files, own, public)
    assert read_published(public).previous is None


def test_another_authority_keeps_the_one_before_it(tmp_path: Path) -> None:
    own = AuthorityFolder(tmp_path)
    assert own.read() is None
    own.write(AUTHORITY)
    other = make_authority(NAMES, START)
    own.write(other)
    assert own.read() == other
    before = (tmp_path / "authority.pem.before").read_bytes()
    assert split(before) == (AUTHORITY.certificate, AUTHORITY.key)
    assert (tmp_path / "authority.pem.before").stat().st_mode & 0o777 == 0o640
