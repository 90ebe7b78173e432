"""The operation that speaks with authorities, in the process that has the network.

It has the keys of accounts, and never one of a certificate: it gets a request, and gives a chain.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from appliance.acme.client import AcmeClient
from appliance.acme.errors import AccountUnknownError, AcmeRequestError
from appliance.acme.hook import Hook
from appliance.acme.issue import Issue
from appliance.acme.model import Answer, Binding, ChallengeKind
from appliance.acme.proofs import Files, Publisher, Records
from appliance.acme.registration import Registration, Wanted
from appliance.acme.store import Accounts
from appliance.core.clock import Clock
from appliance.core.files import private_directory
from appliance.core.settings import Settings
from appliance.operations.model import Facts
from appliance.operations.work import Reporter, Work


def work_of(settings: Settings, clock: Clock) -> Work:
    """Return the work. Each is about the authority at `directory`, whose server `root` vouches for.

    `{"work": "look"}` returns what the authority says about itself.
    `{"work": "register"}` makes an account, with `contact`, the accepted `terms`, and `binding`,
    which is kept nowhere.
    `{"work": "issue"}` returns the chain for `csr`, or which of its names work; names are proved
    by `challenge`, with `hook` for DNS-01. `rehearsal` says that nothing will be served.
    `{"work": "forget"}` removes all accounts.
    """
    accounts = Accounts(settings.acme)

    async def work(request: Facts, report: Reporter) -> Facts:
        if not settings.packaged:
            for folder in (settings.acme, settings.acme_challenges):
                await asyncio.to_thread(private_directory, folder)
        with _root_file(_text(request, "root")) as root:
            registration = Registration(accounts, clock, _wanted(request), root)
            match request.get("work"):
                case "look":
                    return asdict(await registration.look())
                case "register":
                    account = await registration.register(_binding(request))
                    return {"account": account.address}
                case "issue":
                    issuing = _Issuing(settings, clock, report, registration)
                    return _as_facts(await issuing.run(request))
                case "forget":
                    return {"forgotten": await accounts.forget_all()}
                case _:
                    raise AcmeRequestError

    return work


@dataclass(frozen=True, slots=True)
class _Issuing:
    """Orders with the account that is there, or with a new one."""

    settings: Settings
    clock: Clock
    report: Reporter
    registration: Registration

    async def run(self, request: Facts) -> Answer:
        """Return the chain, or which names work."""
        challenge, csr = _challenge(request), _text(request, "csr").encode()
        publisher = await self._publisher(challenge, _text(request, "hook"))
        client = await self.registration.client()
        try:
            return await self._order(client, publisher, challenge, csr)
        except AccountUnknownError:
            self.report.log(f"{client.place} does not know the account; it is made again.")
        client = await self.registration.client(again=True)
        return await self._order(client, publisher, challenge, csr)

    async def _order(
        self, client: AcmeClient, publisher: Publisher, challenge: ChallengeKind, csr: bytes
    ) -> Answer:
        answer = await Issue(client, publisher, challenge, self.clock, self.report).run(csr)
        return replace(answer, new_terms=self.registration.new_terms(client.facts))

    async def _publisher(self, challenge: ChallengeKind, hook: str) -> Publisher:
        match challenge:
            case ChallengeKind.HTTP:
                files = Files(self.settings.acme_challenges)
                await files.clear()
                return files
            case ChallengeKind.DNS:
                only_root = self.settings.packaged
                program = Hook(self.settings.acme_hooks, hook, only_root=only_root)
                await program.expect_usable()
                return Records(program)


@contextmanager
def _root_file(pem: str) -> Iterator[Path | None]:
    """Lend a file with the certificate that vouches for the authority's server, if there is one."""
    if not pem:
        yield None
        return
    with tempfile.NamedTemporaryFile(prefix="acme-root-", suffix=".pem") as file:
        file.write(pem.encode())
        file.flush()
        yield Path(file.name)


def _wanted(request: Facts) -> Wanted:
    contact = request.get("contact")
    return Wanted(
        directory=_text(request, "directory"),
        contact=tuple(map(str, contact)) if isinstance(contact, list) else (),
        terms=_text(request, "terms"),
        is_rehearsal=request.get("rehearsal") is True,
    )


def _text(request: Facts, name: str) -> str:
    value = request.get(name, "")
    return value if isinstance(value, str) else ""


def _challenge(request: Facts) -> ChallengeKind:
    try:
        return ChallengeKind(_text(request, "challenge"))
    except ValueError as error:
        raise AcmeRequestError from error


def _binding(request: Facts) -> Binding | None:
    match request.get("binding"):
        case {"key_id": str(key_id), "secret": str(secret)}:
            return Binding(key_id, secret)
        case _:
            return None


def _as_facts(answer: Answer) -> Facts:
    return {**asdict(answer), "chain": answer.chain.decode()}
