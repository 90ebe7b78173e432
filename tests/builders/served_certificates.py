"""Certificates as the operation `tls` keeps them, and as another authority makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from appliance.core.files import private_directory
from appliance.core.settings import Settings
from appliance.tls.authority import make_authority, make_leaf
from appliance.tls.folder import AuthorityFolder, CertificateFolder, Stored
from appliance.tls.key import key_pem
from appliance.tls.model import Origin, Pair
from appliance.tls.names import general_names
from appliance.tls.published import publish
from appliance.units.directories import give_to
from appliance.units.nginx import SERVED
from tests.builders.certificates import (
    Issued,
    authority,
    chained,
    ec_key,
    pem_of,
    server_extensions,
)


def keep_own(settings: Settings, *names: str) -> Pair:
    """Let the machine serve a certificate of its own authority; return the authority."""
    now = datetime.now(UTC)
    folder, own = CertificateFolder(settings.tls), AuthorityFolder(settings.authority)
    for path in (settings.tls, settings.authority, settings.certificates):
        private_directory(path)
    authority = make_authority(names, now)
    own.write(authority)
    folder.propose(Stored(Origin.OWN_AUTHORITY, make_leaf(authority, names, now)))
    folder.take_proposed()
    publish(folder, own, settings.certificates)
    for path in (settings.tls, settings.tls / SERVED, settings.certificates):
        give_to(path, settings.account)
    return authority


def uploaded(*names: str) -> Issued:
    """Return a certificate of another authority that is valid at this moment."""
    return chained(names=names, starts=datetime.now(UTC) - timedelta(days=1))


def answer_to(request: bytes) -> bytes:
    """Return what another authority sends back for a request."""
    asked = x509.load_pem_x509_csr(request)
    house = authority(starts=datetime.now(UTC) - timedelta(days=1))
    builder = (
        x509.CertificateBuilder()
        .subject_name(asked.subject)
        .issuer_name(house.certificate.subject)
        .public_key(asked.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=90))
    )
    for extension in (*asked.extensions, *server_extensions()):
        value = extension.value if isinstance(extension, x509.Extension) else extension
        builder = builder.add_extension(value, critical=False)
    return pem_of(builder.sign(house.key, hashes.SHA256()))


def former_pair(host: str, now: datetime) -> Pair:
    """Return what earlier versions made: a certificate that its own key signed."""
    key = ec_key()
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Cloister self-signed"),
            x509.NameAttribute(NameOID.COMMON_NAME, host),
        ]
    )
    starts = now - timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(starts + timedelta(days=800))
        .add_extension(
            x509.SubjectAlternativeName(general_names((host, "localhost"))), critical=False
        )
    )
    for extension in server_extensions():
        builder = builder.add_extension(extension, critical=False)
    # The line before the key is how that version knew its own.
    comment = b"# Cloister self-signed: renewed together with its certificate.\n"
    signed = builder.sign(key, hashes.SHA256())
    return Pair(pem_of(signed), comment + key_pem(key))
