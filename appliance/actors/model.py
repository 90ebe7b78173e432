"""Who acts: a person, the command line, the holder of a rescue code, or the appliance itself.

A service that changes something takes an `Actor`, requires the permission of it, and records it in
the audit. The name of an actor that is not a person has a space in it, which no sign-in name has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, TypeAlias
from uuid import UUID

from typing_extensions import override

from appliance.actors.errors import RescueOnlyError
from appliance.actors.permissions import PERMISSIONS, Kind, Permission, Role
from appliance.core.errors import ApplianceError, ForbiddenError


class _Permitted(ABC):
    """Looks up in the table what an actor may do."""

    __slots__ = ()
    _refusal: ClassVar[type[ApplianceError]] = ForbiddenError

    @property
    @abstractmethod
    def _row(self) -> Role | Kind:
        """The row of the table that applies."""

    def may(self, permission: Permission) -> bool:
        """Return whether the actor has the permission."""
        return permission in PERMISSIONS[self._row]

    def require(self, permission: Permission) -> None:
        """Raise ForbiddenError, or RescueOnlyError, unless the actor has the permission."""
        if not self.may(permission):
            raise self._refusal


@dataclass(frozen=True, slots=True)
class Person(_Permitted):
    """A person with an account; `appliance.accounts` knows more about them."""

    id: UUID
    name: str
    role: Role

    @property
    def phrase(self) -> str:
        """How a sentence names the actor."""
        return self.name

    @property
    @override
    def _row(self) -> Role:
        return self.role


@dataclass(frozen=True, slots=True)
class CommandLine(_Permitted):
    """The command line on the machine, run by root or by the account of the appliance."""

    name: ClassVar[str] = "command line"
    phrase: ClassVar[str] = "the command line"

    @property
    @override
    def _row(self) -> Kind:
        return Kind.COMMAND_LINE


@dataclass(frozen=True, slots=True)
class RescueCode(_Permitted):
    """The holder of a rescue code: a way into the console that names no person."""

    name: ClassVar[str] = "rescue code"
    phrase: ClassVar[str] = "the holder of a rescue code"
    _refusal = RescueOnlyError

    @property
    @override
    def _row(self) -> Kind:
        return Kind.RESCUE_CODE


@dataclass(frozen=True, slots=True)
class ClaimCode(_Permitted):
    """The holder of the claim code of a machine without an operator."""

    name: ClassVar[str] = "claim code"
    phrase: ClassVar[str] = "the holder of the claim code"

    @property
    @override
    def _row(self) -> Kind:
        return Kind.CLAIM_CODE


@dataclass(frozen=True, slots=True)
class System(_Permitted):
    """The appliance itself, at its start or on a schedule."""

    name: ClassVar[str] = "the appliance"
    phrase: ClassVar[str] = "the appliance"

    @property
    @override
    def _row(self) -> Kind:
        return Kind.SYSTEM


Actor: TypeAlias = Person | CommandLine | RescueCode | ClaimCode | System


def require_own(actor: Actor, owner: Person) -> None:
    """Raise ForbiddenError unless the actor is the owner, or may act for other people."""
    if not (isinstance(actor, Person) and actor.id == owner.id):
        actor.require(Permission.ACT_FOR_OTHERS)
