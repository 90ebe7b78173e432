"""Accounts of this machine at an authority: made once, then found again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from appliance.acme.client import AcmeClient, connect
from appliance.acme.errors import (
    AccountGoneError,
    BindingNeededError,
    TermsChangedError,
    TermsNotAcceptedError,
)
from appliance.acme.model import Binding, DirectoryFacts
from appliance.acme.store import Account, Accounts, new_key
from appliance.core.clock import Clock


@dataclass(frozen=True, slots=True)
class Wanted:
    """With whom an account is wanted. `terms` is the address of those that were accepted.

    A rehearsal server belongs to the authority whose terms were accepted, and has an address of its
    own for the same ones.
    """

    directory: str
    contact: tuple[str, ...] = ()
    terms: str = ""
    is_rehearsal: bool = False


@dataclass(frozen=True, slots=True)
class Registration:
    """Makes and finds the account at one authority. Each method raises what `connect` raises."""

    accounts: Accounts
    clock: Clock
    wanted: Wanted
    root: Path | None = None

    async def look(self) -> DirectoryFacts:
        """Return what the authority says about itself."""
        return (await self._connect(new_key())).facts

    async def register(self, binding: Binding | None) -> Account:
        """Make an account, or go on with the one that is there and bring its contact up to date.

        With a binding there is always a new one. So there is when the authority has deactivated the
        one before. Raises TermsNotAcceptedError, BindingNeededError and BindingRefusedError.
        """
        before = None if binding else await self.accounts.find(self.wanted.directory)
        if before is not None:
            client = await self._connect(before.key)
            self._require_terms(client.facts)
            try:
                address = await self._make(client, None)
                await client.change_contact(self.wanted.contact)
                return await self._keep(before, address)
            except AccountGoneError:
                pass
        fresh = Account(self.wanted.directory, "", new_key())
        client = await self._connect(fresh.key)
        self._require_terms(client.facts)
        if client.facts.needs_binding and binding is None:
            raise BindingNeededError(place=client.place)
        return await self._keep(fresh, await self._make(client, binding))

    async def client(self, *, again: bool = False) -> AcmeClient:
        """Return a connection as the account, which is made where there is none.

        `again`: the authority has lost it, and gets the same key once more.
        """
        found = await self.accounts.find(self.wanted.directory)
        account = found or Account(self.wanted.directory, "", new_key())
        client = await self._connect(account.key)
        if found is not None and not again:
            client.use_account(account.address)
            return client
        self._require_terms(client.facts)
        if client.facts.needs_binding:
            raise BindingNeededError(place=client.place)
        await self._keep(account, await self._make(client, None))
        return client

    def new_terms(self, facts: DirectoryFacts) -> str:
        """Return the address of the terms if it is not that of those that were accepted."""
        accepted = self.wanted.is_rehearsal or facts.terms == self.wanted.terms
        return "" if accepted else facts.terms

    async def _make(self, client: AcmeClient, binding: Binding | None) -> str:
        contact, terms = self.wanted.contact, bool(client.facts.terms)
        return await client.register(contact, binding, terms=terms)

    async def _keep(self, account: Account, address: str) -> Account:
        kept = replace(account, address=address)
        await self.accounts.keep(kept)
        return kept

    async def _connect(self, key: ec.EllipticCurvePrivateKey) -> AcmeClient:
        return await connect(self.wanted.directory, key, self.clock, self.root)

    def _require_terms(self, facts: DirectoryFacts) -> None:
        """Raise TermsNotAcceptedError, or TermsChangedError where others were accepted before."""
        if terms := self.new_terms(facts):
            kind = TermsChangedError if self.wanted.terms else TermsNotAcceptedError
            raise kind(place=self.wanted.directory, terms=terms)
