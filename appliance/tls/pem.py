"""The blocks of a PEM file, found in one pass however it is built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from appliance.tls.certificate import shown
from appliance.tls.errors import CutOffError, TooManyCertificatesError

MOST_BLOCKS = 100
_BEGIN, _END, _DASHES = b"-----BEGIN ", b"-----END ", b"-----"
_ENCRYPTED = b"Proc-Type: 4,ENCRYPTED"


class BlockKind(Enum):
    """What a block holds."""

    CERTIFICATE = auto()
    KEY = auto()
    ENCRYPTED_KEY = auto()
    REQUEST = auto()
    PKCS7 = auto()
    OTHER = auto()


_KINDS = {
    b"CERTIFICATE": BlockKind.CERTIFICATE,
    b"X509 CERTIFICATE": BlockKind.CERTIFICATE,
    b"PRIVATE KEY": BlockKind.KEY,
    b"RSA PRIVATE KEY": BlockKind.KEY,
    b"EC PRIVATE KEY": BlockKind.KEY,
    b"DSA PRIVATE KEY": BlockKind.KEY,
    b"OPENSSH PRIVATE KEY": BlockKind.KEY,
    b"ENCRYPTED PRIVATE KEY": BlockKind.ENCRYPTED_KEY,
    b"CERTIFICATE REQUEST": BlockKind.REQUEST,
    b"NEW CERTIFICATE REQUEST": BlockKind.REQUEST,
    b"PKCS7": BlockKind.PKCS7,
    b"CMS": BlockKind.PKCS7,
}


@dataclass(frozen=True, slots=True)
class Block:
    """One block, with its first and its last line."""

    kind: BlockKind
    pem: bytes = field(repr=False)


def blocks_of(data: bytes) -> tuple[Block, ...]:
    """Return the blocks. Raises CutOffError, and TooManyCertificatesError before the 101st."""
    found: list[Block] = []
    for block in _blocks(data):
        if len(found) == MOST_BLOCKS:
            raise TooManyCertificatesError(limit=MOST_BLOCKS)
        found.append(block)
    return tuple(found)


def _blocks(data: bytes) -> Iterator[Block]:
    position = 0
    while (start := data.find(_BEGIN, position)) >= 0:
        inside = start + len(_BEGIN)
        label = data[inside : inside + 64].partition(_DASHES)[0]
        end = data.find(_END, inside)
        next_start = data.find(_BEGIN, inside)
        position = data.find(_DASHES, end + len(_END)) + len(_DASHES)
        if end < 0 or 0 <= next_start < end or position < end:
            raise CutOffError(label=shown(label.decode("ascii", "replace")))
        yield Block(_kind(label, data[inside:end]), data[start:position] + b"\n")


def _kind(label: bytes, body: bytes) -> BlockKind:
    kind = _KINDS.get(label, BlockKind.OTHER)
    # The older form of an encrypted key says so in a header.
    if kind is BlockKind.KEY and _ENCRYPTED in body[:200]:
        return BlockKind.ENCRYPTED_KEY
    return kind
