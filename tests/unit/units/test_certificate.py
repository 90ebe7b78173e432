"""When a certificate is made, renewed, left alone or refused."""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.units.certificate import ensure_certificate, expires, fingerprint, is_due
from appliance.units.errors import CertificateError
from appliance.units.selfsigned import LASTS, alternative_names, self_signed
from tests.fakes.clock import START, FakeClock

HOST = "box.example"


def parsed(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())


def contents(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "certificate.pem").read_bytes(), (folder / "key.pem").read_bytes()


def names_in(host: str) -> list[str]:
    return [str(name.value) for name in alternative_names(host)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def foreign_pair() -> tuple[bytes, bytes]:
    """Return a certificate and a key as another authority's tools write them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "intranet.example")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "House")]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=90))
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), private


FOREIGN_CERTIFICATE, FOREIGN_KEY = foreign_pair()


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder with a pair that an administrator put there."""
    folder = tmp_path / "foreign"
    folder.mkdir()
    (folder / "certificate.pem").write_bytes(FOREIGN_CERTIFICATE)
    (folder / "key.pem").write_bytes(FOREIGN_KEY)
    return folder


def test_a_new_pair_is_a_server_s_and_can_issue_nothing(tmp_path: Path, clock: FakeClock) -> None:
    assert ensure_certificate(tmp_path, HOST, clock) == (tmp_path / "certificate.pem").read_bytes()
    extensions = parsed(tmp_path).extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert not constraints.value.ca
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_the_key_is_for_its_owner_and_for_a_group_without_members(
    tmp_path: Path, clock: FakeClock
) -> None:
    ensure_certificate(tmp_path, HOST, clock)
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "certificate.pem").stat().st_mode & 0o777 == 0o644
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
        tmp_path / "certificate.pem", tmp_path / "key.pem"
    )


def test_it_is_valid_no_longer_than_apple_s_systems_accept(tmp_path: Path) -> None:
    ensure_certificate(tmp_path, HOST, FakeClock())
    certificate = parsed(tmp_path)
    lasts = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert timedelta(days=700) < lasts < timedelta(days=825)
    assert certificate.not_valid_before_utc < START


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Box.Example.", "box.example"),
        ("box_1", "box_1"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("localhost", "localhost"),
    ],
)
def test_a_host_s_name_is_written_as_it_is_sent(host: str, name: str) -> None:
    assert names_in(host)[0] == name
    assert set(names_in(host)) >= {"localhost", "127.0.0.1", "::1"}
    assert len(set(names_in(host))) == len(names_in(host))


@pytest.mark.parametrize("host", ["10.0.0.7", "fd00::7"])
def test_an_address_is_no_name(host: str) -> None:
    assert names_in(host) == ["localhost", "127.0.0.1", "::1", host]


@pytest.mark.parametrize("host", ["", "a b", "x" * 64, "a..b", ".", "-a", "\x00", "a." * 130 + "a"])
def test_a_host_that_cannot_be_named_still_gets_a_certificate(
    tmp_path: Path, clock: FakeClock, host: str
) -> None:
    ensure_certificate(tmp_path, host, clock)
    assert names_in(host) == ["localhost", "127.0.0.1", "::1"]


def test_a_current_pair_is_kept(tmp_path: Path, clock: FakeClock) -> None:
    ensure_certificate(tmp_path, HOST, clock)
    before = contents(tmp_path)
    clock.advance((LASTS - timedelta(days=32)).total_seconds())
    ensure_certificate(tmp_path, HOST, clock)
    assert contents(tmp_path) == before


def test_it_is_renewed_a_month_before_it_ends(tmp_path: Path, clock: FakeClock) -> None:
    ensure_certificate(tmp_path, HOST, clock)
    clock.advance((LASTS - timedelta(days=30)).total_seconds())
    ensure_certificate(tmp_path, HOST, clock)
    assert parsed(tmp_path).not_valid_after_utc > clock.now() + timedelta(days=700)


def test_a_clock_that_must_be_wrong_renews_nothing(tmp_path: Path, clock: FakeClock) -> None:
    ensure_certificate(tmp_path, HOST, clock)
    before = contents(tmp_path)
    woken = FakeClock(START - timedelta(days=900))
    ensure_certificate(tmp_path, HOST, woken, earliest=START)
    assert contents(tmp_path) == before
    ensure_certificate(tmp_path / "..", HOST, woken, earliest=START)
    assert parsed(tmp_path / "..").not_valid_before_utc < woken.now(), "one is needed all the same"


def test_one_of_ours_is_due_a_month_before_it_ends_and_theirs_never() -> None:
    own, (foreign, _) = self_signed(HOST, START).certificate, foreign_pair()
    assert not is_due(own, HOST, START)
    assert is_due(own, "other.example", START)
    assert is_due(own, HOST, START + LASTS - timedelta(days=31))
    assert not is_due(foreign, HOST, START + timedelta(days=900))


def test_one_from_the_future_is_renewed(tmp_path: Path, clock: FakeClock) -> None:
    ensure_certificate(tmp_path, HOST, FakeClock(START + timedelta(days=400)))
    ensure_certificate(tmp_path, HOST, clock)
    assert parsed(tmp_path).not_valid_before_utc < START


def test_another_host_name_gets_another_certificate(tmp_path: Path, clock: FakeClock) -> None:
    ensure_certificate(tmp_path, HOST, clock)
    before = contents(tmp_path)
    ensure_certificate(tmp_path, "renamed.example", clock)
    assert contents(tmp_path) != before
    names = parsed(tmp_path).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert "renamed.example" in names.value.get_values_for_type(x509.DNSName)


@pytest.mark.parametrize("lost", ["certificate.pem", "key.pem"])
def test_half_of_ours_is_made_again(tmp_path: Path, clock: FakeClock, lost: str) -> None:
    ensure_certificate(tmp_path, HOST, clock)
    (tmp_path / lost).unlink()
    ensure_certificate(tmp_path, HOST, clock)
    assert all(contents(tmp_path))


def test_a_crash_between_the_two_files_is_mended(tmp_path: Path, clock: FakeClock) -> None:
    ensure_certificate(tmp_path, HOST, clock)
    (tmp_path / "key.pem").write_bytes(self_signed(HOST, START).key)
    ensure_certificate(tmp_path, HOST, clock)
    key = load_pem_private_key((tmp_path / "key.pem").read_bytes(), password=None)
    assert parsed(tmp_path).public_key() == key.public_key()


def test_an_administrator_s_pair_is_left_alone(foreign: Path, clock: FakeClock) -> None:
    before = contents(foreign)
    # Expired or for another host: it is theirs, and better than no answer at all.
    clock.advance(timedelta(days=91).total_seconds())
    assert ensure_certificate(foreign, HOST, clock) == before[0]
    assert contents(foreign) == before


def test_a_certificate_that_comes_with_its_issuers_is_used(foreign: Path, clock: FakeClock) -> None:
    chain = contents(foreign)[0] + self_signed("issuer.example", START).certificate
    (foreign / "certificate.pem").write_bytes(chain)
    assert ensure_certificate(foreign, HOST, clock) == chain
    assert fingerprint(chain) == fingerprint(parsed(foreign).public_bytes(Encoding.PEM))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("certificate.pem", b"", "certificate.pem holds no certificate"),
        ("certificate.pem", b"hello", "certificate.pem holds no certificate"),
        ("key.pem", b"", "key.pem holds no private key"),
        ("key.pem", b"hello", "key.pem holds no private key"),
        ("key.pem", self_signed(HOST, START).key, "key.pem is not the key of certificate.pem"),
    ],
)
def test_what_cannot_be_used_is_reported_and_kept(
    foreign: Path, clock: FakeClock, name: str, content: bytes, problem: str
) -> None:
    (foreign / name).write_bytes(content)
    before = contents(foreign)
    with pytest.raises(CertificateError, match=problem) as caught:
        ensure_certificate(foreign, HOST, clock)
    assert str(foreign) in caught.value.advice
    assert contents(foreign) == before


def test_a_key_that_waits_for_its_certificate_is_not_replaced(
    foreign: Path, clock: FakeClock
) -> None:
    (foreign / "certificate.pem").unlink()
    key = (foreign / "key.pem").read_bytes()
    with pytest.raises(CertificateError):
        ensure_certificate(foreign, HOST, clock)
    assert (foreign / "key.pem").read_bytes() == key


def test_a_key_with_a_passphrase_is_refused(foreign: Path, clock: FakeClock) -> None:
    key = load_pem_private_key((foreign / "key.pem").read_bytes(), password=None)
    sealed = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase")
    )
    (foreign / "key.pem").write_bytes(sealed)
    with pytest.raises(CertificateError, match="encrypted"):
        ensure_certificate(foreign, HOST, clock)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, clock: FakeClock) -> None:
    with pytest.raises(CertificateError, match=str(tmp_path / "missing")):
        ensure_certificate(tmp_path / "missing", HOST, clock)


def test_the_fingerprint_is_the_one_that_browsers_show(tmp_path: Path, clock: FakeClock) -> None:
    pem = ensure_certificate(tmp_path, HOST, clock)
    der = ssl.PEM_cert_to_DER_cert(pem.decode())
    shown = fingerprint(pem)
    assert shown.replace(":", "") == hashlib.sha256(der).hexdigest().upper()
    assert len(shown.split(":")) == 32
    assert expires(pem) == datetime(2028, 5, 8, 12, tzinfo=UTC)
