"""The folder of the web server's certificate: what is served, what was served, what waits.

A certificate, its issuers and its key are one file, so that each change is one rename: a crash at
any moment leaves a certificate with its key. Only the operation `tls` writes here.
"""

from __future__ import annotations

import errno
import re
import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from appliance.core.files import fsync_directory, write_atomically
from appliance.core.system_calls import exchange
from appliance.tls.model import Origin, Pair
from appliance.units.nginx import SERVED

# The web server reads as the group, and a backup; the folder keeps all others out.
MODE = 0o640
_PREVIOUS, _CANDIDATE = "previous.pem", "candidate.pem"
# What earlier versions served, and what a restore of their backups brings back.
_FORMER_CERTIFICATE, _FORMER_KEY = "certificate.pem", "key.pem"
# What file systems answer that cannot exchange two files.
_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
# Programs that read PEM pass over lines outside of its blocks.
_ORIGIN = re.compile(rb"^Origin: (.+)$", re.MULTILINE)
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----\n?", re.DOTALL)


class Purpose(StrEnum):
    """Whose request waits for its certificate: one of an operator, and one of the ACME client."""

    OPERATOR = "operator"
    ACME = "acme"


@dataclass(frozen=True, slots=True)
class Stored:
    """A certificate as it is kept, with where it comes from."""

    origin: Origin
    pair: Pair

    @property
    def content(self) -> bytes:
        """The file that holds it."""
        return b"".join((self.public, self.pair.key))

    @property
    def public(self) -> bytes:
        """The same file without its key."""
        return f"Origin: {self.origin}\n".encode() + self.pair.certificate

    @classmethod
    def parse(cls, content: bytes) -> Stored | None:
        """Return what a file holds, with an empty key where it has none; None if it is none."""
        certificates, keys = split(content)
        found = _ORIGIN.search(content)
        origins = {each.value: each for each in Origin}
        origin = origins.get(found[1].decode(errors="replace")) if found else None
        return cls(origin, Pair(certificates, keys)) if certificates and origin else None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A key and the request to certify it."""

    request: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class CertificateFolder:
    """The files in the folder `tls`. Each method raises OSError."""

    path: Path

    def served(self) -> Stored | None:
        """Return what the web server reads at its next start or reload."""
        return _stored(self.path / SERVED)

    def previous(self) -> Stored | None:
        """Return what was served before; a copy that a crash left says nothing of that."""
        found = _stored(self.path / _PREVIOUS)
        return None if found == self.served() else found

    def former(self) -> Pair | None:
        """Return the two files of an earlier version, if both are there."""
        certificate = _content(self.path / _FORMER_CERTIFICATE)
        key = _content(self.path / _FORMER_KEY)
        return Pair(certificate, key) if certificate and key else None

    def waiting(self, purpose: Purpose) -> Waiting | None:
        """Return the key that waits for its certificate."""
        content = _content(self._waiting(purpose))
        requests, keys = split(content, "CERTIFICATE REQUEST")
        return Waiting(requests, keys) if requests and keys else None

    def keep_waiting(self, purpose: Purpose, waiting: Waiting) -> None:
        """Keep a key until its certificate comes; an earlier one of the same purpose ends."""
        content = waiting.request + waiting.key
        write_atomically(self._waiting(purpose), content, mode=MODE)

    def forget_waiting(self, purpose: Purpose) -> None:
        """Remove a key whose certificate is in use."""
        self._waiting(purpose).unlink(missing_ok=True)

    def propose(self, new: Stored) -> Path:
        """Write what may be served next beside what is served, and return its path."""
        path = self.path / _CANDIDATE
        write_atomically(path, new.content, mode=MODE)
        return path

    def take_proposed(self) -> None:
        """Serve the proposed one; what was served before is the previous one then."""
        if served := _content(self.path / SERVED):
            write_atomically(self.path / _PREVIOUS, served, mode=MODE)
        (self.path / _CANDIDATE).rename(self.path / SERVED)
        fsync_directory(self.path)

    def discard_proposed(self) -> None:
        """Remove what was proposed and is not served."""
        (self.path / _CANDIDATE).unlink(missing_ok=True)

    def roll_back(self) -> None:
        """Serve the previous one again; the other one is the previous one then."""
        served, previous = self.path / SERVED, self.path / _PREVIOUS
        try:
            exchange(previous, served)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            content = served.read_bytes()
            write_atomically(served, previous.read_bytes(), mode=MODE)
            write_atomically(previous, content, mode=MODE)
        fsync_directory(self.path)

    def forget_former(self) -> None:
        """Remove the files of an earlier version, whose content is served."""
        # The key last: without it nothing can be made of the other one.
        for name in (_FORMER_CERTIFICATE, _FORMER_KEY):
            (self.path / name).unlink(missing_ok=True)

    def _waiting(self, purpose: Purpose) -> Path:
        return self.path / f"waiting-{purpose}.pem"


@dataclass(frozen=True, slots=True)
class AuthorityFolder:
    """The file of the machine's own authority, which the web server cannot read."""

    path: Path

    @property
    def _file(self) -> Path:
        return self.path / "authority.pem"

    def read(self) -> Pair | None:
        """Return the authority, if there is one that is whole."""
        certificates, keys = split(_content(self._file))
        return Pair(certificates, keys) if certificates and keys else None

    def write(self, authority: Pair) -> None:
        """Keep another authority; the one before it stays beside it for an administrator."""
        if self._file.exists():
            shutil.copy2(self._file, self._file.with_suffix(".pem.before"))
        write_atomically(self._file, authority.certificate + authority.key, mode=MODE)


def split(content: bytes, label: str = "CERTIFICATE") -> tuple[bytes, bytes]:
    """Return the blocks of a PEM file with this label, and its private keys."""
    blocks = [(found[1].decode(), found[0]) for found in _BLOCK.finditer(content)]
    wanted = b"".join(block for name, block in blocks if name == label)
    keys = b"".join(block for name, block in blocks if name.endswith("PRIVATE KEY"))
    return wanted, keys


def _stored(path: Path) -> Stored | None:
    found = Stored.parse(_content(path))
    return found if found is not None and found.pair.key else None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
