"""Reads what a person uploads: PEM in any order, or PKCS#12. What it holds is judged elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from appliance.tls import certificate as read
from appliance.tls import der
from appliance.tls.certificate import public_bytes
from appliance.tls.chain import ordered
from appliance.tls.errors import (
    CertificateDamagedError,
    CertificateMissingError,
    DerError,
    DerKeyError,
    KeyEncryptedError,
    KeyOnlyError,
    KeyUnreadableError,
    MaterialTooLargeError,
    Pkcs7Error,
    RequestInsteadError,
    TooManyCertificatesError,
)
from appliance.tls.key import decrypted, key_pem, load_key
from appliance.tls.model import Material
from appliance.tls.pem import MOST_BLOCKS, Block, BlockKind, blocks_of
from appliance.tls.pkcs12 import unpacked

LARGEST = 1024 * 1024
_LARGEST_WORDS = "1 MB"


def read_material(
    data: bytes, *, password: str | None = None, key: bytes | None = None
) -> Material:
    """Return the certificates of a file in order, with the key of the server's own.

    `key` is another file with the key, and `password` opens an encrypted key or a PKCS#12 file.
    How long that takes the file itself says: call it in a process with a deadline. Raises
    MaterialError, whose subclasses say what the file is instead.
    """
    if len(data) > LARGEST or len(key or b"") > LARGEST:
        raise MaterialTooLargeError(limit=_LARGEST_WORDS)
    if der.kind_of(data) is der.Kind.PKCS12:
        certificates, keys = _from_pkcs12(data, password)
    else:
        certificates, keys = _from_pem(data, password)
    if key:
        keys = _keys(_blocks(key), password)
        if not keys:
            raise KeyUnreadableError
    if not certificates:
        raise KeyOnlyError if keys else CertificateMissingError
    return _material(certificates, keys)


def _from_pem(
    data: bytes, password: str | None
) -> tuple[list[x509.Certificate], list[PrivateKeyTypes]]:
    blocks = _blocks(data)
    kinds = {block.kind for block in blocks}
    if BlockKind.PKCS7 in kinds:
        raise Pkcs7Error
    certificates = [block for block in blocks if block.kind is BlockKind.CERTIFICATE]
    if BlockKind.REQUEST in kinds and not certificates:
        raise RequestInsteadError
    loaded = [_certificate(number, block) for number, block in enumerate(certificates, 1)]
    return loaded, _keys(blocks, password)


def _blocks(data: bytes) -> tuple[Block, ...]:
    """Return the blocks of a PEM file. Raises the error of what it is instead."""
    match der.kind_of(data):
        case der.Kind.CERTIFICATE:
            raise DerError
        case der.Kind.REQUEST:
            raise RequestInsteadError
        case der.Kind.KEY:
            raise DerKeyError
        case der.Kind.PKCS7:
            raise Pkcs7Error
        case der.Kind.PKCS12 | None:
            return blocks_of(data)


def _certificate(number: int, block: Block) -> x509.Certificate:
    # Some tools write another name into the first and the last line, which the library ignores.
    pem = block.pem.replace(b" X509 CERTIFICATE-", b" CERTIFICATE-")
    try:
        return read.load(pem, Encoding.PEM)
    except read.UnreadableError as error:
        raise CertificateDamagedError(number=number) from error


def _keys(blocks: Sequence[Block], password: str | None) -> list[PrivateKeyTypes]:
    keys = []
    for block in blocks:
        if block.kind is BlockKind.ENCRYPTED_KEY:
            if not password:
                raise KeyEncryptedError
            keys.append(load_key(decrypted(block.pem, password)))
        elif block.kind is BlockKind.KEY:
            keys.append(load_key(block.pem))
    return keys


def _from_pkcs12(
    data: bytes, password: str | None
) -> tuple[list[x509.Certificate], list[PrivateKeyTypes]]:
    key, certificates = unpacked(data, password)
    if len(certificates) > MOST_BLOCKS:
        raise TooManyCertificatesError(limit=MOST_BLOCKS)
    for number, certificate in enumerate(certificates, 1):
        try:
            read.require_readable(certificate)
        except read.UnreadableError as error:
            raise CertificateDamagedError(number=number) from error
    return certificates, [key] if key else []


def _material(
    certificates: Sequence[x509.Certificate], keys: Sequence[PrivateKeyTypes]
) -> Material:
    """Put the certificates in order, around the one whose key is there."""
    owned = {public_bytes(key.public_key()): key for key in keys}
    known = [public for public in map(_public, certificates) if public in owned]
    public = known[0] if known else None
    found = ordered(certificates, public)
    key = owned[public] if public else next(iter(keys), None)
    return Material(
        leaf=found.leaf,
        chain=found.issuers,
        key=key_pem(key) if key else None,
        unrelated=found.unrelated,
        was_ordered=found.was_ordered,
    )


def _public(certificate: x509.Certificate) -> bytes:
    key = read.public_key_of(certificate)
    return b"" if key is None else public_bytes(key)
