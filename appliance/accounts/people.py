"""What is done with people: add, promote, lock, remove, make a new link."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from appliance.accounts.errors import (
    LastOperatorError,
    NotClaimedError,
    OwnAccountError,
    PersonUnknownError,
    SeveralOperatorsError,
)
from appliance.accounts.model import Account, Belongings
from appliance.accounts.names import checked_name
from appliance.accounts.secrets import Secret, new_code
from appliance.accounts.store import AccountStore
from appliance.actors.model import Actor, Person
from appliance.actors.permissions import PERMISSIONS, Permission, Role
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import record
from appliance.core.clock import Clock
from appliance.db.pool import OPERATION_SECONDS, Database

INVITATION_LASTS = timedelta(days=7)


class People:
    """Changes who may sign in, and as what. Every method asks for Permission.MANAGE_PEOPLE."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self, actor: Actor) -> list[Account]:
        """Return everybody, by displayed name."""
        actor.require(Permission.MANAGE_PEOPLE)
        async with self._database.connection() as connection:
            return await AccountStore(connection).all_accounts()

    async def all_with_belongings(self, actor: Actor) -> list[tuple[Account, Belongings]]:
        """Return everybody, by displayed name, with how much is theirs."""
        actor.require(Permission.MANAGE_PEOPLE)
        async with self._database.connection() as connection:
            store = AccountStore(connection)
            everybody = await store.all_accounts()
            found = {each.account_id: each for each in await store.belongings()}
        # Without those who were removed between the two.
        return [(account, found[account.id]) for account in everybody if account.id in found]

    async def add(
        self, actor: Actor, name: str, display_name: str, role: Role
    ) -> tuple[Account, Secret]:
        """Add a person without a password, and return the code with which they set one.

        Raises BadNameError, NameTakenError.
        """
        actor.require(Permission.MANAGE_PEOPLE)
        name = checked_name(name)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            account = await store.add_account(
                name, display_name.strip()[:100] or name, role, password=None
            )
            await record(connection, actor, _event(Action.PERSON_ADD, account))
            return account, await self._invite(store, account.id)

    async def invite(self, actor: Actor, account_id: UUID) -> tuple[Account, Secret]:
        """Make a new code for setting a password; earlier ones stop working."""
        actor.require(Permission.MANAGE_PEOPLE)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            account = await _existing(store, account_id)
            await record(connection, actor, _event(Action.PERSON_INVITE, account))
            return account, await self._invite(store, account.id)

    async def set_role(self, actor: Actor, account_id: UUID, role: Role) -> None:
        """Make a person an operator or a member; their sessions end.

        Raises LastOperatorError.
        """
        actor.require(Permission.MANAGE_PEOPLE)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            account = await _existing(store, account_id)
            await _keep_one_operator(store, account, becomes=role)
            await store.set_role(account.id, role)
            await store.end_sessions_of(account.id)
            await record(connection, actor, _event(_made(role), account))

    async def belongings(self, actor: Actor, account_id: UUID) -> Belongings:
        """Return how much is a person's alone. Raises PersonUnknownError."""
        actor.require(Permission.MANAGE_PEOPLE)
        async with self._database.connection() as connection:
            found = await AccountStore(connection).belongings(account_id)
        if not found:
            raise PersonUnknownError
        return found[0]

    async def set_locked(self, actor: Actor, account_id: UUID, *, locked: bool) -> None:
        """Lock a person out at once, or let them in again.

        Raises LastOperatorError, OwnAccountError.
        """
        actor.require(Permission.MANAGE_PEOPLE)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            account = await _existing(store, account_id)
            if locked:
                await _keep_one_operator(store, account)
                _refuse_oneself(actor, account)
            await store.set_locked(account.id, locked=locked)
            await store.end_sessions_of(account.id)
            action = Action.PERSON_LOCK if locked else Action.PERSON_UNLOCK
            await record(connection, actor, _event(action, account))

    async def remove(self, actor: Actor, account_id: UUID) -> None:
        """Delete a person with their conversations, keys and private documents.

        Raises LastOperatorError, OwnAccountError.
        """
        actor.require(Permission.MANAGE_PEOPLE)
        async with self._database.transaction(limit=OPERATION_SECONDS) as connection:
            store = AccountStore(connection)
            account = await _existing(store, account_id)
            await _keep_one_operator(store, account)
            _refuse_oneself(actor, account)
            await store.end_sessions_of(account.id)
            await store.remove_account(account.id)
            await record(connection, actor, _event(Action.PERSON_REMOVE, account))

    async def by_name(self, name: str) -> Account:
        """Return a person by sign-in name, for the command line. Raises PersonUnknownError."""
        return await self.named_or_only_operator(name)

    async def by_id(self, account_id: UUID) -> Account:
        """Return a person, for the appliance itself. Raises PersonUnknownError."""
        async with self._database.connection() as connection:
            return await _existing(AccountStore(connection), account_id)

    async def named_or_only_operator(self, name: str | None) -> Account:
        """Return the person for whom the command line acts.

        Raises PersonUnknownError, NotClaimedError and SeveralOperatorsError.
        """
        async with self._database.connection() as connection:
            return await named_or_only_operator(AccountStore(connection), name)

    async def _invite(self, store: AccountStore, account_id: UUID) -> Secret:
        code = new_code()
        await store.add_invitation(
            code.digest, "password", account_id, self._clock.now() + INVITATION_LASTS
        )
        return code


async def named_or_only_operator(store: AccountStore, name: str | None) -> Account:
    """Return a person by sign-in name, or the only operator when there is no name.

    Raises PersonUnknownError, NotClaimedError and SeveralOperatorsError.
    """
    if name is not None:
        account = await store.account_by_name(name.strip().lower())
        if account is None:
            raise PersonUnknownError
        return account
    everybody = await store.all_accounts()
    operators = [account for account in everybody if account.may(Permission.USE_CONSOLE)]
    if not operators:
        raise NotClaimedError
    if len(operators) > 1:
        raise SeveralOperatorsError(names=", ".join(account.name for account in operators))
    return operators[0]


def _event(action: Action, account: Account) -> AuditEvent:
    return AuditEvent(action, ObjectType.PERSON, str(account.id), account.name)


async def _existing(store: AccountStore, account_id: UUID) -> Account:
    account = await store.account_by_id(account_id)
    if account is None:
        raise PersonUnknownError
    return account


def _made(role: Role) -> Action:
    match role:
        case Role.OPERATOR:
            return Action.PERSON_MAKE_OPERATOR
        case Role.MEMBER:
            return Action.PERSON_MAKE_MEMBER


async def _keep_one_operator(
    store: AccountStore, account: Account, *, becomes: Role | None = None
) -> None:
    """Raise LastOperatorError if the machine would be left without an operator."""
    if becomes is not None and Permission.USE_CONSOLE in PERMISSIONS[becomes]:
        return
    if await store.lock_operators() == [account.id]:
        raise LastOperatorError


def _refuse_oneself(actor: Actor, account: Account) -> None:
    """Raise OwnAccountError where a person would lock or remove themselves."""
    if isinstance(actor, Person) and actor.id == account.id:
        raise OwnAccountError
