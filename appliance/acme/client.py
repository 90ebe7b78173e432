"""Speak ACME with an authority: the only module that knows the library for it.

The library waits for its answers, so each request runs in a thread.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar, cast

import requests
from acme import client as library
from acme import errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from josepy import jwa, jwk
from josepy.errors import Error as JoseError
from typing_extensions import override

from appliance.acme.errors import (
    ClockWrongError,
    NamesRefusedError,
    ServerOddError,
    ServerSilentError,
)
from appliance.acme.model import Binding, ChallengeKind, DirectoryFacts, NameFailure, Refusal
from appliance.acme.problems import (
    Asked,
    Problem,
    ProblemType,
    brief,
    date_of,
    error_of,
    error_on_the_way,
    refusal_of,
)
from appliance.core.clock import Clock

_REQUEST_SECONDS, _FINALISE_SECONDS = 20, 120
# Some servers refuse nonces that their own neighbours gave; each refusal brings a new one.
NONCE_ATTEMPTS = 8
# With a clock that is further off, a certificate may be refused as one that is not yet valid.
_CLOCK_TOLERANCE = timedelta(hours=1)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,200}")
# What the library raises when an answer is not what it should be, or does not come.
_FAILURES = (errors.Error, JoseError, OSError, ValueError, KeyError, AttributeError)

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Authorization:
    """One name of an order. `is_open` says that it has to be validated."""

    name: str
    is_open: bool
    resource: messages.AuthorizationResource = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proof:
    """What is published so that the authority can see whose a name is.

    For HTTP-01 `place` is the name of a file, for DNS-01 that of a record.
    """

    place: str
    content: str
    challenge: messages.ChallengeBody = field(repr=False)
    response: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Order:
    """An order, with the names that it is for."""

    authorizations: tuple[Authorization, ...]
    resource: messages.OrderResource = field(repr=False)


class _Network(library.ClientNetwork):
    """Remembers the headers of the latest answer, and tries bad nonces more often than once."""

    def __init__(self, key: jwk.JWK, root: Path | None) -> None:
        # The library for HTTP takes the path of a file with authorities here.
        trusted = cast("bool", str(root)) if root else True
        super().__init__(
            key,
            alg=jwa.ES256,
            verify_ssl=trusted,
            user_agent="Cloister",
            timeout=_REQUEST_SECONDS,
        )
        self.headers: Mapping[str, str] = {}
        self.terms = ""
        self.session.hooks["response"].append(self._remember)

    def _remember(self, response: requests.Response, *_: object, **__: object) -> None:
        self.headers = response.headers
        self.terms = response.links.get("terms-of-service", {}).get("url", "")

    @override
    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        for _ in range(NONCE_ATTEMPTS // 2 - 1):
            try:
                # The library itself makes two attempts.
                return super().post(*args, **kwargs)
            except messages.Error as error:
                if _type_of(error) != ProblemType.BAD_NONCE:
                    raise
        return super().post(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class AcmeClient:
    """A connection to one authority with one key; `connect` makes it.

    Each method raises the errors of `appliance.acme.errors`. `facts` is what the authority says
    about itself.
    """

    place: str
    clock: Clock
    facts: DirectoryFacts
    _client: library.ClientV2
    _network: _Network
    _key: jwk.JWK

    async def register(
        self, contact: Sequence[str], binding: Binding | None, *, terms: bool
    ) -> str:
        """Make an account for the key, or find the one that it has, and return its address.

        `terms` says that an operator has accepted those of the authority.
        """
        bound = None
        if binding is not None:
            bound = messages.ExternalAccountBinding.from_data(
                self._key.public_key(),
                binding.key_id,
                binding.secret,
                self._client.directory,
            )
        wanted = messages.NewRegistration.from_data(
            email=",".join(contact) or None,
            external_account_binding=bound,
            terms_of_service_agreed=terms or None,
        )

        def register() -> str:
            self._network.account = None
            try:
                return str(self._client.new_account(wanted).uri)
            except errors.ConflictError as error:
                # The key has an account already.
                return str(error.location)

        address = await self._ask(register, with_binding=binding is not None)
        self.use_account(address)
        return address

    def use_account(self, address: str) -> None:
        """Ask as an account that was registered before."""
        body = messages.Registration()
        self._network.account = messages.RegistrationResource(body=body, uri=address)

    async def change_contact(self, contact: Sequence[str]) -> None:
        """Let the authority write to these addresses."""
        addresses = messages.Registration.from_data(contact=[f"mailto:{one}" for one in contact])
        if (account := self._network.account) is not None:
            await self._ask(lambda: self._client.update_registration(account, addresses))

    async def order(self, csr: bytes) -> Order:
        """Order what a request for a certificate names. Raises NamesRefusedError."""

        def order() -> messages.OrderResource:
            try:
                return self._client.new_order(csr)
            except messages.Error as error:
                problem = _problem_of(error)
                if not problem.is_about_names:
                    raise
                refusal, detail = refusal_of(problem.type), brief(problem.detail)
                raise NamesRefusedError(problem.named, refusal, detail) from error

        found = await self._ask(order)
        return Order(tuple(map(_authorization, found.authorizations)), found)

    async def refuses(self, name: str) -> NameFailure | None:
        """Say why no order is made for a name alone; nothing comes of the order."""
        try:
            await self.order(_request_for(name))
        except NamesRefusedError as error:
            return NameFailure(name, error.refusal, error.detail)
        return None

    def proof(self, authorization: Authorization, kind: ChallengeKind) -> Proof | None:
        """Return what has to be published for a name; None where the way is not offered."""
        body = authorization.resource.body
        for offered in body.challenges:
            if offered.chall.typ != kind:
                continue
            response, content = offered.chall.response_and_validation(self._key)
            if kind is ChallengeKind.DNS:
                place = offered.chall.validation_domain_name(body.identifier.value)
            else:
                place = offered.chall.encode("token")
                if not _TOKEN.fullmatch(place):
                    raise ServerOddError(place=self.place)
            return Proof(str(place), str(content), offered, response)
        return None

    async def answer(self, proof: Proof) -> None:
        """Say that a proof is published."""
        await self._ask(lambda: self._client.answer_challenge(proof.challenge, proof.response))

    async def poll(self, authorization: Authorization) -> Authorization | NameFailure:
        """Return how far the validation of a name is, or why it failed."""
        found, _ = await self._ask(lambda: self._client.poll(authorization.resource))
        now = _authorization(found)
        if now.is_open or found.body.status == messages.STATUS_VALID:
            return now
        for offered in found.body.challenges:
            if (error := offered.error) is not None:
                detail = brief(error.detail or "")
                return NameFailure(now.name, refusal_of(_type_of(error)), detail)
        return NameFailure(now.name, Refusal.OTHER)

    async def finalise(self, order: Order) -> bytes:
        """Return the certificate with its chain, once all names of the order are valid."""
        seconds = timedelta(seconds=_FINALISE_SECONDS)
        # The library compares it with local time that names no zone.
        deadline = (self.clock.now() + seconds).astimezone().replace(tzinfo=None)
        try:
            found = await self._ask(lambda: self._client.finalize_order(order.resource, deadline))
        except errors.TimeoutError as error:
            raise ServerSilentError(place=self.place, seconds=_FINALISE_SECONDS) from error
        return str(found.fullchain_pem).encode()

    async def _ask(self, request: Callable[[], Found], *, with_binding: bool = False) -> Found:
        try:
            return await asyncio.to_thread(request)
        except errors.TimeoutError:
            raise
        except _FAILURES as error:
            network = self._network
            asked = Asked(
                self.place,
                self.clock.now(),
                retry_after=network.headers.get("Retry-After", ""),
                terms=network.terms,
                attempts=NONCE_ATTEMPTS,
                with_binding=with_binding,
            )
            match error:
                case messages.Error():
                    raise error_of(_problem_of(error), asked) from error
                case errors.IssuanceError(error=messages.Error() as inner):
                    raise error_of(_problem_of(inner), asked) from error
                case _:
                    raise error_on_the_way(error, asked) from error


async def connect(
    directory: str, key: ec.EllipticCurvePrivateKey, clock: Clock, root: Path | None = None
) -> AcmeClient:
    """Reach an authority; `root` is a file with the certificate that vouches for its server.

    Raises ServerAwayError, ServerUntrustedError, ServerOddError and ClockWrongError.
    """
    account_key = jwk.JWKEC(key=key)
    network = _Network(account_key, root)
    try:
        found = await asyncio.to_thread(library.ClientV2.get_directory, directory, network)
    except _FAILURES as error:
        raise error_on_the_way(error, Asked(directory, clock.now())) from error
    _compare_clocks(network, clock, directory)
    try:
        # Without these it is the directory of no ACME server.
        for name in ("newNonce", "newAccount", "newOrder"):
            found[name]
        facts = DirectoryFacts(
            terms=found.meta.terms_of_service or "",
            website=found.meta.website or "",
            needs_binding=bool(found.meta.external_account_required),
        )
    except (KeyError, AttributeError) as error:
        raise ServerOddError(place=directory) from error
    return AcmeClient(
        directory, clock, facts, library.ClientV2(found, network), network, account_key
    )


def _request_for(name: str) -> bytes:
    """Return a request for a certificate that no one ever gets: its key is thrown away."""
    try:
        wanted: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        wanted = x509.DNSName(name)
    builder = x509.CertificateSigningRequestBuilder(subject_name=x509.Name([]))
    builder = builder.add_extension(x509.SubjectAlternativeName([wanted]), critical=False)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(Encoding.PEM)


def _compare_clocks(network: _Network, clock: Clock, place: str) -> None:
    """Compare the authority's clock, where its answer shows it, with ours."""
    here, there = clock.now(), date_of(network.headers.get("Date", ""))
    if there is not None and abs(there - here) > _CLOCK_TOLERANCE:
        shown = {"here": f"{here:%Y-%m-%d %H:%M} UTC", "there": f"{there:%Y-%m-%d %H:%M} UTC"}
        raise ClockWrongError(place=place, **shown)


def _authorization(resource: messages.AuthorizationResource) -> Authorization:
    body = resource.body
    name = f"*.{body.identifier.value}" if body.wildcard else str(body.identifier.value)
    is_open = body.status in {messages.STATUS_PENDING, messages.STATUS_PROCESSING}
    return Authorization(name, is_open, resource)


def _type_of(error: messages.Error) -> str:
    # The library knows some of the types by their codes, and not all of them.
    return str(error.typ).rpartition(":")[2]


def _problem_of(error: messages.Error) -> Problem:
    named = tuple(
        NameFailure(str(name.value), refusal_of(_type_of(part)), brief(part.detail or ""))
        for part in error.subproblems or ()
        if (name := part.identifier) is not None
    )
    return Problem(_type_of(error), error.detail or "", named)
