"""What ACME is set up with, and how its runs went. Pure.

ACME is how a machine gets its certificate from an authority by itself:
https://www.rfc-editor.org/rfc/rfc8555
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from typing_extensions import override

from appliance.tls.model import Origin

# The one authority whose staging server everyone may use.
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
LETS_ENCRYPT_STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"


class ChallengeKind(StrEnum):
    """How the machine proves that a name is its own."""

    HTTP = "http-01"
    DNS = "dns-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmePlan:
    """What an operator has set up.

    `directory` is the address of the authority, `staging` that of its server for rehearsals, empty
    where it has none. `root` is the certificate that vouches for the authority's own server, as
    PEM; empty: the authorities that this machine trusts. `terms` is the address of the terms that
    the operator has accepted, empty where the authority has none. `names` are those that the
    certificate is for; without any, the names under which the machine is opened. `hook` is the
    file name of the program that publishes records for DNS-01.
    """

    directory: str
    staging: str = ""
    contact: tuple[str, ...] = ()
    terms: str = ""
    challenge: ChallengeKind = ChallengeKind.HTTP
    names: tuple[str, ...] = ()
    hook: str = ""
    root: str = ""


@dataclass(frozen=True, slots=True)
class Binding:
    """What an authority gave a customer, to bind an ACME account to the contract with it."""

    key_id: str
    secret: str

    @override
    def __repr__(self) -> str:
        """Keep the secret out of logs and tracebacks."""
        return f"Binding({self.key_id})"


class Refusal(StrEnum):
    """Why a name could not be validated."""

    UNREACHABLE = "unreachable"
    WRONG_ANSWER = "wrong answer"
    DNS = "dns"
    CAA = "caa"
    TLS = "tls"
    REJECTED = "rejected"
    NO_CHALLENGE = "no challenge"
    HOOK = "hook"
    RATE = "rate"
    SILENT = "silent"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class NameFailure:
    """A name that could not be validated. `detail` is what the authority, or the hook, said."""

    name: str
    refusal: Refusal
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeState:
    """How the runs went.

    `names` are in the certificate that was issued last, valid from `not_before` to `not_after`, and
    `renew_at` is when the next one is due. `failed` are the names that could not be validated in
    the last run, and `wanted` those of it. `error` is the code of why the last run brought no
    certificate, `failures` how many runs in a row did not bring all that was wanted; before
    `next_try_at` none is tried by itself. `rehearsed` marks what the staging server has accepted.
    `new_terms` is the address of terms that the authority shows now, where others were accepted.
    """

    tried_at: datetime | None = None
    issued_at: datetime | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    renew_at: datetime | None = None
    next_try_at: datetime | None = None
    names: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    failed: tuple[NameFailure, ...] = ()
    failures: int = 0
    error: str = ""
    message: str = ""
    hint: str = ""
    rehearsed: str = ""
    new_terms: str = ""


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when a certificate is valid."""

    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class DirectoryFacts:
    """What an authority says about itself."""

    terms: str = ""
    website: str = ""
    needs_binding: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """How one order ended: the chain, or the names that can be ordered, and those that cannot."""

    chain: bytes = b""
    working: tuple[str, ...] = ()
    failed: tuple[NameFailure, ...] = ()
    new_terms: str = ""


class Certificates(Protocol):
    """Makes requests for certificates, and takes the chains: it alone has the private key."""

    async def csr(self, names: Sequence[str]) -> bytes:
        """Return a request for a certificate for these names, as PEM."""
        ...

    async def install(self, chain: bytes, origin: Origin) -> None:
        """Serve a chain that answers the last request, leaf first, as PEM.

        Raises ApplianceError where it is not fit for this machine.
        """
        ...
