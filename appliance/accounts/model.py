"""People, and how they prove who they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from appliance.actors.model import Actor, Person


class Scope(StrEnum):
    """What an API key may do."""

    DOCUMENTS = "documents"
    SEARCH = "search"
    CHAT = "chat"


@dataclass(frozen=True, slots=True)
class Account(Person):
    """A person who may act as soon as they sign in or present a key."""

    display_name: str
    created_at: datetime
    locked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password as the database takes it: it stores the parameters, and a digest of the key."""

    parameters: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to prove a password, counted before its outcome is known.

    `seconds` above zero says how long to wait; there is no `attempt` then. `parameters` are those
    of the stored password, or None where there is none. `is_known`: the person has signed in before
    in this browser.
    """

    attempt: UUID | None
    seconds: float
    parameters: str | None
    is_known: bool


class Proof(StrEnum):
    """What came of an attempt; only the right password learns of a lock."""

    RIGHT = "right"
    WRONG = "wrong"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to open. `device` is the digest that makes the browser a known one, if any."""

    digest: bytes = field(repr=False)
    device: bytes | None = field(repr=False)
    opened_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Belongings:
    """How much is a person's alone: it is out of reach after a lock, and gone after a removal.

    `shared_documents` are those that the person added to shared collections: they stay. Sessions
    and keys are counted as long as they work.
    """

    account_id: UUID
    documents: int
    shared_documents: int
    conversations: int
    api_keys: int
    sessions: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret; `prefix` is what its owner recognises it by."""

    id: UUID
    account_id: UUID
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Who presented an API key, and what it allows.

    `actor` is the account, or the command line that acts for it without a key: `key_id` is the
    account's then.
    """

    account: Account
    key_id: UUID
    scopes: frozenset[Scope]
    actor: Actor
