"""People, and how they prove who they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a person is to the machine."""

    OPERATOR = "operator"
    MEMBER = "member"


class Scope(StrEnum):
    """What an API key may do."""

    DOCUMENTS = "documents"
    SEARCH = "search"
    CHAT = "chat"


@dataclass(frozen=True, slots=True)
class Account:
    """A person who is signed in, or whose key was presented. Every service asks for one."""

    id: UUID
    name: str
    display_name: str
    role: Role
    created_at: datetime
    locked_at: datetime | None

    @property
    def is_operator(self) -> bool:
        """Whether the person runs the machine."""
        return self.role == Role.OPERATOR


def audit_name(actor: Account | None) -> str:
    """Return who acts, for the audit. Nobody's account is the command line's: it may do all."""
    return "command line" if actor is None else actor.name


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

    `by_command_line` says that the command line acts for the account, without a key: `key_id` is
    the account's then.
    """

    account: Account
    key_id: UUID
    scopes: frozenset[Scope]
    by_command_line: bool = False
