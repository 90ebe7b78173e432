"""What an operator does with people: add, promote, lock, remove, send a new link."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from appliance.accounts.errors import LastOperatorError, NotClaimedError, SeveralOperatorsError
from appliance.accounts.model import Account, Role, audit_name
from appliance.accounts.secrets import Passwords, Secret, checked_name, new_code
from appliance.accounts.store import AccountStore
from appliance.core.clock import Clock
from appliance.core.errors import ForbiddenError, NotFoundError
from appliance.db.pool import Database

INVITATION_LASTS = timedelta(days=7)


class People:
    """Operators act here. An actor of None is the command line: whoever may run it may do all."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self, actor: Account | None) -> list[Account]:
        """Return everybody, by displayed name."""
        _must_be_operator(actor)
        async with self._database.connection() as connection:
            return await AccountStore(connection).all_accounts()

    async def add(
        self, actor: Account | None, name: str, display_name: str, role: Role
    ) -> tuple[Account, Secret]:
        """Add a person without a password, and return the code with which they set one.

        Raises BadNameError, NameTakenError.
        """
        _must_be_operator(actor)
        name = checked_name(name)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            account = await store.add_account(
                name, display_name.strip()[:100] or name, role, Passwords.unusable()
            )
            await store.add_audit(audit_name(actor), "person.add", name)
            return account, await self._invite(store, account.id)

    async def invite(self, actor: Account | None, account_id: UUID) -> tuple[Account, Secret]:
        """Make a new code for setting a password; earlier ones stop working."""
        _must_be_operator(actor)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            account = await _existing(store, account_id)
            await store.add_audit(audit_name(actor), "person.invite", account.name)
            return account, await self._invite(store, account.id)

    async def set_role(self, actor: Account | None, account_id: UUID, role: Role) -> None:
        """Make a person an operator or a member; their sessions end.

        Raises LastOperatorError.
        """
        _must_be_operator(actor)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            account = await _existing(store, account_id)
            if role != Role.OPERATOR:
                await _keep_one_operator(store, account)
            await store.set_role(account.id, role)
            await store.end_sessions_of(account.id)
            await store.add_audit(audit_name(actor), f"person.make_{role}", account.name)

    async def set_locked(self, actor: Account | None, account_id: UUID, *, locked: bool) -> None:
        """Lock a person out at once, or let them in again. Raises LastOperatorError."""
        _must_be_operator(actor)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            account = await _existing(store, account_id)
            if locked:
                await _keep_one_operator(store, account)
            await store.set_locked(account.id, locked=locked)
            await store.end_sessions_of(account.id)
            action = "person.lock" if locked else "person.unlock"
            await store.add_audit(audit_name(actor), action, account.name)

    async def remove(self, actor: Account | None, account_id: UUID) -> None:
        """Delete a person with their conversations, keys and private documents.

        Raises LastOperatorError.
        """
        _must_be_operator(actor)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            account = await _existing(store, account_id)
            await _keep_one_operator(store, account)
            await store.end_sessions_of(account.id)
            await store.remove_account(account.id)
            await store.add_audit(audit_name(actor), "person.remove", account.name)

    async def by_name(self, name: str) -> Account:
        """Return a person by sign-in name, for the command line. Raises NotFoundError."""
        return await self.named_or_only_operator(name)

    async def named_or_only_operator(self, name: str | None) -> Account:
        """Return the person for whom the command line acts.

        Raises NotFoundError, NotClaimedError and SeveralOperatorsError.
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

    Raises NotFoundError, NotClaimedError and SeveralOperatorsError.
    """
    if name is not None:
        account = await store.account_by_name(name.strip().lower())
        if account is None:
            raise NotFoundError(what="person")
        return account
    operators = [account for account in await store.all_accounts() if account.is_operator]
    if not operators:
        raise NotClaimedError
    if len(operators) > 1:
        raise SeveralOperatorsError(names=", ".join(account.name for account in operators))
    return operators[0]


def _must_be_operator(actor: Account | None) -> None:
    if actor is not None and not actor.is_operator:
        raise ForbiddenError


async def _existing(store: AccountStore, account_id: UUID) -> Account:
    account = await store.account_by_id(account_id)
    if account is None:
        raise NotFoundError(what="person")
    return account


async def _keep_one_operator(store: AccountStore, account: Account) -> None:
    operators = await store.lock_operators()
    if operators == [account.id]:
        raise LastOperatorError
