"""Claim the machine, sign in, stay signed in, and set a password."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from appliance.accounts.claim_limits import ClaimLimits
from appliance.accounts.errors import (
    AccountLockedError,
    CurrentPasswordWrongError,
    InvitationUsedError,
    SignInFailedError,
    TooManyAttemptsError,
)
from appliance.accounts.hashing import Hashing
from appliance.accounts.keys import revoke_all_keys
from appliance.accounts.login_limits import network_of
from appliance.accounts.model import Account, Attempt, NewSession, Proof
from appliance.accounts.names import checked_name, normal_name
from appliance.accounts.secrets import (
    ExpiringSecret,
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
from appliance.core.variables import CLAIM_MINUTES
from appliance.db.pool import Database

CLAIM_LASTS = timedelta(minutes=CLAIM_MINUTES.default)
SESSION_LASTS = timedelta(days=14)
# How stale "last seen" may get before a page view writes it down.
_SEEN_EVERY = timedelta(minutes=10)
_ASK_FOR_CLAIM = "Run “cloister claim” on the machine: it prints a new one, which works at once."
_ASK_FOR_LINK = "Ask an operator for a new link."


class Accounts:
    """Finds out who a visitor is. Every such method takes the proof, never an id.

    `claim_lasts` is how long a claim code works.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        passwords: Passwords,
        session_lasts: Callable[[], timedelta] = lambda: SESSION_LASTS,
        *,
        claim_lasts: timedelta = CLAIM_LASTS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._session_lasts = session_lasts
        self._hashing = Hashing(passwords)
        self._claim_lasts = claim_lasts
        self._claim_limits = ClaimLimits(clock)

    async def is_claimed(self) -> bool:
        """Say whether an operator exists who can sign in."""
        async with self._database.connection() as connection:
            return await AccountStore(connection).has_operator()

    async def new_claim_code(self, actor: Actor) -> ExpiringSecret:
        """Make the code that lets its holder become an operator; earlier codes stop working.

        It also is the way back in when the operator's password is lost. Raises ForbiddenError for
        people: only the command line and the appliance's own start may make one.
        """
        actor.require(Permission.CREATE_CLAIM_CODE)
        code, until = new_code(), self._clock.now() + self._claim_lasts
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            await store.add_invitation(code.digest, "claim", None, until)
            event = AuditEvent(Action.CLAIM_CODE_CREATE, ObjectType.CLAIM_CODE)
            await record(connection, actor, event)
        return ExpiringSecret(code.text, code.digest, until)

    async def check_claim_code(self, code: str, *, address: str = "") -> None:
        """Raise InvitationUsedError unless the code would claim this machine; it stays good.

        On a machine that has an operator, no code is good for what this is asked for. Raises
        TooManyAttemptsError as well.
        """
        await self._require_claim(code, address, unclaimed=True)

    async def claim(
        self,
        code: str,
        name: str,
        display_name: str,
        password: str,
        device: str = "",
        *,
        address: str = "",
    ) -> Secret:
        """Make the holder of a claim code an operator, and open their session.

        The code is used up in the same transaction that adds the person, so that two claims
        cannot both win and a refused name leaves the code good. A person of that name who is an
        operator already gets the new password instead: that replaces a lost password. Wrong codes
        are slowed down by the client's `address`, and in total.
        Raises InvitationUsedError, BadNameError, WeakPasswordError, NameTakenError,
        TooManyAttemptsError.
        """
        name = checked_name(name)
        checked_password(password, name)
        # Before anything that costs: strangers may send what they like.
        await self._require_claim(code, address)
        stored = await self._hashing.new(password)
        token, session = self._new_session(device)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            used = await store.use_invitation(code_digest(code), "claim", self._clock.now())
            if used is None:
                raise InvitationUsedError(remedy=_ASK_FOR_CLAIM)
            known = await store.account_by_name(name)
            if known is None or not known.may(Permission.USE_CONSOLE):
                shown = display_name.strip() or name
                known = await store.add_account(name, shown, Role.OPERATOR, stored)
            else:
                await store.set_password(known.id, stored)
                await store.set_locked(known.id, locked=False)
                await store.end_sessions_of(known.id)
            await record(connection, known, _event(Action.MACHINE_CLAIM, known))
            await store.open_session(known.id, session)
        return token

    async def _require_claim(self, code: str, address: str, *, unclaimed: bool = False) -> None:
        """Raise InvitationUsedError for a code that is not good, TooManyAttemptsError after many.

        With `unclaimed` no code is good where an operator exists.
        """
        await self._claim_limits.begin(address, code)
        async with self._database.connection() as connection:
            store = AccountStore(connection)
            is_good = await store.claim_is_open(code_digest(code), self._clock.now())
            if not is_good or (unclaimed and await store.has_operator()):
                raise InvitationUsedError(remedy=_ASK_FOR_CLAIM)
        self._claim_limits.succeeded(address, code)

    async def sign_in(self, name: str, password: str, address: str, device: str = "") -> Secret:
        """Open a session for a person who types the right password.

        Guessing is slowed down by name and by the client's `address`. `device` is the token of the
        browser: one in which the person has signed in before is not delayed by guesses elsewhere.
        The work is the same for a wrong name, a wrong password and a locked account.
        Raises SignInFailedError, AccountLockedError, TooManyAttemptsError.
        """
        name = normal_name(name)
        attempt, key = await self._attempt(name, password, network_of(address), device)
        token, session = self._new_session(device)
        async with self._database.connection() as connection:
            proof = await AccountStore(connection).sign_in(attempt.attempt, name, key, session)
        match proof:
            case Proof.RIGHT:
                return token
            case Proof.WRONG:
                raise SignInFailedError
            case Proof.LOCKED:
                raise AccountLockedError

    async def person(self, token: str) -> Account | None:
        """Return who is signed in with a token, or None."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            return await AccountStore(connection).account_by_session(digest(token), now)

    async def extend_session(self, token: str) -> None:
        """Keep a session in use from ending."""
        now = self._clock.now()
        until = now + self._session_lasts()
        async with self._database.connection() as connection:
            await AccountStore(connection).extend_session(
                digest(token), now=now, stale=now - _SEEN_EVERY, expires_at=until
            )

    async def sign_out(self, token: str) -> None:
        """End one session; open streams of the person are closed with it."""
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            owner = await store.end_session(digest(token))
            if owner is not None:
                await store.announce(owner)

    async def set_password(self, code: str, password: str, device: str = "") -> Secret:
        """Set the password of the person whom an invitation was made for; open their session.

        Raises InvitationUsedError, WeakPasswordError, TooManyAttemptsError.
        """
        async with self._database.connection() as connection:
            # Before anything that costs: strangers may send what they like.
            account = await AccountStore(connection).invited(code_digest(code), self._clock.now())
        if account is None:
            raise InvitationUsedError(remedy=_ASK_FOR_LINK)
        stored = await self._hashing.new(checked_password(password, account.name))
        token, session = self._new_session(device)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            if not await store.accept_invitation(code_digest(code), stored, session):
                raise InvitationUsedError(remedy=_ASK_FOR_LINK)
            await store.announce(account.id)
            await record(connection, account, _event(Action.PASSWORD_SET, account))
        return token

    async def change_password(
        self, actor: Account, old: str, new: str, *, revoke_keys: bool = False
    ) -> None:
        """Replace one's own password; every session of the person ends, and their keys if wanted.

        Raises CurrentPasswordWrongError, WeakPasswordError, TooManyAttemptsError.
        """
        checked_password(new, actor.name)
        # A finder of an open browser may guess no more than a stranger.
        attempt, key = await self._attempt(actor.name, old, f"account {actor.id}")
        stored = await self._hashing.new(new)
        async with self._database.transaction() as connection:
            store = AccountStore(connection)
            proof = await store.change_password(attempt.attempt, actor.name, key, stored)
            if proof is Proof.RIGHT:
                await store.announce(actor.id)
                await record(connection, actor, _event(Action.PASSWORD_CHANGE, actor))
                if revoke_keys:
                    await revoke_all_keys(connection, actor)
        # Outside of the transaction, which keeps a failed attempt.
        if proof is not Proof.RIGHT:
            raise CurrentPasswordWrongError

    async def sweep(self) -> int:
        """Delete what has expired; return how many rows."""
        async with self._database.connection() as connection:
            now = self._clock.now()
            return await AccountStore(connection).sweep(now, unseen=now - self._session_lasts())

    async def _attempt(
        self, name: str, password: str, network: str, device: str = ""
    ) -> tuple[Attempt, bytes]:
        """Begin an attempt; return it with the key that proves the password, if it is right.

        It counts as failed from now on, also if the caller is cancelled.
        Raises TooManyAttemptsError.
        """
        known = digest(device) if device else None
        async with self._database.connection() as connection:
            attempt = await AccountStore(connection).begin_attempt(name, network, known)
        if attempt.attempt is None:
            raise TooManyAttemptsError(seconds=int(attempt.seconds) + 1)
        try:
            # Strangers who fill the queue do not refuse a person in a browser of their own.
            key = await self._hashing.derive(
                attempt.parameters, password, in_any_case=attempt.is_known
            )
        except TooManyAttemptsError:
            async with self._database.connection() as connection:
                await AccountStore(connection).withdraw_attempt(attempt.attempt)
            raise
        return attempt, key

    def _new_session(self, device: str) -> tuple[Secret, NewSession]:
        """Return a new token, and what is kept of it."""
        token, now = new_token(), self._clock.now()
        known = digest(device) if device else None
        return token, NewSession(token.digest, known, now, now + self._session_lasts())


def _event(action: Action, account: Account) -> AuditEvent:
    return AuditEvent(action, ObjectType.PERSON, str(account.id), account.name)
