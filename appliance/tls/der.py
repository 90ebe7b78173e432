"""Tells the binary forms of certificates and keys apart, by their first bytes."""

from __future__ import annotations

from enum import Enum, auto

_SEQUENCE = b"\x30"
_LONG_FORM = 0x80


class Kind(Enum):
    """What a binary file is."""

    CERTIFICATE = auto()
    REQUEST = auto()
    KEY = auto()
    PKCS7 = auto()
    PKCS12 = auto()


# How the outer sequence of each kind begins: with its version, or with the name of its content.
_OUTER = (
    (b"\x02\x01\x03\x30", Kind.PKCS12),
    (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", Kind.PKCS7),
    (b"\x02\x01\x00", Kind.KEY),
    (b"\x02\x01\x01", Kind.KEY),
)
# The same of the first sequence inside it: an encrypted key names its encryption, a request has
# version 0, and a certificate a tagged version.
_INNER = (
    (b"\x06", Kind.KEY),
    (b"\x02\x01\x00\x30", Kind.REQUEST),
    (b"\xa0\x03\x02\x01", Kind.CERTIFICATE),
)


def kind_of(data: bytes) -> Kind | None:
    """Return what a binary file claims to be, or None for text and everything else."""
    inside = _content(data)
    first = _content(inside)
    starts = ((inside, _OUTER), (first, _INNER))
    return next(
        (kind for text, table in starts for start, kind in table if text.startswith(start)), None
    )


def _content(data: bytes) -> bytes:
    """Return the first bytes inside of a sequence; none if it is no sequence."""
    if len(data) < 2 or not data.startswith(_SEQUENCE):
        return b""
    longer = data[1] - _LONG_FORM if data[1] > _LONG_FORM else 0
    return data[2 + longer : 64]
