"""The machine's own authority: what it may certify, and that clients believe it and no more."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from appliance.tls.authority import (
    AUTHORITY_LASTS,
    LEAF_LASTS,
    is_authority_due,
    is_leaf_due,
    left_out,
    make_authority,
    make_leaf,
    root_of,
)
from appliance.tls.certificate import UnreadableError
from appliance.tls.findings import check
from appliance.tls.key import load_key
from appliance.tls.material import read_material
from appliance.tls.model import Pair, facts_of
from appliance.tls.names import general_names
from tests.builders.certificates import Issued, certificate
from tests.fakes.clock import START

NAMES = ("box.example", "10.0.0.7", "2001:db8:5::7", "203.0.113.9")
AUTHORITY = make_authority(NAMES, START)


def leaf_of(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


def names_of(pair: Pair) -> tuple[str, ...]:
    return facts_of(pair.certificate).names


def test_a_leaf_is_a_good_certificate_with_its_root() -> None:
    pair = make_leaf(AUTHORITY, NAMES, START)
    material = read_material(pair.certificate, key=pair.key)
    assert check(material, names=NAMES, now=START) == ()
    assert root_of(pair.certificate) == AUTHORITY.certificate
    assert names_of(pair) == ("box.example", "localhost", *NAMES[1:], "127.0.0.1", "::1")


def test_a_leaf_is_a_server_s_and_lasts_no_longer_than_browsers_accept() -> None:
    found = leaf_of(make_leaf(AUTHORITY, NAMES, START))
    extensions = found.extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert found.not_valid_after_utc - found.not_valid_before_utc == timedelta(days=397)
    assert found.not_valid_before_utc < START


def test_the_root_can_issue_servers_and_no_other_authority() -> None:
    found = leaf_of(AUTHORITY)
    constraints = found.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    assert found.extensions.get_extension_for_class(x509.NameConstraints).critical
    usage = found.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_cert_sign
    assert not usage.digital_signature
    assert timedelta(days=3650) <= found.not_valid_after_utc - START + timedelta(days=1)


def test_two_authorities_of_one_machine_have_different_names() -> None:
    assert leaf_of(AUTHORITY).subject != leaf_of(make_authority(NAMES, START)).subject


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Box.Example.", "box.example"),
        ("box_1", "box_1"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("[fd00::7]", "fd00::7"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_a_name_is_written_as_it_is_sent(host: str, name: str) -> None:
    assert name in names_of(make_leaf(make_authority([host], START), [host], START))


@pytest.mark.parametrize("host", ["", "a b", "x" * 64, "a..b", ".", "-a", "\x00", "a." * 130 + "a"])
def test_a_machine_whose_host_is_no_name_has_a_certificate_all_the_same(host: str) -> None:
    pair = make_leaf(make_authority([host], START), [host], START)
    assert names_of(pair) == ("localhost", "127.0.0.1", "::1")


def test_a_machine_with_many_addresses_has_a_certificate_of_a_bounded_size() -> None:
    names = [f"10.0.{high}.{low}" for high in range(4) for low in range(250)]
    assert len(names_of(make_leaf(AUTHORITY, names, START))) == 100
    assert not is_leaf_due(make_leaf(AUTHORITY, names, START).certificate, names, START)


@pytest.mark.parametrize(
    "name",
    [
        *("sub.box.example", "printer.local", "box.lan", "box.home.arpa"),
        *("192.168.7.7", "172.16.0.1", "169.254.3.4", "100.64.1.1", "fd12::1", "fe80::9"),
        *("2001:db8:5::ffff", "203.0.113.9"),
    ],
)
def test_it_certifies_its_own_names_and_what_is_private(name: str) -> None:
    assert left_out(AUTHORITY.certificate, [name]) == ()
    assert not is_authority_due(AUTHORITY.certificate, [name], START)


@pytest.mark.parametrize("name", ["other.example", "example", "xbox.example", "box"])
def test_another_host_name_needs_another_authority(name: str) -> None:
    assert left_out(AUTHORITY.certificate, [name, "10.0.0.1"]) == (name,)
    assert is_authority_due(AUTHORITY.certificate, [name], START)


@pytest.mark.parametrize("address", ["8.8.8.8", "203.0.113.10", "2001:db8:6::7", "172.32.0.1"])
def test_a_foreign_address_is_left_out_and_needs_no_other_root(address: str) -> None:
    names = [*NAMES, address]
    assert left_out(AUTHORITY.certificate, names) == (address,)
    assert not is_authority_due(AUTHORITY.certificate, names, START)
    pair = make_leaf(AUTHORITY, names, START)
    assert address not in names_of(pair)
    assert not is_leaf_due(pair.certificate, names, START)


def test_a_leaf_is_due_when_a_third_of_its_time_is_left() -> None:
    pem = make_leaf(AUTHORITY, NAMES, START).certificate
    ends = facts_of(pem).not_after
    assert not is_leaf_due(pem, NAMES, START)
    assert not is_leaf_due(pem, NAMES, ends - LEAF_LASTS / 3 - timedelta(minutes=1))
    assert is_leaf_due(pem, NAMES, ends - LEAF_LASTS / 3)


def test_a_leaf_is_due_for_other_names_and_from_the_future() -> None:
    pem = make_leaf(AUTHORITY, NAMES, START).certificate
    assert not is_leaf_due(pem, [*reversed(NAMES), "BOX.example"], START)
    assert not is_leaf_due(pem, NAMES[1:], START)
    assert is_leaf_due(pem, [*NAMES, "10.0.0.8"], START)
    assert is_leaf_due(pem, NAMES, START - timedelta(days=2))


def test_an_authority_is_due_before_a_leaf_would_outlive_it() -> None:
    pem = AUTHORITY.certificate
    last = facts_of(pem).not_after - LEAF_LASTS
    assert not is_authority_due(pem, NAMES, last - timedelta(minutes=1))
    assert is_authority_due(pem, NAMES, last)
    assert is_authority_due(pem, NAMES, START - timedelta(days=2))
    assert timedelta(days=3650) < AUTHORITY_LASTS


@pytest.mark.parametrize("pem", [b"", b"hello"])
def test_what_is_no_certificate_is_refused(pem: bytes) -> None:
    for call in (is_leaf_due, is_authority_due):
        with pytest.raises(UnreadableError):
            call(pem, NAMES, START)


def test_a_certificate_alone_has_no_root_to_install() -> None:
    with pytest.raises(ValueError, match="without its issuer"):
        root_of(certificate().pem)


def connect(root: bytes, pair: Pair, host: str, folder: Path) -> str | None:
    """Shake hands in memory with a client that trusts `root` only; return why it refuses."""
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    (folder / "certificate.pem").write_bytes(pair.certificate)
    (folder / "key.pem").write_bytes(pair.key)
    server_context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    client_context = ssl.create_default_context(cadata=root.decode())
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=host)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
    return None


NOW = datetime.now(UTC)
TRUSTED = make_authority(NAMES, NOW)


@pytest.mark.parametrize("host", ["box.example", "localhost", *NAMES[1:], "127.0.0.1", "::1"])
def test_a_client_that_trusts_only_the_root_believes_the_machine(tmp_path: Path, host: str) -> None:
    pair = make_leaf(TRUSTED, NAMES, NOW)
    assert connect(root_of(pair.certificate), pair, host, tmp_path) is None


def test_a_client_believes_neither_another_name_nor_another_root(tmp_path: Path) -> None:
    pair = make_leaf(TRUSTED, NAMES, NOW)
    root = root_of(pair.certificate)
    assert "Hostname mismatch" in str(connect(root, pair, "other.example", tmp_path))
    other = make_authority(NAMES, NOW).certificate
    assert connect(other, pair, "box.example", tmp_path) is not None


def forged(host: str) -> Pair:
    """Return what a thief of the authority's key would make for another machine."""
    key = load_key(TRUSTED.key)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    thief = Issued(leaf_of(TRUSTED), key)
    made = certificate(host, by=thief, names=(host,), starts=NOW - timedelta(days=1))
    return Pair(made.pem, made.key_pem)


def test_a_forgery_is_refused_for_its_name_alone(tmp_path: Path) -> None:
    pair = forged("box.example")
    assert connect(TRUSTED.certificate, pair, "box.example", tmp_path) is None
    assert verified(pair, "box.example")


@pytest.mark.parametrize("host", ["bank.example", "8.8.8.8"])
def test_a_stolen_authority_can_imitate_nothing_public(tmp_path: Path, host: str) -> None:
    message = connect(TRUSTED.certificate, forged(host), host, tmp_path)
    assert message == "permitted subtree violation"


def verified(pair: Pair, host: str) -> bool:
    """Ask a verifier that shares no code with OpenSSL."""
    store = Store([leaf_of(TRUSTED)])
    (name,) = general_names([host])
    assert isinstance(name, x509.DNSName | x509.IPAddress)
    verifier = PolicyBuilder().store(store).time(NOW).build_server_verifier(name)
    try:
        verifier.verify(leaf_of(pair), [])
    except VerificationError:
        return False
    return True


@pytest.mark.parametrize("host", NAMES)
def test_another_verifier_believes_the_machine(host: str) -> None:
    assert verified(make_leaf(TRUSTED, NAMES, NOW), host)


@pytest.mark.parametrize("host", ["bank.example", "8.8.8.8"])
def test_another_verifier_believes_no_thief(host: str) -> None:
    assert not verified(forged(host), host)
