"""What of the certificates is no secret: the operation `tls` writes it, and all others read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from appliance.core.files import keep_written
from appliance.tls.folder import AuthorityFolder, CertificateFolder, Purpose, Stored

# What is served, with its issuers; a program such as curl can read it.
CERTIFICATE = "certificate.pem"
_PREVIOUS = "previous.pem"
# What people install where this machine is to be trusted.
AUTHORITY = "authority.pem"
_READABLE = 0o644


@dataclass(frozen=True, slots=True)
class Published:
    """What is served and what was, without keys; the machine's own root; requests that wait."""

    served: Stored | None = None
    previous: Stored | None = None
    authority: bytes | None = None
    requests: Mapping[Purpose, bytes] = field(default_factory=dict)


def read_published(folder: Path) -> Published:
    """Return what is published; a file that cannot be read counts as missing."""
    requests = {each: _content(folder / _request(each)) for each in Purpose}
    return Published(
        served=Stored.parse(_content(folder / CERTIFICATE)),
        previous=Stored.parse(_content(folder / _PREVIOUS)),
        authority=_content(folder / AUTHORITY) or None,
        requests={each: request for each, request in requests.items() if request},
    )


def publish(certificates: CertificateFolder, authority: AuthorityFolder, folder: Path) -> None:
    """Publish what is kept at this moment. Raises OSError."""
    served, previous, own = certificates.served(), certificates.previous(), authority.read()
    waiting = {each: certificates.waiting(each) for each in Purpose}
    files = {
        CERTIFICATE: served.public if served else None,
        _PREVIOUS: previous.public if previous else None,
        AUTHORITY: own.certificate if own else None,
        **{_request(each): found.request if found else None for each, found in waiting.items()},
    }
    for name, content in files.items():
        if content is None:
            (folder / name).unlink(missing_ok=True)
        else:
            keep_written(folder / name, content, mode=_READABLE)


def _request(purpose: Purpose) -> str:
    return f"request-{purpose}.pem"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
