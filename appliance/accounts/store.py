"""Rows of people, sessions, invitations and keys."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from appliance.accounts.errors import NameTakenError
from appliance.accounts.model import (
    Account,
    ApiKey,
    Attempt,
    Belongings,
    KeyHolder,
    NewPassword,
    NewSession,
    Proof,
    Scope,
)
from appliance.accounts.names import normal_name
from appliance.actors.permissions import Role
from appliance.db.pool import Connection
from appliance.db.queries import Queries

if TYPE_CHECKING:
    from typing import LiteralString

_QUERIES = Queries("appliance.accounts")


def _account(
    id: UUID,  # noqa: A002
    name: str,
    display_name: str,
    role: str,
    created_at: datetime,
    locked_at: datetime | None,
) -> Account:
    return Account(id, name, Role(role), display_name, created_at, locked_at)


def _password(password: NewPassword) -> dict[str, object]:
    return {"parameters": password.parameters, "key": password.key}


def _session(session: NewSession) -> dict[str, object]:
    return {
        "digest": session.digest,
        "device": session.device,
        "opened_at": session.opened_at,
        "expires_at": session.expires_at,
    }


class AccountStore:
    """Reads and writes people, sessions, invitations and keys.

    Passwords and sessions are behind functions of the database, which take the proof. The role of
    the chat servers has no other way to them; what only the owner of the tables may call says so.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def _rows(self, query: str, /, **values: object) -> list[tuple[Any, ...]]:
        cursor = await self._connection.execute(_QUERIES[query], values)
        return await cursor.fetchall() if cursor.description else []

    async def _changed(self, query: str, /, **values: object) -> int:
        cursor = await self._connection.execute(_QUERIES[query], values)
        return cursor.rowcount

    async def _one_account(self, query: str, /, **values: object) -> Account | None:
        rows = await self._rows(query, **values)
        return _account(*rows[0]) if rows else None

    async def add_account(
        self, name: str, display_name: str, role: Role, password: NewPassword | None
    ) -> Account:
        """Insert a person, as the owner. Raises NameTakenError."""
        try:
            rows = await self._rows(
                "add_account",
                name=name,
                display_name=display_name,
                role=role,
                parameters=password.parameters if password else None,
                key=password.key if password else None,
            )
        except UniqueViolation as error:
            raise NameTakenError(name=name) from error
        return _account(*rows[0])

    async def account_by_name(self, name: str) -> Account | None:
        """Return the person with a sign-in name, however it is spelt."""
        return await self._one_account("account_by_name", name=normal_name(name))

    async def account_by_id(self, account_id: UUID) -> Account | None:
        """Return a person."""
        return await self._one_account("account_by_id", id=account_id)

    async def all_accounts(self) -> list[Account]:
        """Return everybody, by displayed name."""
        return [_account(*row) for row in await self._rows("all_accounts")]

    async def lock_operators(self) -> list[UUID]:
        """Return the operators who can sign in, and hold their rows until the commit."""
        return [row[0] for row in await self._rows("lock_operators")]

    async def set_role(self, account_id: UUID, role: Role) -> None:
        """Change what a person is."""
        await self._changed("set_role", id=account_id, role=role)

    async def set_locked(self, account_id: UUID, *, locked: bool) -> None:
        """Lock or unlock a person."""
        await self._changed("set_locked", id=account_id, locked=locked)

    async def set_password(self, account_id: UUID, password: NewPassword) -> None:
        """Replace a person's password without a proof, as the owner."""
        await self._changed("set_password", id=account_id, **_password(password))

    async def remove_account(self, account_id: UUID) -> None:
        """Delete a person with all that is theirs alone."""
        await self._changed("remove_account", id=account_id)

    async def belongings(self, account_id: UUID | None = None) -> list[Belongings]:
        """Return how much is a person's alone, or of each person, as the owner."""
        async with self._connection.cursor(row_factory=class_row(Belongings)) as cursor:
            await cursor.execute(_QUERIES["belongings"], {"id": account_id})
            return await cursor.fetchall()

    async def has_operator(self) -> bool:
        """Say whether the machine was claimed."""
        return bool((await self._rows("has_operator"))[0][0])

    async def begin_attempt(self, name: str, network: str, device: bytes | None) -> Attempt:
        """Count an attempt to prove a password, or learn how long to wait."""
        async with self._connection.cursor(row_factory=class_row(Attempt)) as cursor:
            values = {"name": name, "network": network, "device": device}
            await cursor.execute(_QUERIES["begin_attempt"], values)
            return (await cursor.fetchall())[0]

    async def withdraw_attempt(self, attempt: UUID) -> None:
        """Take back an attempt whose password was never compared."""
        await self._rows("withdraw_attempt", attempt=attempt)

    async def sign_in(
        self, attempt: UUID | None, name: str, key: bytes, session: NewSession
    ) -> Proof:
        """Open a session if the key is that of the person's password."""
        values = {"attempt": attempt, "name": name, "key": key, **_session(session)}
        return Proof((await self._rows("sign_in", **values))[0][0])

    async def change_password(
        self, attempt: UUID | None, name: str, old_key: bytes, password: NewPassword
    ) -> Proof:
        """Replace a password if the old key is right; the person's sessions end."""
        values = {"attempt": attempt, "name": name, "old_key": old_key, **_password(password)}
        return Proof((await self._rows("change_password", **values))[0][0])

    async def invited(self, code: bytes, now: datetime) -> Account | None:
        """Return who may set a password with a code."""
        return await self._one_account("invited", code=code, now=now)

    async def accept_invitation(
        self, code: bytes, password: NewPassword, session: NewSession
    ) -> bool:
        """Use a code up: set the password, end all sessions, open a new one. False if it is bad."""
        values = {"code": code, **_password(password), **_session(session)}
        return (await self._rows("accept_invitation", **values))[0][0] is not None

    async def open_session(self, account_id: UUID, session: NewSession) -> None:
        """Open a session without a proof, as the owner."""
        await self._rows("open_session", account_id=account_id, **_session(session))

    async def account_by_session(self, digest: bytes, now: datetime) -> Account | None:
        """Return who is signed in with a token."""
        return await self._one_account("account_by_session", digest=digest, now=now)

    async def extend_session(
        self, digest: bytes, *, now: datetime, stale: datetime, expires_at: datetime
    ) -> None:
        """Move the end of a session that was last seen before `stale`."""
        await self._rows(
            "extend_session", digest=digest, now=now, stale=stale, expires_at=expires_at
        )

    async def end_session(self, digest: bytes) -> UUID | None:
        """Close one session; return whose it was."""
        owner: UUID | None = (await self._rows("end_session", digest=digest))[0][0]
        return owner

    async def end_sessions_of(self, account_id: UUID) -> None:
        """Close all sessions of a person as the owner; their open streams close at the commit."""
        await self._changed("end_sessions_of", account_id=account_id)
        await self.announce(account_id)

    async def announce(self, revoked: UUID) -> None:
        """Make the chat servers close the open streams of a person or a key, at the commit."""
        await self._rows("announce", revoked=revoked)

    async def sweep(self, now: datetime, unseen: datetime) -> int:
        """Delete expired sessions and invitations, and sessions not seen since `unseen`.

        Return how many.
        """
        return int((await self._rows("sweep", now=now, unseen=unseen))[0][0])

    async def add_invitation(
        self, digest: bytes, purpose: str, account_id: UUID | None, expires_at: datetime
    ) -> None:
        """Keep a code that works once; it replaces the earlier ones of its purpose and person."""
        if account_id is None:
            await self._changed("withdraw_claims")
        else:
            await self._changed("withdraw_invitations_of", account_id=account_id)
        await self._changed(
            "add_invitation",
            digest=digest,
            purpose=purpose,
            account_id=account_id,
            expires_at=expires_at,
        )

    async def claim_is_open(self, digest: bytes, now: datetime) -> bool:
        """Say whether a claim code would work; `use_invitation` decides."""
        return bool((await self._rows("claim_is_open", digest=digest, now=now))[0][0])

    async def use_invitation(
        self, digest: bytes, purpose: str, now: datetime
    ) -> tuple[UUID | None] | None:
        """Use up a code; return its account (None inside for a claim), or None if it is bad."""
        rows = await self._rows("use_invitation", digest=digest, purpose=purpose, now=now)
        return (rows[0][0],) if rows else None

    async def add_api_key(
        self,
        account_id: UUID,
        *,
        name: str,
        prefix: str,
        digest: bytes,
        scopes: list[Scope],
        expires_at: datetime,
    ) -> ApiKey:
        """Keep a new key."""
        values = {
            "account_id": account_id,
            "name": name,
            "prefix": prefix,
            "digest": digest,
            "scopes": [str(scope) for scope in scopes],
            "expires_at": expires_at,
        }
        return (await self._keys(_QUERIES["add_api_key"], values))[0]

    async def api_keys_of(self, account_id: UUID) -> list[ApiKey]:
        """Return a person's keys, newest first."""
        return await self._keys(_QUERIES["api_keys_of"], {"account_id": account_id})

    async def holder(self, digest: bytes, now: datetime, stale: datetime) -> KeyHolder | None:
        """Return who holds a key that works, and note that it was used unless that is fresh."""
        rows = await self._rows("holder", digest=digest, now=now, stale=stale)
        if not rows:
            return None
        *account, key_id, scopes, is_stale = rows[0]
        if is_stale:
            await self._changed("touch_api_key", id=key_id, now=now)
        owner = _account(*account)
        return KeyHolder(owner, key_id, frozenset(map(Scope, scopes)), owner)

    async def _keys(self, query: LiteralString, values: dict[str, object]) -> list[ApiKey]:
        async with self._connection.cursor(row_factory=class_row(ApiKey)) as cursor:
            await cursor.execute(query, values)
            return await cursor.fetchall()

    async def remove_api_key(self, key_id: UUID, account_id: UUID) -> str | None:
        """Delete a person's key; return how it began, or None if there was none."""
        rows = await self._rows("remove_api_key", id=key_id, account_id=account_id)
        return str(rows[0][0]) if rows else None

    async def remove_api_keys_of(self, account_id: UUID) -> list[tuple[UUID, str]]:
        """Delete all keys of a person; return their ids and how they began."""
        rows = await self._rows("remove_api_keys_of", account_id=account_id)
        return [(row[0], row[1]) for row in rows]
