"""Claim the machine, sign in, stay signed in, and set a password."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from appliance.accounts.errors import (
    AccountLockedError,
    CurrentPasswordWrongError,
    InvitationUsedError,
    PersonUnknownError,
    SignInFailedError,
)
from appliance.accounts.hashing import Hashing
from appliance.accounts.login_limits import LoginLimits
from appliance.accounts.model import Account, StoredPassword
from appliance.accounts.names import checked_name, normal_name
from appliance.accounts.secrets import (
    Passwords,
    Secret,
    checked_password,
    code_digest,
    digest,
    new_code,
    new_token,
)
from appliance.accounts.store import AccountStore
from appliance.actors.model import Actor
from appliance.actors.permissions import Permission, Role
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import record
from appliance.core.clock import Clock
from appliance.db.pool import Database

CLAIM_LASTS = timedelta(hours=1)
SESSION_LASTS = timedelta(days=14)
# How stale "last seen" may get before a page view writes it down.
_SEEN_EVERY = timedelta(minutes=10)
_ASK_FOR_CLAIM = "Run “cloister claim” on the machine to get a new one."
_ASK_FOR_LINK = "Ask an operator for a new link."


class Accounts:
    """Finds out who a visitor is. Every such method takes the proof, never an id."""

    def __init__(self, database: Database, clock: Clock, passwords: Passwords) -> None:
        self._database = database
        self._clock = clock
        self._limits = LoginLimits(clock)
        self._hashing = Hashing(passwords)

    async def is_claimed(self) -> bool:
        """Say whether an operator exists who can sign in."""
        async with self._database.connection() as connection:
            return await AccountStore(connection).has_operator()

    async def new_claim_code(self, actor: Actor) -> Secret:
        """Make the code that lets its holder become an operator; earlier codes stop working.

        It also is the way back in when the operator's password is lost. Raises ForbiddenError for
        people: only the command line and the appliance's own start may make one.
        """
        actor.require(Permission.CREATE_CLAIM_CODE)
        code = new_code()
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            until = self._clock.now() + CLAIM_LASTS
            await store.add_invitation(code.digest, "claim", None, until)
            event = AuditEvent(Action.CLAIM_CODE_CREATE, ObjectType.CLAIM_CODE)
            await record(connection, actor, event)
        return code

    async def claim(self, code: str, name: str, display_name: str, password: str) -> Secret:
        """Make the holder of a claim code an operator, and open their session.

        The code is used up in the same transaction that adds the person, so that two claims
        cannot both win and a refused name leaves the code good. A person of that name who is an
        operator already gets the new password instead: that replaces a lost password.
        Raises InvitationUsedError, BadNameError, WeakPasswordError, NameTakenError,
        TooManyAttemptsError.
        """
        name = checked_name(name)
        checked_password(password, name)
        async with self._database.connection() as connection:
            # Before anything that costs: strangers may send what they like.
            good = await AccountStore(connection).claim_is_open(
                code_digest(code), self._clock.now()
            )
        if not good:
            raise InvitationUsedError(remedy=_ASK_FOR_CLAIM)
        hashed = await self._hashing.hash(password)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            used = await store.use_invitation(code_digest(code), "claim", self._clock.now())
            if used is None:
                raise InvitationUsedError(remedy=_ASK_FOR_CLAIM)
            known = await store.account_by_name(name)
            if known is None or not known.may(Permission.USE_CONSOLE):
                shown = display_name.strip() or name
                known = await store.add_account(name, shown, Role.OPERATOR, hashed)
            else:
                await store.set_password(known.id, hashed)
                await store.set_locked(known.id, locked=False)
                await store.end_sessions_of(known.id)
            await record(connection, known, _event(Action.MACHINE_CLAIM, known))
            return await self._open_session(store, known.id, hashed)

    async def sign_in(self, name: str, password: str, address: str) -> Secret:
        """Open a session for a person who types the right password.

        `address` is the client's; guessing is slowed down by name and address together.
        Raises SignInFailedError, AccountLockedError, TooManyAttemptsError.
        """
        name = normal_name(name)
        with self._limits.attempt(name, address):
            known = await self._checked_password_of(name, password)
            async with self._database.connection() as connection:
                return await self._open_session(
                    AccountStore(connection), known.id, known.password_hash
                )

    async def person(self, token: str) -> Account | None:
        """Return who is signed in with a token, or None."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            return await AccountStore(connection).account_by_session(digest(token), now)

    async def extend_session(self, token: str) -> None:
        """Keep a session in use from ending."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            await AccountStore(connection).prolong_session(
                digest(token), now=now, stale=now - _SEEN_EVERY, expires_at=now + SESSION_LASTS
            )

    async def sign_out(self, token: str) -> None:
        """End one session; open streams of the person are closed with it."""
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            account = await store.account_by_session(digest(token), self._clock.now())
            await store.end_session(digest(token))
            if account is not None:
                await store.announce(account.id)

    async def set_password(self, code: str, password: str) -> Secret:
        """Set the password of the person whom an invitation was made for; open their session.

        Raises InvitationUsedError, WeakPasswordError, TooManyAttemptsError.
        """
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            now = self._clock.now()
            used = await store.use_invitation(code_digest(code), "password", now)
            if used is None or used[0] is None:
                raise InvitationUsedError(remedy=_ASK_FOR_LINK)
            account = await store.account_by_id(used[0])
            if account is None:
                raise PersonUnknownError
            if account.locked_at is not None:
                raise InvitationUsedError(remedy=_ASK_FOR_LINK)
            hashed = await self._hashing.hash(checked_password(password, account.name))
            await store.set_password(account.id, hashed)
            await store.end_sessions_of(account.id)
            await record(connection, account, _event(Action.PASSWORD_SET, account))
            return await self._open_session(store, account.id, hashed)

    async def change_password(self, actor: Account, old: str, new: str) -> None:
        """Replace one's own password; every session of the person ends.

        Raises CurrentPasswordWrongError, WeakPasswordError, TooManyAttemptsError.
        """
        checked_password(new, actor.name)
        # A finder of an open browser may guess no more than a stranger.
        with self._limits.attempt(actor.name, f"account {actor.id}"):
            try:
                known = await self._checked_password_of(actor.name, old)
            except SignInFailedError:
                raise CurrentPasswordWrongError from None
        hashed = await self._hashing.hash(new)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            if not await store.replace_password(
                actor.id, old_hash=known.password_hash, password_hash=hashed
            ):
                raise CurrentPasswordWrongError
            await store.end_sessions_of(actor.id)
            await record(connection, actor, _event(Action.PASSWORD_CHANGE, actor))

    async def sweep(self) -> int:
        """Delete what has expired; return how many rows."""
        async with self._database.connection() as connection:
            return await AccountStore(connection).sweep(self._clock.now())

    async def _checked_password_of(self, name: str, password: str) -> StoredPassword:
        """Return the stored password that the typed one matches.

        The work is the same for a wrong name, a wrong password and a locked account, and only the
        right password learns of the lock. Raises SignInFailedError, AccountLockedError.
        """
        async with self._database.connection() as connection:
            known = await AccountStore(connection).password_by_name(name)
        is_right = await self._hashing.matches(known.password_hash if known else None, password)
        if known is None or not is_right:
            raise SignInFailedError
        if known.is_locked:
            raise AccountLockedError
        return known

    async def _open_session(self, store: AccountStore, account_id: UUID, hashed: str) -> Secret:
        """Open a session for a person whose password has just matched this hash.

        Raises SignInFailedError when an operator changed the password or locked the person while
        it was checked.
        """
        token, now = new_token(), self._clock.now()
        if not await store.add_session(
            token.digest, account_id, password_hash=hashed, now=now, expires_at=now + SESSION_LASTS
        ):
            raise SignInFailedError
        return token


def _event(action: Action, account: Account) -> AuditEvent:
    return AuditEvent(action, ObjectType.PERSON, str(account.id), account.name)
