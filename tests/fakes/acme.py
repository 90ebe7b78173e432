"""A real ACME server, with a DNS of its own, on loopback; and who has the private key."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
from acme import messages
from acme.client import ClientNetwork, ClientV2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from josepy.jwa import ES256
from josepy.jwk import JWKEC
from yarl import URL

from appliance.acme.store import Accounts
from appliance.core.settings import Settings
from appliance.tls.model import Origin
from tests.appliance import wait_until
from tests.ports import free_port

# The key of a customer, as Pebble's own examples have one.
CUSTOMER = ("customer-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W")
BLOCKED = "blocked.example"
# Pebble names the same terms for ever.
TERMS = "data:text/plain,Do%20what%20thou%20wilt"


@dataclass(frozen=True, slots=True)
class ServerAuthority:
    """A root, and the certificate that it has made for a server on loopback."""

    root: str
    certificate: Path
    key: Path


def make_server_authority(
    folder: Path, *, begins: datetime | None = None, lasts: timedelta = timedelta(days=30)
) -> ServerAuthority:
    """Make a root, and a server's certificate whose dates a test may set."""
    now = datetime.now(UTC)
    begins = begins or now - timedelta(hours=1)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Root of the test")])
    authority = x509.BasicConstraints(ca=True, path_length=0)
    root = _signed(
        issuer, issuer, (root_key, root_key), [authority], now - timedelta(days=400), 800
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    extensions = [
        x509.BasicConstraints(ca=False, path_length=None),
        x509.SubjectAlternativeName(names),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
    ]
    leaf = _signed(subject, issuer, (key, root_key), extensions, begins, lasts.days)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "server.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    pem = root.public_bytes(Encoding.PEM).decode()
    return ServerAuthority(pem, folder / "server.pem", folder / "server.key")


def _signed(
    subject: x509.Name,
    issuer: x509.Name,
    keys: tuple[ec.EllipticCurvePrivateKey, ec.EllipticCurvePrivateKey],
    extensions: Sequence[x509.ExtensionType],
    begins: datetime,
    days: int,
) -> x509.Certificate:
    """Return a certificate for the first of two keys, signed with the second."""
    key, by = keys
    builder = x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=begins,
        not_valid_after=begins + timedelta(days=days),
    )
    is_root = key is by
    usage = x509.KeyUsage(
        digital_signature=not is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_root,
        crl_sign=is_root,
        encipher_only=False,
        decipher_only=False,
    )
    identifiers = (
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()),
    )
    for extension in (*extensions, usage, *identifiers):
        critical = isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(by, hashes.SHA256())


@dataclass(frozen=True, slots=True)
class Pebble:
    """A running Pebble. Every name leads to loopback, where it looks at `web_port` for HTTP-01."""

    directory: str
    authority: ServerAuthority
    web_port: int
    dns: str

    @property
    def root(self) -> str:
        """The certificate that vouches for its server."""
        return self.authority.root

    def set_address(self, name: str, address: str) -> None:
        """Let a name lead elsewhere."""
        body = {"host": name, "addresses": [address]}
        httpx.post(f"{self.dns}/add-a", json=body).raise_for_status()

    def hide(self, name: str) -> None:
        """Let no server know a name."""
        httpx.post(f"{self.dns}/set-servfail", json={"host": name}).raise_for_status()

    def show(self, name: str) -> None:
        """Let servers know a name again."""
        httpx.post(f"{self.dns}/clear-servfail", json={"host": name}).raise_for_status()


@contextmanager
def running_pebble(
    folder: Path,
    *,
    web_port: int | None = None,
    bad_nonces: int = 0,
    needs_binding: bool = False,
    authority: ServerAuthority | None = None,
    lasts: timedelta = timedelta(days=90),
    like: Pebble | None = None,
) -> Iterator[Pebble]:
    """Run Pebble with a DNS of its own, and end both; `like` is one in whose place it comes."""
    folder.mkdir(parents=True, exist_ok=True)
    served = authority or (like.authority if like else make_server_authority(folder))
    port, management, dns, control = (free_port() for _ in range(4))
    port = URL(like.directory).port or port if like else port
    web = web_port or free_port()
    settings = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(served.certificate),
        "privateKey": str(served.key),
        "httpPort": web,
        "tlsPort": free_port(),
        "ocspResponderURL": "",
        "externalAccountBindingRequired": needs_binding,
        "externalAccountMACKeys": dict([CUSTOMER]) if needs_binding else {},
        "domainBlocklist": [BLOCKED],
        "certificateValidityPeriod": round(lasts.total_seconds()),
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
    environment = {
        **os.environ,
        "PEBBLE_VA_NOSLEEP": "1",
        "PEBBLE_WFE_NONCEREJECT": str(bad_nonces),
        "PEBBLE_AUTHZREUSE": "100",
    }
    # Later versions open one more port, unless it is switched off.
    known = subprocess.run(("pebble-challtestsrv", "-help"), capture_output=True, check=False)
    names = (
        *("pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""),
        *("-dns01", f"127.0.0.1:{dns}", "-management", f"127.0.0.1:{control}"),
        *("-http01", "", "-https01", "", "-tlsalpn01", ""),
        *(("-doh", "") if b"-doh" in known.stderr else ()),
    )
    pebble = (
        *("pebble", "-config", str(folder / "pebble.json"), "-strict"),
        *("-dnsserver", f"127.0.0.1:{dns}"),
    )
    with (folder / "log").open("wb") as log:
        processes = [
            subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            for command in (names, pebble)
        ]
        made = Pebble(f"https://localhost:{port}/dir", served, web, f"http://127.0.0.1:{control}")
        try:
            wait_until(lambda: _listens(port) and _listens(control), "Pebble to answer")
            yield made
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(10)


def _listens(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
    except httpx.ConnectError:
        return False
    except httpx.HTTPError:
        return True
    return True


async def deactivate_account(settings: Settings, pebble: Pebble) -> None:
    """Deactivate the account of a machine, as an administrator of the authority would."""
    account = await Accounts(settings.acme).find(pebble.directory)
    assert account is not None
    network = ClientNetwork(JWKEC(key=account.key), alg=ES256, verify_ssl=False)
    with warnings.catch_warnings(action="ignore"):
        directory = ClientV2.get_directory(pebble.directory, network)
        resource = messages.RegistrationResource(body=messages.Registration(), uri=account.address)
        await asyncio.to_thread(ClientV2(directory, network).deactivate_registration, resource)


@dataclass
class MemoryCertificates:
    """Who has the private key: makes requests, and keeps the chains that answer them."""

    requests: list[tuple[str, ...]] = field(default_factory=list)
    used: list[x509.Certificate] = field(default_factory=list)
    _key: ec.EllipticCurvePrivateKey | None = None

    async def csr(self, names: Sequence[str]) -> bytes:
        """Return a request with a new key."""
        self.requests.append(tuple(names))
        self._key = ec.generate_private_key(ec.SECP256R1())
        return csr_for(names, self._key)

    async def install(self, chain: bytes, origin: Origin) -> None:
        """Keep the chain; it must answer the last request."""
        assert origin is Origin.ACME
        leaf, *issuers = x509.load_pem_x509_certificates(chain)
        assert self._key is not None
        assert leaf.public_key() == self._key.public_key()
        assert issuers
        self.used.append(leaf)


def csr_for(names: Sequence[str], key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """Return a request for a certificate for names and addresses."""
    wanted = [_general_name(name) for name in names]
    builder = x509.CertificateSigningRequestBuilder(subject_name=x509.Name([]))
    builder = builder.add_extension(x509.SubjectAlternativeName(wanted), critical=False)
    request = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return request.public_bytes(Encoding.PEM)


def names_of(certificate: x509.Certificate) -> set[str]:
    """Return for which names a certificate is."""
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    addresses = map(str, extension.value.get_values_for_type(x509.IPAddress))
    return {*extension.value.get_values_for_type(x509.DNSName), *addresses}


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
