"""API keys: made once, shown once, checked at every call."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from appliance.accounts.errors import KeyRequiredError, PersonUnknownError
from appliance.accounts.model import Account, ApiKey, KeyHolder, Scope
from appliance.accounts.people import named_or_only_operator
from appliance.accounts.secrets import Secret, digest, new_token
from appliance.accounts.store import AccountStore
from appliance.actors.model import Actor, CommandLine, Person, require_own
from appliance.actors.permissions import Permission
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import record
from appliance.core.clock import Clock
from appliance.core.errors import InvalidInputError, NotFoundError
from appliance.db.pool import Connection, Database

LONGEST_LIFE_DAYS = 730
# "cl_" and a few letters: enough to recognise a key in a list, far too few to guess it.
_PREFIX = "cl_"
_SHOWN_LETTERS = 9
_USED_EVERY = timedelta(minutes=5)


class ApiKeys:
    """Keys belong to a person, the owner, and end with the person.

    People make keys of their own; for others, Permission.ACT_FOR_OTHERS is required. Operators see
    that the keys of others exist, and may revoke them.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self, actor: Actor, owner: Account, name: str, scopes: Iterable[Scope], days: int
    ) -> tuple[ApiKey, Secret]:
        """Make a key; the secret is returned this once. Raises InvalidInputError."""
        require_own(actor, owner)
        wanted = sorted(set(scopes))
        if not name.strip():
            raise InvalidInputError(
                problem="The key has no name.", remedy="Name it after the program that uses it."
            )
        if not wanted:
            raise InvalidInputError(
                problem="The key has no scope.", remedy="Choose at least one scope."
            )
        if not 1 <= days <= LONGEST_LIFE_DAYS:
            raise InvalidInputError(
                problem="The key would never work, or never expire.",
                remedy=f"Choose 1 to {LONGEST_LIFE_DAYS} days.",
            )
        secret = new_token(_PREFIX)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            key = await store.add_api_key(
                owner.id,
                name=name.strip()[:100],
                prefix=secret.text[:_SHOWN_LETTERS],
                digest=secret.digest,
                scopes=wanted,
                expires_at=self._clock.now() + timedelta(days=days),
            )
            await record(
                connection, actor, _event(Action.API_KEY_CREATE, owner, key.id, key.prefix)
            )
        return key, secret

    async def mine(self, owner: Account) -> list[ApiKey]:
        """Return one's own keys, newest first."""
        async with self._database.connection() as connection:
            return await AccountStore(connection).api_keys_of(owner.id)

    async def of_person(self, actor: Actor, account_id: UUID) -> tuple[Account, list[ApiKey]]:
        """Return a person and their keys, newest first. Raises PersonUnknownError."""
        actor.require(Permission.MANAGE_PEOPLE)
        async with self._database.connection() as connection:
            store = AccountStore(connection)
            owner = await store.account_by_id(account_id)
            if owner is None:
                raise PersonUnknownError
            return owner, await store.api_keys_of(owner.id)

    async def revoke(self, actor: Actor, owner: Account, key_id: UUID) -> None:
        """Delete one of the owner's keys; answers that are streamed to its holder end.

        Raises NotFoundError, also for the key of another person.
        """
        if not (isinstance(actor, Person) and actor.id == owner.id):
            actor.require(Permission.MANAGE_PEOPLE)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            prefix = await store.remove_api_key(key_id, owner.id)
            if prefix is None:
                raise NotFoundError(what="API key")
            await store.announce(key_id)
            await record(connection, actor, _event(Action.API_KEY_REVOKE, owner, key_id, prefix))

    async def holder(self, secret: str) -> KeyHolder:
        """Return who presents a key. Raises KeyRequiredError for one that does not work."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            found = await AccountStore(connection).holder(digest(secret), now, now - _USED_EVERY)
        if found is None:
            raise KeyRequiredError
        return found

    async def command_line(self, name: str | None) -> KeyHolder:
        """Return the person for whom the command line acts, with every scope.

        Without a name that is the only operator. Raises NotFoundError, NotClaimedError and
        SeveralOperatorsError.
        """
        async with self._database.connection() as connection:
            account = await named_or_only_operator(AccountStore(connection), name)
        return KeyHolder(account, account.id, frozenset(Scope), CommandLine())


async def revoke_all_keys(connection: Connection, owner: Account) -> None:
    """Delete all keys of the owner, who asks for it, in the caller's transaction."""
    store = AccountStore(connection)
    for key_id, prefix in await store.remove_api_keys_of(owner.id):
        await store.announce(key_id)
        await record(connection, owner, _event(Action.API_KEY_REVOKE, owner, key_id, prefix))


def _event(action: Action, owner: Account, key_id: UUID, prefix: str) -> AuditEvent:
    """Name the key so that its owner, or the finder of the secret, recognises it."""
    return AuditEvent(action, ObjectType.API_KEY, str(key_id), f"{prefix} of {owner.name}")
